"""Makes the stored tokenizers and expected ids under tests/unit/text/data.

    python tests/parity/make_tokenizer_references.py

Trains a tiny byte-level BPE (tokenizers) and a tiny SentencePiece model with byte fallback, then writes
what the Python libraries make of the texts below under many combinations of components.
Needs: pip install tokenizers sentencepiece.
"""

import copy
import io
import json
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

DATA = Path(__file__).resolve().parents[1] / "unit" / "text" / "data"

CORPUS = """\
Where was Edith Mair Leonard born?
In which country is the town of Lysehullet?
What is the capital of Kenya? The capital of Kenya is Nairobi.
Who is the author of The Old Curiosity Shop? Charles Dickens wrote it in 1840 and 1841.
I'm sure they'll say that we've seen it, isn't it so? He'd know; you're right.
The quick brown fox jumps over the lazy dog, and the dog doesn't care at all.
Question: who founded the company? Answer: the company was founded by two brothers.
What music label is represented by the band? What language was the book written in?
Gr\u00fc\u00dfe aus M\u00fcnchen, voil\u00e0 l'\u00e9t\u00e9 \u00e0 Gen\u00e8ve, ma\u00f1ana por la ma\u00f1ana.
\u041c\u043e\u0441\u043a\u0432\u0430 \u0441\u0442\u043e\u043b\u0438\u0446\u0430 \u0420\u043e\u0441\u0441\u0438\u0438, \u4e1c\u4eac\u662f\u65e5\u672c\u7684\u9996\u90fd.
    indented  text  with   runs    of spaces and\ttabs
""".splitlines()

TEXTS = [
    "",
    " ",
    "Where was Edith Mair Leonard born?",
    " What is the capital of  Kenya?\n\nNairobi.",
    "They'll say I'M sure, it's 1840 or 1841x23 \u00bd\u00b2\u0663.",
    "Gr\u00fc\u00dfe,  ma\u00f1ana\tl'e\u0301te\u0301 \ufb01n \u212b\u0130\u017f",
    "\u041c\u043e\u0441\u043a\u0432\u0430 \u4e1c\u4eac \u0939\u093f\u0928\u094d\u0926\u0940 \U0001f600\U0001f469\u200d\U0001f4bb",
    "a\u00a0b\u3000c\u180ed\u200be\u0085f\r\n  g   ",
    "<|end|>What<|end|> <mid> the<mid>  dog  <low>Low <LOW>x <wd> x<wd>y <wd>",
    "snake_case-and CamelCase: (x[1] != y{2});...",
    "\u2581x \u2581\u2581 _ \x00\x1f\ufffd",
]

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BYTES_ONLY = dict(BYTE_LEVEL, use_regex=False)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def sequence(kind, *steps):
    return {"type": "Sequence", kind: list(steps)}


def added(identifier, content, **flags):
    plain = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": identifier, "content": content, **plain, **flags}


def template(before, after):
    items = [{"SpecialToken": {"id": name, "type_id": 0}} for name in before]
    items.append({"Sequence": {"id": "A", "type_id": 0}})
    items += [{"SpecialToken": {"id": name, "type_id": 0}} for name in after]
    names = {name: {"id": name, "ids": [0], "tokens": [name]} for name in before + after}
    pair = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": items, "pair": pair, "special_tokens": names}


def train_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=450, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return json.loads(tokenizer.to_str())


def train_sentencepiece():
    written = io.BytesIO()  # a file's name would become part of the model
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 3), model_writer=written, vocab_size=420, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.99, split_digits=True, minloglevel=2,
    )  # fmt: skip
    return written.getvalue()


def as_json(model):
    """The SentencePiece model as tokenizer.json, in the form of the published Llama 2."""
    pieces = [model.id_to_piece(i) for i in range(model.get_piece_size())]
    rank = {piece: -model.get_score(i) for i, piece in enumerate(pieces)}
    merges = []
    for piece in pieces[3:]:
        halves = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        merges += [(rank[piece], pair) for pair in halves if pair[0] in rank and pair[1] in rank]
    merges = [list(pair) for _, pair in sorted(merges, key=lambda item: item[0])]
    underline = "\u2581"
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": underline}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    spaces = {"type": "Replace", "pattern": {"String": underline}, "content": " "}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added(i, pieces[i], special=True) for i in range(3)],
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": underline}, replace),
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": sequence("decoders", spaces, {"type": "ByteFallback"}, {"type": "Fuse"}, strip),
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": merges,
        },
    }  # fmt: skip


