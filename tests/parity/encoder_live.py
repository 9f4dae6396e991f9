"""factsweep embed against transformers, live: every family of encoders.py with fresh random weights, tokenizer and texts.

    python tests/parity/encoder_live.py --factsweep build/factsweep [--seeds 5] [--first-seed N] [--device cpu]
    python tests/parity/encoder_live.py --factsweep build/factsweep --model DIR --texts FILE [--count 500]

float32: largest difference below 1e-5 of the largest number. bfloat16: our error against transformers' float32 must be no worse
than that of transformers' own bfloat16, by root mean square over a family's seeds. With --model: that folder against
sentence-transformers, on the lines of FILE and on pieces of random Unicode.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import numpy as np
import torch
from encoders import ENCODERS, ODD, OLDER, WORDS, corpus, states, write_encoder

LARGEST = 1e-5  # of the largest number, float32


def embed(arguments, directory, texts, *options):
    """The rows, by JSON and by .npy, which must agree; and how many texts were cut."""
    with tempfile.TemporaryDirectory() as scratch:
        line = [arguments.factsweep, "embed", "--model", str(directory), "--threads=1", f"--device={arguments.device}", *options]
        lines = "".join(json.dumps(text if i % 2 else {"text": text}) + "\n" for i, text in enumerate(texts))
        outputs = []
        for output in ([], ["--output", f"{scratch}/rows.npy"]):
            done = subprocess.run(line + output, input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{' '.join(line)}: {done.stderr}")
            outputs.append(done.stdout)
        rows = np.array([json.loads(answer)["embedding"] for answer in outputs[0].splitlines()], dtype=np.float32)
        binary = np.load(f"{scratch}/rows.npy")
    assert binary.dtype == np.float32 and np.array_equal(rows, binary), "JSON and .npy differ"
    return torch.from_numpy(rows), int(done.stderr.split(" of them cut")[0].split()[-1])


def random_texts(generator, count):
    """Words, special tokens and any characters, in any mixture."""
    pieces = [*WORDS, "<pad>", "[PAD]", "<mask>", " ", "\n", "\u00a0"]
    pick = lambda: chr(generator.choice([generator.randrange(32, 0x500), generator.randrange(0x4E00, 0x9FFF)]))  # noqa: E731
    return ["".join(generator.choice([" ", ""]) + (generator.choice(pieces) if generator.random() < 0.8 else pick())
                    for _ in range(generator.randint(0, 40))) for _ in range(count)]  # fmt: skip


def compare(arguments, family, seeds):
    worst, count, cut, ours, theirs = 0.0, 0, 0, [], []
    for seed in seeds:
        generator = random.Random(seed)
        with tempfile.TemporaryDirectory() as scratch:
            directory = pathlib.Path(scratch)
            write_encoder(family, directory, seed, corpus(generator, 200))
            texts = ODD + corpus(generator, 60) + random_texts(generator, 60)
            exact = dict(zip(("cls", "mean", "truncated"), states(directory, texts, torch.float32)))
            narrow = dict(zip(("cls", "mean"), states(directory, texts, torch.bfloat16)))
            for pooling in ("cls", "mean"):
                options = [f"--pooling={pooling}", "--normalize=off", f"--batch-tokens={generator.choice([0, 1, 50, 500])}"]
                found, truncated = embed(arguments, directory, texts, *options)
                assert truncated == exact["truncated"], f"{truncated} texts cut, transformers {exact['truncated']}"
                worst = max(worst, ((found - exact[pooling]).abs().max() / exact[pooling].abs().max()).item())
                ours.append(embed(arguments, directory, texts, *options, "--dtype=bfloat16")[0] - exact[pooling])
                theirs.append(narrow[pooling] - exact[pooling])
                count, cut = count + len(texts), cut + truncated
    ours, theirs = (torch.cat(errors).square().mean().sqrt().item() for errors in (ours, theirs))
    print(f"{family:36} float32 {worst:.1e} of the largest number, {count} embeddings ({cut} cut), "
          f"bfloat16 rms error {ours:.5f}, transformers' own {theirs:.5f}", flush=True)  # fmt: skip
    return worst < LARGEST and ours <= arguments.slack * theirs


def compare_real(arguments, first):
    """A real folder, tokenized, cut, pooled and normalised by sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    generator = random.Random(first)
    lines = [line.strip() for line in arguments.texts.read_text().splitlines() if line.strip()]
    texts = generator.sample(lines, min(arguments.count, len(lines))) + random_texts(generator, arguments.count // 5)
    texts += [" ".join(lines[i : i + 40]) for i in range(0, 200, 40)] + [""]
    exact = torch.from_numpy(SentenceTransformer(str(arguments.model), device="cpu", model_kwargs={"dtype": torch.float32}).encode(texts))
    narrow = SentenceTransformer(str(arguments.model), device="cpu", model_kwargs={"dtype": torch.bfloat16}).encode(
        texts, convert_to_tensor=True).float()  # fmt: skip
    found, truncated = embed(arguments, arguments.model, texts)
    ours, theirs = embed(arguments, arguments.model, texts, "--dtype=bfloat16")[0] - exact, narrow - exact
    worst = ((found - exact).abs().max() / exact.abs().max()).item()
    ours, theirs = (error.square().mean().sqrt().item() for error in (ours, theirs))
    print(f"{arguments.model.name}: {len(texts)} texts ({truncated} cut), float32 {worst:.1e} of the largest number, bfloat16 rms "
          f"error {ours:.6f}, sentence-transformers' own {theirs:.6f}")  # fmt: skip
    return worst < LARGEST and ours <= arguments.slack * theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=None, help="default: by the clock")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--slack", type=float, default=1.1, help="of the bfloat16 errors' ratio: both are random, more so with few seeds")
    parser.add_argument("--model", type=pathlib.Path, help="compare this folder instead of random ones")
    parser.add_argument("--texts", type=pathlib.Path, help="a text a line")
    parser.add_argument("--count", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    first = random.SystemRandom().randrange(10**6) if arguments.first_seed is None else arguments.first_seed
    print(f"seeds {first} to {first + arguments.seeds - 1}")
    if arguments.model:
        failed = [] if compare_real(arguments, first) else [arguments.model.name]
    else:
        failed = [family for family in {**ENCODERS, **OLDER} if not compare(arguments, family, range(first, first + arguments.seeds))]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
