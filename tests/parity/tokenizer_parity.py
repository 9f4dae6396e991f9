"""Compares `factsweep tokenize` with the Python tokenizer of the same model, id by id.

    python tests/parity/tokenizer_parity.py --factsweep build/factsweep --model DIR [--data DIR] [--count 10000]

The reference is the tokenizers library for tokenizer.json, sentencepiece for tokenizer.model and
transformers' GPT2Tokenizer for vocab.json with merges.txt. The texts are EntityQuestions questions and
answers, spread evenly over all relations, and odd texts made here. Exit code 1 when one id differs.
"""

import argparse
import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FRAGMENTS = [
    " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u200d", "\u200b", "\u0085", "\u180e",
    "a", "B", "the", " The", "I'm", "we'll", "DON'T", "'s", "0", "7", "12", "345", "2024", "3.14", "1,000", "\u0663",
    "\u00bd", "\u00b2", "\u2167", "!", "?!", "...", "\u2014", "-", "_", "(", "[]", "{}", "<", "<|", "|>", "http://x.y/z?q=1",
    "\u00e9", "e\u0301", "\u00df", "\u0130", "\u0131", "\u017f", "\u212a", "\ufb01", "\u00c5", "\u212b", "\u0410\u043d\u043d\u0430",
    "\u0441\u043b\u043e\u0432\u043e", "\u4e2d\u6587", "\u65e5\u672c\u8a9e", "\ud55c\uad6d\uc5b4", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\u05e9\u05dc\u05d5\u05dd", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0e44\u0e17\u0e22", "\U0001f600", "\U0001f1eb\U0001f1f7",
    "\U0001f469\u200d\U0001f4bb", "\u2764\ufe0f", "\U00010348", "\u2581", "\u2581x", "<s>x", "\x00", "\x1f", "\ufffd", "\ufeff",
]  # fmt: skip


def questions(data, count):
    """`count` texts from all relations: questions, answers, and few-shot prompts of both."""
    texts = []
    files = sorted(Path(data, "entityquestions", "train").glob("*.json*"))
    if not files:
        sys.exit(f"{data}/entityquestions/train: no question files.")
    share = -(-count // len(files))
    for file in files:
        opened = gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else open(file, encoding="utf-8")
        with opened as stream:
            entries = json.load(stream)
        for i, entry in enumerate(entries[:share]):
            question, answer = entry["question"], entry["answers"][0]
            forms = [question, f"Q: {question}\nA: {answer}\n\n", f" {answer}", answer]
            texts.append(forms[i % len(forms)])
    return texts[:count]


def odd_texts(count, special):
    """Random strings of awkward fragments; `special` (added tokens) are strewn in."""
    draw = random.Random(7)
    fragments = FRAGMENTS + special
    texts = ["", " ", "  ", "\n", "a" * 5000, " " * 300, "\U0001f600" * 200]
    while len(texts) < count:
        texts.append("".join(draw.choice(fragments) for _ in range(draw.randint(1, 12))))
    return texts


def unpack(directory, target):
    """Copies the tokenizer's files, gunzipped, so that Python libraries can read them."""
    for file in Path(directory).iterdir():
        if file.suffix == ".gz":
            Path(target, file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        elif file.suffix in (".json", ".txt", ".model"):
            shutil.copy(file, target)


def reference(directory):
    """(encode, added tokens) of the Python tokenizer."""
    if Path(directory, "tokenizer.json").exists():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(Path(directory, "tokenizer.json")))
        added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids, added
    if Path(directory, "tokenizer.model").exists():
        import sentencepiece

        model = sentencepiece.SentencePieceProcessor(str(Path(directory, "tokenizer.model")))
        return model.encode, []
    from transformers import GPT2Tokenizer

    tokenizer = GPT2Tokenizer.from_pretrained(directory)
    return lambda text: tokenizer.encode(text, add_special_tokens=False), ["<|endoftext|>"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True, help="the program")
    parser.add_argument("--model", required=True, help="folder with the tokenizer")
    parser.add_argument("--data", default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--count", type=int, default=10000, help="questions; a fifth as many odd texts")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        unpack(arguments.model, folder)
        encode, added = reference(folder)
        # sentencepiece knows no special tokens: <s> in a text is recognised by factsweep, as by transformers
        odd = odd_texts(arguments.count // 5, added)
        if not added:
            odd = [text for text in odd if "<s>" not in text]
        texts = questions(arguments.data, arguments.count) + odd
        expected = [encode(text) for text in texts]

    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [arguments.factsweep, "tokenize", "--model", arguments.model]
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    found = [json.loads(line)["ids"] for line in done.stdout.splitlines()]
    if len(found) != len(texts):
        sys.exit(f"{len(texts)} texts went in, {len(found)} came out.")
    wrong = [i for i in range(len(texts)) if found[i] != expected[i]]
    for i in wrong[:10]:
        print(f"{texts[i]!r}\n  expected {expected[i]}\n  found    {found[i]}")
    total = sum(map(len, expected))
    print(f"{arguments.model}: {len(texts)} texts, {total} tokens, {len(wrong)} texts differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
