"""generate against transformers on a real model: greedy answers to real questions, and the distributions that draws follow.

    python tests/parity/generate_live.py --factsweep build/factsweep --model DIR --questions DIR [--count 100] [--draws 20000]

DIR of the questions: an EntityQuestions directory with train/*.json(.gz). Every other question comes with two solved ones before
it. Float32 throughout. A greedy answer may part from transformers' only at a near tie, whose gap is printed. Draws of one token
are compared with the probabilities that transformers' own warpers leave, by a chi-square test.
"""

import argparse
import gzip
import json
import pathlib
import subprocess

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.logits_process import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

NEW_TOKENS = 16
TIE = 1e-3  # logits closer than this may change places: float32 sums of another order
UNLIKELY = 1e-4  # a p-value below is a failure
DRAWS = [(1.0, 0, 1.0), (0.6, 0, 1.0), (1.4, 40, 1.0), (1.0, 0, 0.7), (1.2, 0, 0.95), (0.8, 50, 0.9), (1.0, 1, 1.0)]  # temperature, top-k, top-p
PROMPT = "Q: Where was the painter born?\nA:"


def factsweep(arguments, records, *options):
    line = [arguments.factsweep, "generate", "--model", str(arguments.model), "--threads=1", f"--device={arguments.device}", *options]
    done = subprocess.run(line, input="".join(json.dumps(record) + "\n" for record in records), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(answer) for answer in done.stdout.splitlines()]


def questions(directory, count):
    """Prompts from all relations in turn, without and with two exemplars."""
    relations = []
    for path in sorted(directory.glob("train/*.json*")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
            relations.append([f"Q: {entry['question']}\nA: {entry['answers'][0]}\n\n" for entry in json.load(file)[:count]])
    prompts = []
    for i in range(count):
        entries = relations[i % len(relations)]
        at = 3 * (i // len(relations))
        shots = "".join(entries[at : at + 2]) if i % 2 else ""
        prompts.append(shots + entries[at + 2].split("\nA:")[0] + "\nA:")
    return prompts


def compare_greedy(arguments, model, tokenizer):
    prompts = questions(arguments.questions, arguments.count)
    found = factsweep(arguments, [{"prompt": prompt} for prompt in prompts], f"--max-new-tokens={NEW_TOKENS}")
    gaps, failed = [], 0
    for prompt, answer in zip(prompts, found, strict=True):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False,
                             pad_token_id=tokenizer.eos_token_id, output_logits=True, return_dict_in_generate=True)  # fmt: skip
        expected = [i for i in out.sequences[0, ids.shape[1] :].tolist() if i != tokenizer.eos_token_id]
        if tokenizer.decode(expected, skip_special_tokens=True, clean_up_tokenization_spaces=False) == answer["text"]:
            continue
        at = next((i for i, (a, b) in enumerate(zip(answer["ids"], expected)) if a != b), min(len(answer["ids"]), len(expected)))
        best = out.logits[at][0].topk(2).values
        gaps.append((best[0] - best[1]).item())
        failed += gaps[-1] > TIE
        print(f"  {prompt[-60:]!r}: {answer['text']!r}, transformers {tokenizer.decode(expected)!r}; they part at token {at}, gap {gaps[-1]:.2g}")
    print(f"greedy: {len(prompts) - len(gaps)} of {len(prompts)} texts are equal, {len(gaps)} part at a gap of logits of at most {max(gaps, default=0):.2g}")
    return failed == 0 and len(gaps) <= len(prompts) // 20


def compare_draws(arguments, model, tokenizer):
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids).logits[:, -1].double()
    good = True
    for temperature, top_k, top_p in DRAWS:
        warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
        warpers += [TopKLogitsWarper(top_k)] if top_k > 0 else []
        warpers += [TopPLogitsWarper(top_p)] if top_p < 1 else []
        expected = warpers(ids, logits.clone()).softmax(1)[0]
        answer = factsweep(arguments, [{"prompt": PROMPT}], "--max-new-tokens=1", f"--temperature={temperature}", f"--top-k={top_k}",
                           f"--top-p={top_p}", f"--samples={arguments.draws}", f"--seed={arguments.seed}")[0]  # fmt: skip
        drawn = torch.tensor([one[0] if one else tokenizer.eos_token_id for one in answer["ids"]])
        counts = torch.bincount(drawn, minlength=len(expected)).double()
        outside = int(counts[expected == 0].sum())
        often = expected * arguments.draws >= 5
        seen = torch.cat([counts[often], counts[~often].sum()[None]])
        due = torch.cat([expected[often], expected[~often].sum()[None]]) * arguments.draws
        seen, due = seen[due > 0], due[due > 0]
        chi = ((seen - due) ** 2 / due).sum()
        p = torch.special.gammaincc(torch.tensor((len(due) - 1) / 2).double(), chi / 2).item() if len(due) > 1 else 1.0
        print(f"temperature {temperature}, top-k {top_k}, top-p {top_p}: {arguments.draws} draws of {int((expected > 0).sum())} tokens, "
              f"chi-square {chi:.1f} in {len(due)} classes, p = {p:.3g}, {outside} outside", flush=True)  # fmt: skip
        good &= p > UNLIKELY and outside == 0
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--questions", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    good = [compare_draws(arguments, model, tokenizer), compare_greedy(arguments, model, tokenizer)]
    if not all(good):
        raise SystemExit("failed")


if __name__ == "__main__":
    main()
