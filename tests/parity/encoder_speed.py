"""Texts a second of factsweep embed and of its peers on the same texts, one thread each, by turns.

    python tests/parity/encoder_speed.py --factsweep build/factsweep --model DIR --texts FILE [--count 2000] [--rounds 3]

FILE has a text a line. Loading the model is not counted on either side, tokenizing is. The best round counts.
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import tempfile
import time

import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformer


def plain_transformers(directory, dtype):
    """As a script would: batches of 32 as they come, padded, mean of the tokens, length 1."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModel.from_pretrained(directory, dtype=dtype).eval()

    def embed(texts):
        rows = []
        for i in range(0, len(texts), 32):
            batch = tokenizer(texts[i : i + 32], padding=True, truncation=True, max_length=256, return_tensors="pt")
            with torch.no_grad():
                state = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            rows.append(torch.nn.functional.normalize((state * mask).sum(1) / mask.sum(1), dim=1).float())
        return torch.cat(rows).numpy()

    return embed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--batch-tokens", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = [line.strip() for line in arguments.texts.read_text().splitlines() if line.strip()]
    texts = random.Random(1).sample(lines, arguments.count)
    sentence = SentenceTransformer(str(arguments.model), device="cpu", model_kwargs={"dtype": getattr(torch, arguments.dtype)})
    lengths = [min(len(ids), 256) for ids in sentence.tokenizer(texts)["input_ids"]]
    print(f"{len(texts)} texts of {np.mean(lengths):.1f} tokens, at most {max(lengths)}")
    peers = {"transformers, batches of 32": plain_transformers(arguments.model, getattr(torch, arguments.dtype)),
             "sentence-transformers, sorted": sentence.encode}  # fmt: skip
    best, rows = {}, {}
    for _ in range(arguments.rounds):
        for name, embed in peers.items():
            start = time.perf_counter()
            rows[name] = embed(texts)
            best[name] = min(best.get(name, 1e9), time.perf_counter() - start)
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run([arguments.factsweep, "embed", "--model", str(arguments.model), "--threads=1", "--device=cpu",
                                   f"--dtype={arguments.dtype}", f"--batch-tokens={arguments.batch_tokens}", "--output",
                                   f"{scratch}/rows.npy"], input="".join(json.dumps(text) + "\n" for text in texts),
                                  stderr=subprocess.PIPE, text=True, check=True)  # fmt: skip
            rows["factsweep"] = np.load(f"{scratch}/rows.npy")
        best["factsweep"] = min(best.get("factsweep", 1e9), float(re.search(r"texts in ([\d.]+) s", done.stderr)[1]))
    for name, seconds in best.items():
        difference = np.abs(rows[name] - rows["sentence-transformers, sorted"]).max()
        print(f"{name:32} {len(texts) / seconds:8.0f} texts/s {sum(lengths) / seconds:9.0f} tokens/s, differs by {difference:.1e}")


if __name__ == "__main__":
    main()
