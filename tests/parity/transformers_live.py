"""score and generate against transformers, live: every family of families.py with fresh random weights.

    python tests/parity/transformers_live.py --factsweep build/factsweep [--seeds 3] [--first-seed N] [--device cpu]

float32: log-probabilities within 1e-4 of the logits' scale, greedy answers equal (but for ties). bfloat16: our error against
transformers' float32 must be no worse than that of transformers' own bfloat16, by root mean square over a family's seeds.
"""

import argparse
import json
import math
import pathlib
import random
import subprocess
import tempfile

import torch
from families import FAMILIES, build, configure
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

LARGEST = 1e-4  # of the largest logit, float32
TIE = 1e-4  # two best logits closer than this share of the largest may change places
PROMPTS, NEW_TOKENS = 12, 10
LETTERS = [chr(code) for code in range(33, 127)]  # ids 2.. ; the families have 96 ids


def write_tokenizer(directory):
    vocabulary = {letter: i for i, letter in enumerate(["<s>", "</s>", *LETTERS])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(directory / "tokenizer.json"))
    return vocabulary


def texts(generator):
    return ["".join(generator.choices(LETTERS, k=generator.randint(4, 40))) for _ in range(PROMPTS)]


def factsweep(arguments, command, directory, records, *options):
    line = [arguments.factsweep, command, "--model", str(directory), "--threads=1", f"--device={arguments.device}", *options]
    done = subprocess.run(line, input="".join(json.dumps(record) + "\n" for record in records), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(line)}: {done.stderr}")
    return [json.loads(answer) for answer in done.stdout.splitlines()]


def log_probabilities(make, dtype, prompts, completions):
    """The log-probabilities of each completion's tokens, and the largest logit."""
    values, largest = [], 0.0
    for prompt, completion in zip(prompts, completions):
        model = make().to(dtype)  # fresh: dynamic rope scaling leaves traces
        with torch.no_grad():
            logits = model(torch.tensor([prompt + completion[:-1]])).logits[0, len(prompt) - 1 :].float()
        values.append(logits.log_softmax(1).gather(1, torch.tensor(completion)[:, None])[:, 0])
        largest = max(largest, logits.abs().max().item())
    return torch.cat(values), largest


def compare_greedy(make, prompts, found):
    """Number of answers that part from transformers' at a tie."""
    ties = 0
    for prompt, answer in zip(prompts, found):
        out = make().generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
                              max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0,
                              output_logits=True, return_dict_in_generate=True)  # fmt: skip
        expected = out.sequences[0, len(prompt) :].tolist()
        at = next((i for i, (a, b) in enumerate(zip(answer["ids"], expected)) if a != b), None)
        if at is None:
            assert len(answer["ids"]) == NEW_TOKENS, answer
            continue
        best = out.logits[at][0].topk(2).values
        assert best[0] - best[1] < TIE * best[0].abs(), f"{answer['ids']}, transformers {expected}: they part at {at}"
        ties += 1
    return ties


def compare(arguments, name, keys, seeds):
    worst, answers, ties, ours, theirs = 0.0, 0, 0, [], []
    for seed in seeds:
        config = configure(name, {**keys, "eos_token_id": None})
        weights = build(name, config, seed=seed).state_dict()
        prompts, completions = texts(random.Random(seed)), texts(random.Random(-seed))
        with tempfile.TemporaryDirectory() as scratch:
            directory = pathlib.Path(scratch)
            build(name, config, weights).save_pretrained(directory)
            vocabulary = write_tokenizer(directory)
            records = [{"prompt": prompt, "completion": completion} for prompt, completion in zip(prompts, completions)]
            scores = {dtype: torch.tensor([value for answer in factsweep(arguments, "score", directory, records, f"--dtype={dtype}")
                                           for value in answer["logprobs"]]) for dtype in ("float32", "bfloat16")}  # fmt: skip
            found = factsweep(arguments, "generate", directory, records, f"--max-new-tokens={NEW_TOKENS}")
        prompts, completions = ([[vocabulary[letter] for letter in text] for text in group] for group in (prompts, completions))
        make = lambda: build(name, config, weights)  # noqa: E731, B023
        exact, largest = log_probabilities(make, torch.float32, prompts, completions)
        worst = max(worst, ((scores["float32"] - exact).abs().max() / largest).item())
        ours.append(scores["bfloat16"] - exact)
        theirs.append(log_probabilities(make, torch.bfloat16, prompts, completions)[0] - exact)
        ties += compare_greedy(make, prompts, found)
        answers += len(found)
    ours, theirs = (torch.cat(errors).square().mean().sqrt().item() for errors in (ours, theirs))
    return worst, answers, ties, ours, theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=None, help="default: by the clock")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--slack", type=float, default=1.1, help="of the bfloat16 errors' ratio: both are random, more so with few seeds")
    parser.add_argument("--family", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    first = random.SystemRandom().randrange(10**6) if arguments.first_seed is None else arguments.first_seed
    print(f"seeds {first} to {first + arguments.seeds - 1}")
    failed = []
    for family, (name, base, variants) in FAMILIES.items():
        if not family.startswith(arguments.family):
            continue
        for variant, changes in {"": {}, **variants}.items():
            label = f"{family} {variant}".strip()
            keys = {**base, **changes}
            if variant != "dynamic":  # prompt and answer must fit a table of positions
                keys |= {key: 128 for key in ("max_position_embeddings", "n_positions") if key in keys}
            worst, answers, ties, ours, theirs = compare(arguments, name, keys, range(first, first + arguments.seeds))
            print(f"{label:24} float32 {worst:.1e} of the largest logit, {answers} greedy answers equal ({ties} but for a tie), "
                  f"bfloat16 rms error {ours:.4f}, transformers' own {theirs:.4f}", flush=True)  # fmt: skip
            if not worst < LARGEST or not ours <= arguments.slack * theirs or ties > answers / 10 or math.isnan(theirs):
                failed.append(label)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
