"""Makes stored references of what the classes of transformers 5 do to a tokenizer.json.

    python tests/parity/make_tokenizer_class_references.py

Each case is a stored tokenizer, changes to it, a tokenizer_config.json and a model's type; ids are those of AutoTokenizer.
Needs: pip install tokenizers transformers.
"""

import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

DATA = Path(__file__).resolve().parent.parent / "unit" / "text" / "data"
TEXTS = {
    "tiny_bpe": ["the river", " the river", "the 1840 e\u0301", "<|end|>the"],
    "tiny_fallback": ["the river", " the river", "a  b", "<s>the river", "the<s> river", ""],
    "tiny_wordpiece": ["The caf\u00e9 \u6771\u4eac", "CAFE cafe\u0301"],
    "tiny_unigram": ["the river", " the  river"],
}
BYTE_LEVEL = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [0], "tokens": ["<|end|>"]}},
}


def byte_level(kind, prefix, **more):
    """The steps of the class or model type `kind`, but for add_prefix_space."""
    steps = {"pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": prefix}}
    if kind.lower().startswith(("gptneox", "gpt_neox", "qwen")):
        steps["normalizer"] = {"type": "NFC"}
    if kind.lower().startswith("qwen"):
        split = {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
        last = BYTE_LEVEL | {"add_prefix_space": prefix, "use_regex": False}
        steps["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, last]}
    return steps | more


def cases():
    end = {"bos_token": "<|end|>", "eos_token": "<|end|>", "unk_token": "<|end|>", "pad_token": "<|end|>"}
    keys = [{}, {"add_prefix_space": False}, {"add_prefix_space": True}]
    for name in ("GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer", "Qwen2TokenizerFast"):
        for key in keys:
            for prefix in (False, True):
                yield "tiny_bpe", byte_level(name, prefix), end | {"tokenizer_class": name} | key, "gpt2"
    for model in ("gpt2", "gpt_neox", "gptj", "opt", "qwen2", "qwen3", "llama", "mistral", "bloom"):
        yield "tiny_bpe", byte_level(model, True), end, model
    yield "tiny_bpe", byte_level("gpt2", True), end | {"tokenizer_class": "PreTrainedTokenizerFast"}, "gpt2"
    yield "tiny_bpe", byte_level("qwen2", True), end | {"tokenizer_class": "PreTrainedTokenizerFast"}, "qwen2"
    yield "tiny_bpe", byte_level("bloom", True), end | {"tokenizer_class": "BloomTokenizerFast"}, "bloom"
    for model in ("gpt2", "gpt_neox"):
        yield "tiny_bpe", byte_level(model, False, post_processor=TEMPLATE), end, model

    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    llama = marks | {"tokenizer_class": "LlamaTokenizer"}
    never = {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}}
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False}
    for key in [*keys, {"legacy": True}, {"legacy": False}, {"legacy": True, "add_prefix_space": False}]:
        yield "tiny_fallback", {}, llama | key, "llama"
        yield "tiny_fallback", never, llama | key, "llama"
        yield "tiny_fallback", {"normalizer": None, "pre_tokenizer": metaspace}, llama | key, "llama"
    yield "tiny_fallback", {}, marks, "llama"
    yield "tiny_fallback", {}, llama | {"legacy": False}, "mistral"
    yield "tiny_fallback", {}, marks | {"tokenizer_class": "TokenizersBackend"}, "llama"

    for name in ("BertTokenizer", "MPNetTokenizer"):
        specials = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]",
                    "bos_token": "[CLS]", "eos_token": "[SEP]", "tokenizer_class": name}  # fmt: skip
        for key in [{}, {"do_lower_case": False}, {"strip_accents": False}, {"do_lower_case": False, "strip_accents": True},
                    {"tokenize_chinese_chars": False}]:  # fmt: skip
            for lower in (False, True):
                normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                              "strip_accents": True, "lowercase": lower}  # fmt: skip
                yield "tiny_wordpiece", {"normalizer": normalizer}, specials | key, "bert"
    for key in keys:
        yield "tiny_unigram", {}, marks | {"tokenizer_class": "XLMRobertaTokenizer"} | key, "xlm-roberta"


def reference(base, changes, config, model_type):
    description = json.loads((DATA / base / "tokenizer.json").read_text()) | changes
    with tempfile.TemporaryDirectory() as folder:
        files = {"tokenizer.json": description, "tokenizer_config.json": config, "config.json": {"model_type": model_type}}
        for name, content in files.items():
            Path(folder, name).write_text(json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = []
    for text in TEXTS[base]:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        texts.append({"text": text, "ids": ids, "special": tokenizer(text).input_ids,
                      "decoded": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})  # fmt: skip
    return {"base": base, "changes": changes, "config": config, "model_type": model_type, "texts": texts}


if __name__ == "__main__":
    found = [reference(*case) for case in cases()]
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in found)
    (DATA / "tokenizer_class_cases.json").write_text(f"[\n{lines}\n]\n")
    print(len(found), "cases")
