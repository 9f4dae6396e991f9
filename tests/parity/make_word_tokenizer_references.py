"""Makes stored references of the tokenizer components that byte-level BPE of GPT-2's kind does not use.

    python tests/parity/make_word_tokenizer_references.py

tiny_edges: a BPE whose tokens mark the end of each word, over bytes, so that its ids show the text after
every normalizer and the cuts of every pre-tokenizer. tiny_wordpiece, tiny_unigram, tiny_wordlevel: the other
models, their post-processors and decoders. tiny_spm_unigram: a tokenizer.model with a table of replacements.
tiny_fairseq, tiny_vocab_txt: the older files of XLM-RoBERTa, BERT and MPNet, as transformers reads them.
Needs: pip install tokenizers sentencepiece protobuf transformers.
"""

import base64
import gzip
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
from make_tokenizer_references import (
    BYTES_ONLY, CORPUS, DATA, LLAMA3, added, run_case, sequence, split, template, write,
)  # fmt: skip
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoTokenizer

# dense on purpose: each is seen by dozens of combinations
TEXTS = [
    "",
    "  The \u00c9clair's na\u00efve, I'LL  pay $3.50\u20ac (x_1)!\t\r\n\n caf\u00e9-e\u0301\u0323 \u212b\ufb01 ",
    "\u4e1c\u4eac\u3067\u751f\u308c\u3002\u30b9\u30fc \u0e01\u0e33\u0e32 \u0939\u093f\u0928\u094d\u0926\u0940 \u0645\u064e\u0631 \ud55c\uae00",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7\u2764\ufe0f \U00010400\U0001d7d8 \u00bd\u00b2\u2167\u0663 12a345",
    "\x00\x07\x7f\x85\u00a0\u00ad\u1680\u180e\u200b\u2028\u3000\ufeff\ufffd\ue000 \u2581\u2581a \u0130\u1e9e\u03a3 \u1734\u166d\u1df6",
    "do not [MASK] x[MASK] [mask]<low>LOW n't .A ? snake_caseXML2Json--==>\u00a1\u00bf",
]
LONG = [["ab", 5000], ["e\u0301", 5000], [" a", 3000], ["\u4e1c", 4000]]
REGEXES = [
    LLAMA3,
    r"[^(\s|[.,!?\u3002])]+",  # BLOOM's kind of nested class
    r"[\p{L}&&[^a-m]]+|[[:punct:]]",
    r"[^\W\d]+|\h{2,}+",
    r"\b\w|\B\d",
    r"\p{N}{1,2}+|\p{^L}\p{Letter}?",
    r"[a-z]{,2}|(?i:[A-C])",
    r"\d(?=\d)|(?<!\w)x|.$",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\u0061|\S[^\S ]|\v",
]
BEHAVIORS = ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"]


def train_spm(model_type, size, rules, **options):
    written = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as table:
        table.write("".join(rules))
        table.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS * 3), model_writer=written, vocab_size=size, model_type=model_type,
            normalization_rule_tsv=table.name, minloglevel=2, **options,
        )  # fmt: skip
    proto = sentencepiece_model_pb2.ModelProto.FromString(written.getvalue())
    proto.normalizer_spec.normalization_rule_tsv = ""  # the name of a file that is gone
    proto.trainer_spec.ClearField("accept_language")
    return proto


def rule(before, after):
    codes = [" ".join(f"{ord(c):X}" for c in text) for text in (before, after)]
    return "\t".join(codes) + "\n"


# a mark alone, a mark after a letter, a letter that begins a longer rule, a ligature, line ends, something dropped
RULES = [
    rule("e\u0301", "\u00e9"), rule("\ufb01", "fi"), rule("\u212b", "\u00c5"), rule("\u00bd", "1\u20442"), rule("\t", " "),
    rule("\n", " "), rule("\r", " "), rule("\u3000", " "), rule("\u00a0", " "), rule("\u0323", "."), rule("\u00ad", ""),
    rule("\u0e33", "\u0e4d\u0e32"), rule("\u212bx", "Y"), rule("\u30b9\u30fc", "S"), rule("\u00e9", "e"),
]  # fmt: skip


