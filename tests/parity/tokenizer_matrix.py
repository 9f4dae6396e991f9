"""Compares the C++ tokenizers with Hugging Face's tokenizers library on many strings, for every tokenizer at hand.

    python tests/parity/tokenizer_matrix.py --driver build/tests/tokenizer_driver [--data DIR] [--count 100000] [--only NAME] [--speed]

Tokenizers: those of DATA/tokenizers (gpt2, smollm2, gpt-neox-20b, llama2, minilm, the GGUF vocabularies, with the
pre-tokenizers of Llama 3, Qwen 2, o200k, BLOOM and DeepSeek on top) and the stored tiny ones. Half of the strings are
real text of DATA, half are random: fragments that have hurt tokenizers, and characters of Unicode 14. Compared are the
ids, the ids with special tokens and the decoded text. Exit code 1 when one string differs. --speed times the question
strings on one thread instead. Needs: pip install tokenizers gguf sentencepiece protobuf transformers.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RUST_BACKTRACE"] = "0"
from make_tokenizer_references import BYTE_LEVEL, BYTES_ONLY, LLAMA3, added, sequence, split, template  # noqa: E402
from tokenizer_parity import FRAGMENTS  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

STORED = Path(__file__).resolve().parents[1] / "unit" / "text" / "data"
MORE_FRAGMENTS = [
    "<|endoftext|>", "<|im_start|>", "<s>", "</s>", "<unk>", "[MASK]", "[CLS]", "##ing", "\u0e01\u0e33", "\u0300\u0323", "\u0345",
    "don't", "'RE", "a" * 40, "ab" * 300, "\u00ad", "\u200c", "\u200e", "\u1680", "\u2028", "\u20ac", "$9.99", "\u2026", "\u3002", "\u30fc\u30ab",
    "\u1100\u1161\u11a8", "\uff21\uff11", "\u01c5", "\u1fb3", "\u0130I\u0307", "\U0001d400", "\u2488", "\u33a5", "\ue000", "\U0010ffff", "\ufdfa",
]  # fmt: skip
LONGEST = 300  # characters of a string of real text
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
DEEPSEEK = [
    r"\p{N}{1,3}", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]  # fmt: skip


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


def file_strings(path):
    text = gzip.open(path, "rt", encoding="utf-8").read()
    if ".jsonl" in path.name:
        return [s for line in text.split("\n") if line for s in strings_of(json.loads(line))]
    return list(strings_of(json.loads(text))) if ".json" in path.name else text.split("\n\n")


def real_strings(data, count):
    """Strings from every file of the data folder, evenly."""
    pools = []
    for path in sorted(Path(data).rglob("*.gz")):
        if "tokenizers" not in path.parts and path.suffixes[-2] in (".json", ".jsonl", ".txt"):
            pools.append([s for s in file_strings(path) if s])
    draw = random.Random(11)
    texts = []
    for _ in range(count):
        text = draw.choice(draw.choice(pools))
        begin = draw.randrange(max(1, len(text) - LONGEST))
        texts.append(text[begin : begin + LONGEST])
    return texts


def random_strings(count, special):
    draw = random.Random(12)
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    common = [c for c in known if ord(c) < 0x3000]
    fragments = FRAGMENTS + MORE_FRAGMENTS + special * 2
    sources = [lambda: draw.choice(fragments), lambda: draw.choice(common), lambda: draw.choice(known), lambda: chr(draw.randrange(32, 127))]
    texts = ["", " ", "a" * 10000, "\U0001f600" * 3000, " " * 5000, "e\u0301" * 4000, "\n" * 100]
    while len(texts) < count:
        own = draw.sample(sources, draw.randint(1, 4))
        texts.append("".join(draw.choice(own)() for _ in range(draw.randint(1, 40))))
    return texts


def byte_level(vocab, merges, tokens=(), **parts):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": merges}  # fmt: skip
    own = [added(vocab[t], t, special=True) for t in tokens if t in vocab]
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": own, "normalizer": None,
            "pre_tokenizer": BYTE_LEVEL, "post_processor": BYTE_LEVEL, "decoder": BYTE_LEVEL, "model": model}  # fmt: skip
    return {**base, **parts}


def cut(*patterns):
    steps = [split({"Regex": pattern}, "Isolated") for pattern in patterns]
    return {"pre_tokenizer": sequence("pretokenizers", *steps, BYTES_ONLY)}


def unpacked(path):
    return gzip.decompress(path.read_bytes())


def two_files(folder):
    vocab = json.loads(unpacked(folder / "vocab.json.gz"))
    lines = unpacked(folder / "merges.txt.gz").decode().split("\n")
    return vocab, [line.split(" ") for line in lines if line and not line.startswith("#version")]


def gguf_vocabulary(path):
    from gguf import GGUFReader

    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(unpacked(path))
        file.flush()
        fields = GGUFReader(file.name).fields

    def strings(key):
        return [bytes(fields[key].parts[i]).decode() for i in fields[key].data] if key in fields else []

    tokens = strings("tokenizer.ggml.tokens")
    return {t: i for i, t in enumerate(tokens)}, [m.split(" ") for m in strings("tokenizer.ggml.merges")], tokens


def llama_json(vocab, order, legacy):
    """The published form of Llama 2's tokenizer.json: merges in the order of the pieces, runs of spaces last."""
    rank = {piece: i if piece.strip("\u2581") else len(order) for i, piece in enumerate(order)}
    halves = [(rank[p], -i, i - len(p), [p[:i], p[i:]]) for p in order for i in range(1, len(p)) if p[:i] in vocab and p[i:] in vocab]
    merges = [pair for *_, pair in sorted(halves, key=lambda item: item[:3])]
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    back = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    around = template(["<s>"], [])
    around["special_tokens"] = {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
    specials = [added(vocab[t], t, special=True) for t in ("<unk>", "<s>", "</s>")]
    parts = {
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, mark) if legacy else None,
        "pre_tokenizer": None if legacy else metaspace, "post_processor": around, "added_tokens": specials,
        "decoder": sequence("decoders", back, {"type": "ByteFallback"}, {"type": "Fuse"}, strip),
    }  # fmt: skip
    made = byte_level(vocab, merges, **parts)
    made["model"].update(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    return made


def full_unigram():
    """A unigram model with the whole table nmt_nfkc, as XLM-R has it."""
    import io

    import sentencepiece
    from make_tokenizer_references import CORPUS
    from make_word_tokenizer_references import unigram
    from sentencepiece import sentencepiece_model_pb2

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 3), model_writer=written, vocab_size=150, model_type="unigram", minloglevel=2)  # fmt: skip
    return unigram(sentencepiece_model_pb2.ModelProto.FromString(written.getvalue()))