def byte_level_cases(size):
    digits = {"type": "Digits", "individual_digits": True}
    words = {"String": "the"}
    yield "plain", {}
    yield "prefix space", {"pre_tokenizer": dict(BYTE_LEVEL, add_prefix_space=True)}
    yield "SmolLM2", {"pre_tokenizer": sequence("pretokenizers", digits, BYTE_LEVEL)}
    yield "digit runs", {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": False}, BYTES_ONLY)}
    llama3 = split({"Regex": LLAMA3}, "Isolated")
    yield "Llama 3", {"pre_tokenizer": sequence("pretokenizers", llama3, BYTES_ONLY), "model": {"ignore_merges": True}}
    for behavior in ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"]:
        spaces = split({"Regex": r"\s"}, behavior)
        yield f"{behavior} spaces", {"pre_tokenizer": sequence("pretokenizers", spaces, BYTES_ONLY)}
    yield "inverted split", {"pre_tokenizer": sequence("pretokenizers", split(words, "Removed", True), BYTES_ONLY)}
    whitespace = sequence("pretokenizers", {"type": "Whitespace"}, BYTES_ONLY)
    yield "no words", {"pre_tokenizer": sequence("pretokenizers", split({"Regex": r"\w+"}, "Removed"), BYTES_ONLY)}
    yield "words", {"pre_tokenizer": sequence("pretokenizers", split({"Regex": r"\W|[^\S ]"}, "Removed"), BYTES_ONLY)}
    yield "whitespace", {"pre_tokenizer": whitespace}
    punctuation = {"type": "Punctuation", "behavior": "Contiguous"}
    yield "punctuation", {"pre_tokenizer": sequence("pretokenizers", punctuation, {"type": "WhitespaceSplit"}, BYTES_ONLY)}
    for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]:
        yield form, {"normalizer": {"type": form}}
    shorten = {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}
    yield "sequence", {"normalizer": sequence("normalizers", {"type": "NFC"}, shorten, {"type": "Prepend", "prepend": "> "})}
    tokens = [
        added(0, "<|end|>", special=True),
        added(size, "<mid>", lstrip=True, rstrip=True),
        added(size + 1, "<LOW>", normalized=True),
        added(size + 2, "<wd>", single_word=True),
        added(size + 3, "  ", normalized=True),
    ]
    yield "added tokens", {"added_tokens": tokens, "normalizer": {"type": "Lowercase"}}
    around = sequence("processors", BYTE_LEVEL, template(["<|end|>"], ["<|end|>", "<|end|>"]))
    yield "template", {"post_processor": around}


def fallback_cases():
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    yield "Llama 2", {}
    yield "Metaspace first", {"normalizer": None, "pre_tokenizer": metaspace}
    yield "Metaspace always, split", {"normalizer": None, "pre_tokenizer": dict(metaspace, prepend_scheme="always", split=True)}
    digits = {"type": "Digits", "individual_digits": True}
    yield "Metaspace after digits", {"normalizer": None, "pre_tokenizer": sequence("pretokenizers", digits, metaspace)}
    decoder = dict(metaspace, prepend_scheme="never")
    yield "Metaspace never", {"normalizer": None, "pre_tokenizer": decoder, "decoder": decoder}
    yield "unknown characters", {"model": {"byte_fallback": False}}
    yield "unknown, not fused", {"model": {"byte_fallback": False, "fuse_unk": False}, "decoder": None}


def run_case(base, name, changes, texts):
    description = copy.deepcopy(base)
    for key, value in changes.items():
        description[key] = {**description[key], **value} if key == "model" else value
    tokenizer = Tokenizer.from_str(json.dumps(description))
    results = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        special = tokenizer.encode(text).ids
        result = {"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "special": special}
        # the usual values are left out, to keep the file small
        usual = {"decoded": text, "special": ids}
        results.append({key: value for key, value in result.items() if usual.get(key) != value})
    return {"name": name, "changes": changes, "texts": results}


def sentencepiece_texts(model):
    """Ids as LlamaTokenizer makes them: special tokens found first, the space before the text once or each time."""
    no_prefix = sentencepiece.SentencePieceProcessor()
    # protobuf merges a message that occurs twice: this sets normalizer_spec.add_dummy_prefix to false
    no_prefix.LoadFromSerializedProto(model.serialized_model_proto() + b"\x1a\x02\x18\x00")
    texts = [text for text in TEXTS if text]
    plain = [{"text": text, "ids": model.encode(text), "decoded": model.decode(model.encode(text))} for text in texts]
    parts = ["What is", " Kenya", "born"]
    joined = "<s>".join(parts)
    first = model.encode(parts[0])
    later = [no_prefix.encode(part) for part in parts[1:]]
    legacy = [model.encode(part) for part in parts[1:]]
    return {
        "plain": plain,
        "joined": joined,
        "joined_ids": first + [1] + later[0] + [1] + later[1],
        "joined_legacy_ids": first + [1] + legacy[0] + [1] + legacy[1],
    }


def write(name, content):
    path = DATA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    bpe = train_bpe()
    cases = [run_case(bpe, *case, TEXTS) for case in byte_level_cases(len(bpe["model"]["vocab"]))]
    write("tiny_bpe/tokenizer.json", bpe)
    write("tiny_bpe_cases.json", cases)
    proto = train_sentencepiece()
    Path(DATA, "tiny_spm").mkdir(exist_ok=True)
    Path(DATA, "tiny_spm", "tokenizer.model").write_bytes(proto)
    model = sentencepiece.SentencePieceProcessor(model_proto=proto)
    write("tiny_spm_cases.json", sentencepiece_texts(model))
    fallback = as_json(model)
    write("tiny_fallback/tokenizer.json", fallback)
    write("tiny_fallback_cases.json", [run_case(fallback, *case, TEXTS) for case in fallback_cases()])


if __name__ == "__main__":
    main()