def edges():
    """Bytes as tokens, each also with the mark of a word's end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate(alphabet + [c + "</w>" for c in alphabet])}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": BYTES_ONLY, "post_processor": None,
        "decoder": sequence("decoders", {"type": "Replace", "pattern": {"String": "</w>"}, "content": ""}, BYTES_ONLY),
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": "</w>", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocab, "merges": [],
        },
    }  # fmt: skip


def cut(*steps):
    return {"pre_tokenizer": sequence("pretokenizers", *steps, BYTES_ONLY)}


def normalizer_cases():
    strip = {"type": "Strip", "strip_left": True, "strip_right": True}
    yield "BPEDecoder", {"decoder": {"type": "BPEDecoder", "suffix": "</w>"}}
    yield "NFD", {"normalizer": {"type": "NFD"}}
    yield "NFKC", {"normalizer": {"type": "NFKC"}}
    yield "Strip", {"normalizer": strip}
    yield "Strip left", {"normalizer": dict(strip, strip_right=False)}
    yield "Strip right", {"normalizer": dict(strip, strip_left=False)}
    accents = sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"})
    yield "StripAccents", {"normalizer": accents}
    yield "Nmt", {"normalizer": {"type": "Nmt"}}
    yield "ByteLevel", {"normalizer": {"type": "ByteLevel"}, "pre_tokenizer": None}
    string = {"type": "Replace", "pattern": {"String": ".A"}, "content": "<$1>"}
    yield "Replace", {"normalizer": string}
    yield "Replace regex", {"normalizer": dict(string, pattern={"Regex": "(l+|\\d+)"}, content="$1")}
    yield "Prepend", {"normalizer": {"type": "Prepend", "prepend": "\u2581"}}
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    yield "Bert", {"normalizer": bert}
    yield "Bert cased", {"normalizer": dict(bert, lowercase=False)}
    yield "Bert accents only", {"normalizer": dict(bert, lowercase=False, strip_accents=True, clean_text=False)}
    yield "Bert clean only", {"normalizer": dict(bert, lowercase=False, handle_chinese_chars=False)}
    charsmap = train_spm("unigram", 140, RULES).normalizer_spec.precompiled_charsmap
    yield "Precompiled", {"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}}


def cutting_cases():
    for kind in ["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"]:
        yield kind, cut({"type": kind})
    for behavior in BEHAVIORS:
        yield f"Punctuation {behavior}", cut({"type": "Punctuation", "behavior": behavior})
        for invert in [False, True]:
            yield f"Split {behavior} {invert}", cut(split({"Regex": r"\s|\p{P}"}, behavior, invert))
    yield "Split string", cut(split({"String": "e"}, "MergedWithNext"))
    for regex in REGEXES:
        yield regex, cut(split({"Regex": regex}, "Isolated"))
    yield "Digits", cut({"type": "Digits", "individual_digits": False})
    yield "each digit", cut({"type": "Digits", "individual_digits": True})
    yield "CharDelimiterSplit", cut({"type": "CharDelimiterSplit", "delimiter": "\u4eac"})
    yield "FixedLength", cut({"type": "FixedLength", "length": 3})
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}
    for scheme in ["first", "always", "never"]:
        yield f"Metaspace {scheme}", cut({"type": "Digits", "individual_digits": True}, dict(metaspace, prepend_scheme=scheme))
    yield "Metaspace whole", cut(dict(metaspace, split=False))


def wordpiece():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = "the na ##ive cafe ##s i ' ll pay $ 3 . 50 do not n t a ##b b ##a ( x ) ! \u4e1c \u4eac \u3002 e ##e snake _ case , - ? xml ##2"
    vocab = {token: i for i, token in enumerate(tokens + words.split())}
    around = template(["[CLS]"], ["[SEP]"])
    around["special_tokens"] = {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ["[CLS]", "[SEP]"]}
    return {
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 4096, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": [added(vocab[t], t, special=True, lstrip=t == "[MASK]") for t in tokens],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": around,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
    }  # fmt: skip


def wordpiece_cases(vocab):
    yield "plain", {}
    pair = {"sep": ["[SEP]", vocab["[SEP]"]], "cls": ["[CLS]", vocab["[CLS]"]]}
    yield "BertProcessing", {"post_processor": {"type": "BertProcessing", **pair}}
    roberta = {"type": "RobertaProcessing", **pair, "trim_offsets": True, "add_prefix_space": False}
    yield "RobertaProcessing", {"post_processor": sequence("processors", roberta, roberta)}
    yield "short words", {"model": {"max_input_chars_per_word": 3}, "decoder": None}
    yield "no clean-up", {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}}
    ctc = {"type": "CTC", "pad_token": "a", "word_delimiter_token": "e", "cleanup": True}
    yield "CTC", {"decoder": ctc}
    yield "CTC, no clean-up", {"decoder": dict(ctc, cleanup=False)}
    strip = {"type": "Strip", "content": "#", "start": 1, "stop": 0}
    replace = {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "$0"}
    yield "Strip and Replace", {"decoder": sequence("decoders", strip, replace)}
    yield "empty Sequence", {"decoder": sequence("decoders")}


def unigram(proto, byte_fallback=False):
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    around = template(["<s>"], ["</s>"])
    around["special_tokens"] = {t: {"id": t, "ids": [i], "tokens": [t]} for i, t in [(1, "<s>"), (2, "</s>")]}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(i, t, special=True) for i, t in enumerate(["<unk>", "<s>", "</s>"])],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace),
        "post_processor": around, "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": byte_fallback, "vocab": [[p.piece, p.score] for p in proto.pieces]},
    }  # fmt: skip


def converted_unigram(proto):
    """As SpmConverter of transformers makes it of a tokenizer.model."""
    base = unigram(proto)
    base["added_tokens"] = [added(i, p.piece, special=p.type == 3) for i, p in enumerate(proto.pieces) if p.type in (3, 4)]
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}
    base["normalizer"] = sequence("normalizers", base["normalizer"], strip, spaces)
    base["pre_tokenizer"] = base["decoder"]
    return base


def unigram_cases(vocab):
    yield "XLM-R", {}
    yield "one word", {"pre_tokenizer": None, "normalizer": None}
    # all scores alike: only the tie rules decide
    yield "ties", {"model": {"vocab": [[token, -1.0] for token, _ in vocab]}}
    fallback = vocab + [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
    steps = [{"type": "ByteFallback"}, {"type": "Fuse"}]
    yield "bytes", {"model": {"vocab": fallback, "byte_fallback": True}, "decoder": sequence("decoders", *steps)}
    some = vocab + [["\u4eac\u3067", -50.0], ["<0xE4>", -20.0]]
    yield "unknown characters that spell a token", {"model": {"vocab": some, "byte_fallback": True}}


def wordlevel():
    words = "<unk> the The a ab x 3 50 . , ! do not n't ' LL I pay \u4e1c\u4eac".split()
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {word: i for i, word in enumerate(words)}},
    }  # fmt: skip


def prefix_cases(alphabet):
    """BPE with a prefix inside words, unknown characters and fallback."""
    tokens = ["<unk>", "a", "b", "t", "##b", "##h", "##e", "th", "the", "ab", "##a", "##ab", "<0xC3>", "<0x89>", "\u4e1c"]
    model = {
        "vocab": {token: i for i, token in enumerate(tokens)}, "unk_token": "<unk>", "continuing_subword_prefix": "##",
        "end_of_word_suffix": None, "merges": [["t", "##h"], ["th", "##e"], ["a", "##b"], ["##a", "##b"]],
    }  # fmt: skip
    words = {"pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": None}
    yield "prefix", {"model": model, **words}
    yield "prefix, fused", {"model": dict(model, fuse_unk=True), **words}
    yield "prefix, bytes", {"model": dict(model, byte_fallback=True), **words}
    yield "no unknown token", {"model": dict(model, unk_token=None), **words}
    whole = {**model["vocab"], "e\u0301" * 5000: 15, "snake": 16}
    yield "whole words", {"model": dict(model, vocab=whole, ignore_merges=True), **words}


def fairseq():
    """A SentencePiece file laid out as XLM-RoBERTa's, and what may be beside it."""
    proto = train_spm("unigram", 145, RULES, user_defined_symbols=["[MASK]", "<low>"])
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "__type": "AddedToken"}
    name = {"tokenizer_class": "XLMRobertaTokenizer"}
    configs = [name, {**name, "mask_token": mask, "model_max_length": 512}, {"tokenizer_class": "XLMRobertaTokenizerFast", "add_prefix_space": False},
               {**name, "added_tokens_decoder": {"146": mask, "147": {**mask, "content": "LOW", "special": True}}}]  # fmt: skip
    return {"sentencepiece.bpe.model": proto.SerializeToString()}, configs


