"""The editing metrics against transformers, on real records.

    python tests/parity/edit_metrics.py --driver build/tests/edit_metrics_driver --factsweep build/factsweep --model DIR \\
        --records counterfact-edit.json.gz [--count 200] [--greedy 100]

float32. The driver's token ids, prompt lengths, predictions and accuracies must equal, to the last token, those of the
definition computed here with transformers (EasyEdit's test_prediction_acc: the text tokenised whole, one forward pass, the
argmax in front of each target token); the two best logits of a prediction may change places when closer than TIE. Greedy
verdicts must equal those of transformers' generate() on few-shot prompts, where a model stops by itself. `factsweep score`
encodes prompt and completion apart: how often that gives other tokens is counted, and its "predicted" compared elsewhere.
"""

import argparse
import gzip
import json
import math
import pathlib
import subprocess
import tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TIE = 1e-4  # between logits
KEYS = {
    "counterfact": {"reliability": ("prompt", "target_new"), "generality": ("rephrase_prompt", "target_new"),
                    "locality": ("locality_prompt", "locality_ground_truth")},
    "zsre": {"reliability": ("src", "alt"), "generality": ("rephrase", "alt"), "locality": ("loc", "loc_ans")},
}  # fmt: skip
SHOTS = 4
NEW_TOKENS = 32  # GreedyMatchSettings::max_new_tokens


def run(line, text=""):
    done = subprocess.run([str(word) for word in line], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(word) for word in line)}: {done.stderr}")
    return [json.loads(answer) for answer in done.stdout.splitlines()], done.stderr


def read(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return json.load(file)


def compare_text(model, tokenizer, prompt, target, found):
    """The definition; returns how many predictions differ by a tie."""
    ids = tokenizer(f"{prompt} {target}")["input_ids"]
    length = len(tokenizer(prompt)["input_ids"])
    assert (found["ids"], found["prompt_tokens"]) == (ids, length), f"tokens of '{prompt} {target}': {found}, {ids}, {length}"
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    predicted, labels = logits.argmax(-1).tolist()[length - 1 : -1], ids[length:]
    ties = 0
    for at, (ours, theirs) in enumerate(zip(found["predicted"], predicted, strict=True)):
        if ours != theirs:
            best = logits[length - 1 + at].topk(2)
            assert best.values[0] - best.values[1] < TIE and ours in best.indices, f"'{prompt} {target}': {ours}, {theirs}"
            ties += 1
    accuracy = sum(a == b for a, b in zip(found["predicted"], labels, strict=True)) / len(labels) if labels else None
    assert found["accuracy"] == accuracy or math.isclose(found["accuracy"], accuracy), (found, accuracy)
    return ties


def compare_metric(arguments, model, tokenizer, records):
    keys = KEYS["zsre" if "src" in records[0] else "counterfact"]
    command = [arguments.driver, arguments.model, arguments.records, arguments.count]
    lines, errors = run([*command, "float32"])
    texts, tokens, ties, sums, pairs = 0, 0, 0, {}, []
    for line in lines:
        for kind, (prompt, target) in keys.items():
            record = records[line["row"]]
            ties += compare_text(model, tokenizer, record[prompt], record[target], line[kind])
            texts += 1
            tokens += len(line[kind]["predicted"])
            sums[kind] = sums.get(kind, 0) + line[kind]["accuracy"]
            pairs.append((record[prompt], " " + record[target], line[kind]))
    means = ", ".join(f"{kind} {100 * total / len(lines):.2f}%" for kind, total in sums.items())
    print(f"{texts} texts of {len(lines)} records, {tokens} target tokens: equal ({ties} but for a tie); accuracy {means}")
    print("seconds, float32:", errors.strip())
    rounded, errors = run([*command, "bfloat16"])
    same = sum(a == b for ours, exact in zip(rounded, lines, strict=True) for kind in keys
               for a, b in zip(ours[kind]["predicted"], exact[kind]["predicted"], strict=True))  # fmt: skip
    print(f"bfloat16: {same} of {tokens} predictions equal those of float32\nseconds, bfloat16:", errors.strip())
    assert same > 0.95 * tokens
    return pairs


def compare_score(arguments, tokenizer, pairs):
    questions = "".join(json.dumps({"prompt": prompt, "completion": target}) + "\n" for prompt, target, _ in pairs)
    answers, _ = run([arguments.factsweep, "score", "--model", arguments.model, "--threads=1"], questions)
    apart = differing = 0
    for (prompt, target, line), answer in zip(pairs, answers, strict=True):
        joined = tokenizer(prompt)["input_ids"] + tokenizer(target, add_special_tokens=False)["input_ids"]
        if joined != line["ids"]:
            apart += 1
        else:
            differing += answer["predicted"] != line["predicted"]
            assert answer["greedy"] == (line["accuracy"] == 1)
    assert differing == 0, f"score predicts other tokens for {differing} texts"
    print(f"score: {apart} of {len(pairs)} texts tokenised otherwise when encoded apart; its predictions of the others are equal")


def few_shot(records):
    """Records whose prompts ask as many examples before them ask, each answered on its own line."""
    asked = []
    for i, record in enumerate(records):
        shots = [records[(i + j + 1) % len(records)] for j in range(SHOTS)]
        text = "".join(f"Q: {shot['prompt']}\nA: {shot['ground_truth']}\n" for shot in shots)
        asked.append({**record, "prompt": f"{text}Q: {record['prompt']}\nA:"})
    return asked


def compare_greedy(arguments, model, tokenizer, records):
    """The target is what the model says for two records of three, with its last letter changed for one of these."""
    asked, expected = few_shot(records[: arguments.greedy]), []
    for i, record in enumerate(asked):
        ids = tokenizer(record["prompt"], return_tensors="pt")
        out = model.generate(**ids, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0, tokenizer=tokenizer, stop_strings=["\n"])
        said = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True).split("\n")[0].strip()
        record["ground_truth"] = said + "?"  # only must differ
        if said and i % 3 != 2:
            record["target_new"] = said if i % 3 == 0 else said[:-1] + ("x" if said[-1] != "x" else "y")
        expected.append(1 if said == record["target_new"].strip() else 0)
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "few-shot.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in asked), encoding="utf-8")
        lines, errors = run([arguments.driver, arguments.model, file, len(asked), "float32"])
    found = [line["reliability"]["greedy"] for line in lines]
    wrong = [(record["target_new"], ours) for record, ours, theirs in zip(asked, found, expected, strict=True) if ours != theirs]
    assert not wrong, f"greedy verdicts unlike generate()'s: {wrong}"
    print(f"greedy: {len(found)} verdicts equal generate()'s, {sum(expected)} of them right; seconds:", errors.strip())
    assert 0.2 * len(found) < sum(expected) < 0.6 * len(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, help="build/tests/edit_metrics_driver")
    parser.add_argument("--factsweep", required=True)
    parser.add_argument("--model", required=True, help="Hugging Face directory")
    parser.add_argument("--records", required=True, type=pathlib.Path, help="CounterFact (EasyEdit) or ZsRE (MEND), a JSON list")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--greedy", type=int, default=60, help="few-shot prompts decoded by transformers; CounterFact only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    records = read(arguments.records)
    pairs = compare_metric(arguments, model, tokenizer, records)
    compare_score(arguments, tokenizer, pairs)
    if arguments.greedy > 0 and "prompt" in records[0]:
        compare_greedy(arguments, model, tokenizer, records)


if __name__ == "__main__":
    main()
