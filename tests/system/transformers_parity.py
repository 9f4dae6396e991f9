"""What transformers_parity.sh runs: score, generate and tokenize against transformers, on 100 questions with 4 shots."""

import argparse
import gzip
import json
import subprocess
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTIONS, SHOTS, NEW_TOKENS = 100, 4, 8
LARGEST = 1e-4  # difference of a log-probability, float32
TIE = 1e-4  # two best logits closer than this may change places

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("factsweep")
parser.add_argument("model")
parser.add_argument("facts", help="EntityQuestions folder")
parser.add_argument("--corpus", help="lines that both tokenizers must cut alike")
arguments = parser.parse_args()


def read(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as stream:
        return [(record["question"], record["answers"][0]) for record in json.load(stream)]


def prompts():
    """QUESTIONS pairs (prompt, answer), spread over the relations; a relation's first dev questions are the shots."""
    files = sorted(Path(arguments.facts, "test").glob("*.json*"))
    share = -(-QUESTIONS // len(files))
    found = []
    for file in files:
        dev = Path(arguments.facts, "dev", file.name.replace(".test.", ".dev."))
        shots = "".join(f"Q: {question}\nA: {answer}\n" for question, answer in read(dev)[:SHOTS])
        found += [(f"{shots}Q: {question}\nA:", " " + answer) for question, answer in read(file)[:share]]
    return found[:QUESTIONS]


def factsweep(command, records, *options):
    lines = "".join(json.dumps(record) + "\n" for record in records)
    line = [arguments.factsweep, command, "--model", arguments.model, *options]
    done = subprocess.run(line, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert len(answers) == len(records), (len(answers), len(records))
    return answers


def ids_of(texts, *options):
    return [answer["ids"] for answer in factsweep("tokenize", [{"text": text} for text in texts], *options)]


def compare_ids(tokenizer, texts):
    for options, special in ((["--special-tokens"], True), ([], False)):
        for text, found in zip(texts, ids_of(texts, *options)):
            expected = tokenizer(text, add_special_tokens=special).input_ids
            assert found == expected, f"{text!r}, special tokens {special}: {found}, transformers {expected}"
    print(f"{arguments.model}: ids of {len(texts)} texts are equal")


def compare_scores(model, pairs, prompt_ids):
    completions = ids_of([completion for _, completion in pairs])
    scored = factsweep("score", [{"prompt": p, "completion": c} for p, c in pairs], "--threads=1")
    largest, values = 0.0, 0
    for prompt, completion, found in zip(prompt_ids, completions, scored):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        target = torch.tensor(completion)
        expected = logits.log_softmax(1).gather(1, target[:, None])[:, 0]
        assert len(found["logprobs"]) == len(completion)
        largest = max(largest, (torch.tensor(found["logprobs"]) - expected).abs().max().item())
        values += len(completion)
        best = logits.topk(2, dim=1).values
        tie = ((best[:, 0] - best[:, 1]) < TIE).any()
        assert tie or found["greedy"] == bool((logits.argmax(1) == target).all()), found
    print(f"{arguments.model}: {values} log-probabilities, largest difference {largest:.2g}")
    assert largest < LARGEST, largest


def compare_greedy(model, tokenizer, pairs, prompt_ids):
    records = [{"prompt": prompt} for prompt, _ in pairs]
    generated = factsweep("generate", records, f"--max-new-tokens={NEW_TOKENS}", "--threads=1")
    ties = 0
    for prompt, found in zip(prompt_ids, generated):
        answer = model.generate(torch.tensor([prompt]), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)[0]
        expected = answer[len(prompt) :].tolist()
        while expected and expected[-1] == tokenizer.eos_token_id:
            expected.pop()
        if found["ids"] == expected:
            text = tokenizer.decode(expected, clean_up_tokenization_spaces=False)
            assert found["text"].lstrip(" ") == text.lstrip(" "), (found["text"], text)
            continue
        at = next((i for i, (a, b) in enumerate(zip(found["ids"], expected)) if a != b), min(len(found["ids"]), len(expected)))
        with torch.no_grad():
            best = model(torch.tensor([prompt + expected[:at]])).logits[0, -1].topk(2).values
        assert best[0] - best[1] < TIE, f"{found['ids']}, transformers {expected}: they part at {at}, gap {best[0] - best[1]}"
        ties += 1
    print(f"{arguments.model}: {len(pairs)} greedy answers are equal, {ties} of them but for a tie")
    assert ties <= 2, ties


pairs = prompts()
tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
texts = [prompt for prompt, _ in pairs] + [answer.strip() for _, answer in pairs]
if arguments.corpus:
    texts += [line.strip() for line in open(arguments.corpus).read().splitlines()[:500]]  # transformers cuts a first space unlike sentencepiece
compare_ids(tokenizer, texts)
prompt_ids = [tokenizer(prompt).input_ids for prompt, _ in pairs]
compare_scores(model, pairs, prompt_ids)
compare_greedy(model, tokenizer, pairs, prompt_ids)