def read_by_transformers(name, files, config):
    """Older files have no description of their own: what transformers builds of them is the reference."""
    from transformers import AutoTokenizer

    files = {**files, "tokenizer_config.json": json.dumps(config).encode()}
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        return name, files, json.loads(AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str())


def older_files(data):
    """vocab.txt of BERT and MPNet, and a sentencepiece.bpe.model as XLM-RoBERTa's, trained here on the data's texts."""
    import io

    import sentencepiece

    vocab = json.loads(unpacked(Path(data, "tokenizers", "minilm-wordpiece", "tokenizer.json.gz")))["model"]["vocab"]
    vocab = {"vocab.txt": "".join(token + "\n" for token in sorted(vocab, key=vocab.get)).encode()}
    bert, mpnet = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "MPNetTokenizer"}
    yield read_by_transformers("minilm (vocab.txt)", vocab, bert)
    yield read_by_transformers("minilm (vocab.txt), cased", vocab, {**bert, "do_lower_case": False, "tokenize_chinese_chars": False})
    yield read_by_transformers("minilm (vocab.txt) as mpnet", vocab, {**mpnet, "strip_accents": False})
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(real_strings(data, 20000)), model_writer=written, vocab_size=8000, model_type="unigram", minloglevel=2)  # fmt: skip
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "__type": "AddedToken"}
    config = {"tokenizer_class": "XLMRobertaTokenizer", "mask_token": mask}
    yield read_by_transformers("xlm-roberta (sentencepiece.bpe.model)", {"sentencepiece.bpe.model": written.getvalue()}, config)