def vocab_txt():
    tokens = [*wordpiece()["model"]["vocab"], "<s>", "<pad>", "</s>", "\u00e9", "The", "##\u00e9", "LOW", "clair", "\u30b9", "\u30fc"]
    bert, mpnet = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "MPNetTokenizer"}
    configs = [bert, {**bert, "do_lower_case": False}, {**bert, "strip_accents": False}, {**bert, "do_lower_case": False, "strip_accents": True},
               {"tokenizer_class": "BertTokenizerFast", "tokenize_chinese_chars": False}, {**bert, "sep_token": "LOW", "unk_token": "the"},
               mpnet, {**mpnet, "do_lower_case": False, "cls_token": "[CLS]", "mask_token": "[MASK]"}]  # fmt: skip
    return {"vocab.txt": "".join(token + "\r\n" for token in tokens).encode()}, configs


def older_files(name, files, configs):
    """Ids and texts of transformers for each tokenizer_config.json beside the same files."""
    cases = []
    for config in configs:
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                Path(folder, file).write_bytes(content)
            Path(folder, "tokenizer_config.json").write_text(json.dumps(config))
            tokenizer = AutoTokenizer.from_pretrained(folder)
            texts = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False), "special": tokenizer.encode(text)} for text in TEXTS + CORPUS[:5]]
            for entry in texts:
                entry["decoded"] = tokenizer.decode(entry["ids"], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            cases.append({"config": config, "texts": texts})
    for file, content in files.items():
        Path(DATA, name).mkdir(exist_ok=True)
        Path(DATA, name, file).write_bytes(content)
    write_packed(f"{name}_cases.json.gz", cases)


def checksum(ids):
    return sum((i + 1) * token for i, token in enumerate(ids)) % 1000003


def long_texts(base):
    """Words of thousands of characters, told by a checksum."""
    tokenizer = Tokenizer.from_str(json.dumps(base))
    for unit, count in LONG:
        ids = tokenizer.encode(unit * count, add_special_tokens=False).ids
        yield {"repeat": [unit, count], "count": len(ids), "checksum": checksum(ids)}


def run_texts(base, label, changes):
    """A case of all texts that the library survives: on some it panics, which is no exception of Python's."""
    result = run_case(base, label, changes, [])
    for text in TEXTS:
        try:
            result["texts"] += run_case(base, label, changes, [text])["texts"]
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            print(f"{label}: tokenizers panics on {text!r}")
    return result


def write_packed(name, content):
    data = json.dumps(content, separators=(",", ":")).encode()
    Path(DATA, name).write_bytes(gzip.compress(data, mtime=0))


def store(name, base, cases):
    write(f"{name}/tokenizer.json", base)
    write_packed(f"{name}_cases.json.gz", [run_texts(base, label, changes) for label, changes in cases])
    write(f"{name}_long.json", list(long_texts(base)))


def main():
    base = edges()
    store("tiny_edges", base, [*normalizer_cases(), *cutting_cases(), *prefix_cases(base["model"]["vocab"])])
    base = wordpiece()
    store("tiny_wordpiece", base, wordpiece_cases(base["model"]["vocab"]))
    store("tiny_wordlevel", wordlevel(), [("plain", {})])
    proto = train_spm("unigram", 140, RULES, user_defined_symbols=["[MASK]"])
    base = unigram(proto)
    store("tiny_unigram", base, unigram_cases(base["model"]["vocab"]))
    Path(DATA, "tiny_spm_unigram").mkdir(exist_ok=True)
    Path(DATA, "tiny_spm_unigram", "tokenizer.model").write_bytes(proto.SerializeToString())
    # plain text as SentencePiece itself; odd text as transformers' conversion (SpmConverter), which differs
    model = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    results = [{"text": text, "ids": model.encode(text)} for text in CORPUS]
    converted = Tokenizer.from_str(json.dumps(converted_unigram(proto)))
    results += [{"text": text, "ids": converted.encode(text, add_special_tokens=False).ids} for text in TEXTS]
    write("tiny_spm_unigram_cases.json", results)
    older_files("tiny_fairseq", *fairseq())
    older_files("tiny_vocab_txt", *vocab_txt())


if __name__ == "__main__":
    main()