def tokenizers_at_hand(data):
    """(name, files for the C++ side, description for the Python side)."""
    shared = Path(data) / "tokenizers"
    end = ["<|endoftext|>"]
    vocab, merges = two_files(shared / "gpt2")
    gpt2 = byte_level(vocab, merges, end)
    files = {name: unpacked(shared / "gpt2" / f"{name}.gz") for name in ("vocab.json", "merges.txt")}
    yield "gpt2 (two files)", files, dict(gpt2, post_processor=None)
    yield "gpt2", None, gpt2
    for name, parts in [("llama3", cut(LLAMA3)), ("o200k", cut(O200K)), ("bloom", cut(BLOOM)), ("deepseek", cut(*DEEPSEEK))]:
        yield f"gpt2 with the cuts of {name}", None, {**gpt2, **parts}
    vocab, merges = two_files(shared / "smollm2")
    digits = sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, BYTE_LEVEL)
    yield "smollm2", None, byte_level(vocab, merges, [t for t in vocab if t.startswith("<")], pre_tokenizer=digits)
    qwen = byte_level(vocab, merges, ["<|im_start|>", "<|im_end|>"], normalizer={"type": "NFC"}, **cut(QWEN2))
    yield "smollm2 with the cuts of qwen2", None, qwen
    yield "gpt-neox-20b", None, json.loads(unpacked(shared / "gpt-neox-20b" / "20B_tokenizer.json.gz"))
    yield "minilm", None, json.loads(unpacked(shared / "minilm-wordpiece" / "tokenizer.json.gz"))
    for name in ["gpt-2", "gpt-neox"]:
        vocab, merges, _ = gguf_vocabulary(shared / "test_vectors" / f"ggml-vocab-{name}.gguf.gz")
        yield f"gguf {name}", None, byte_level(vocab, merges, end)
    vocab, _, order = gguf_vocabulary(shared / "test_vectors" / "ggml-vocab-llama-spm.gguf.gz")
    legacy, new = llama_json(vocab, order[259:], True), llama_json(vocab, order[259:], False)
    yield "gguf llama-spm", None, legacy
    yield "gguf llama-spm, not legacy", None, new
    model = unpacked(shared / "llama2" / "tokenizer.model.gz")
    yield "llama2 (tokenizer.model)", {"tokenizer.model": model}, legacy
    yield "llama2 (tokenizer.model), not legacy", {"tokenizer.model": model, "tokenizer_config.json": b'{"legacy":false,"add_bos_token":true}'}, new
    yield "unigram with nmt_nfkc", None, full_unigram()
    yield from older_files(data)
    for name in ["bpe", "fallback", "edges", "wordpiece", "wordlevel", "unigram"]:
        yield f"tiny {name}", None, json.loads((STORED / f"tiny_{name}" / "tokenizer.json").read_text())


def drive(driver, files, texts, *options):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        done = subprocess.run([driver, folder, *options], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().removesuffix("\n").split("\n")


def expected(tokenizer, text):
    """None where the library itself panics."""
    try:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return [ids, tokenizer.encode(text).ids, tokenizer.decode(ids)]
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def compare(name, driver, files, tokenizer, texts):
    found = drive(driver, files, texts)
    panics = wrong = tokens = 0
    for text, line in zip(texts, found, strict=True):
        want = expected(tokenizer, text)
        panics += want is None
        if want is None or json.loads(line) == want:
            tokens += len(want[0]) if want else 0
            continue
        wrong += 1
        if wrong <= 3:
            print(f"  {text[:200]!r}\n    expected {str(want)[:400]}\n    found    {line[:400]}")
    print(f"{name}: {len(texts)} strings, {tokens} tokens, {wrong} differ" + (f", {panics} the library panics on" if panics else ""), flush=True)
    return wrong


def time_both(name, driver, files, tokenizer, texts):
    size = sum(len(text.encode()) for text in texts)
    ours = float(drive(driver, files, texts, "--speed")[0])
    theirs = batch = 1e9
    for _ in range(3):
        start = time.perf_counter()
        for text in texts:
            tokenizer.encode(text, add_special_tokens=False)
        theirs = min(theirs, time.perf_counter() - start)
        start = time.perf_counter()
        tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        batch = min(batch, time.perf_counter() - start)
    rates = [f"{len(texts) / s:,.0f} strings/s {size / s / 1e6:.1f} MB/s" for s in (ours, theirs, batch)]
    print(f"{name}: ours {rates[0]}; tokenizers {rates[1]}, as one batch {rates[2]}; x{min(theirs, batch) / ours:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--data", default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--only", default="", help="tokenizers whose name contains this")
    parser.add_argument("--speed", action="store_true", help="time the questions on one thread")
    arguments = parser.parse_args()

    questions = Path(arguments.data, "entityquestions") if arguments.speed else arguments.data
    real = real_strings(questions, arguments.count if arguments.speed else arguments.count // 2)
    wrong = 0
    for name, files, description in tokenizers_at_hand(arguments.data):
        if arguments.only not in name:
            continue
        tokenizer = Tokenizer.from_str(json.dumps(description))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        files = files or {"tokenizer.json": json.dumps(description).encode()}
        if arguments.speed:
            time_both(name, arguments.driver, files, tokenizer, real)
            continue
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:40]
        wrong += compare(name, arguments.driver, files, tokenizer, real + random_strings(arguments.count - len(real), special))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
