"""Writes the tiny K-shot study of kshot.sh: tasks, a pool and a bank from the world's questions, sets.json and deck.ini."""

import json
import sys

world, encoder = sys.argv[1:]


def questions(relation, split):
    return [
        {"instruction": item["question"], "input": "", "output": item["answers"][0]}
        for item in json.load(open(f"{world}/facts/{split}/{relation}.{split}.json"))
    ]


def choices(relation, split):
    """The same as multiple choice between the right answer and the next question's that is another one."""
    items = questions(relation, split)
    asked = []
    for i, item in enumerate(items):
        other = next((o["output"] for o in items[i + 1 :] + items[:i] if o["output"] != item["output"]), "nothing")
        options = [item["output"], other] if i % 2 == 0 else [other, item["output"]]
        gold = f"answer{1 + i % 2}"
        asked.append({
            "instruction": f"Please choose the correct answer to the question: {item['instruction']}\n\n"
            f"Answer1: {options[0]} Answer2: {options[1]}\n\nAnswer format: answer1/answer2",
            "input": "", "output": f"the correct answer is {gold}", "answer": gold,
        })  # fmt: skip
    return asked


for name, records in {
    "w1": questions("W1", "train"), "w1_test": questions("W1", "test"), "choice": choices("W2", "train") + choices("W2", "test"),
    "w3": questions("W3", "train"), "w4": questions("W4", "train"), "w5": questions("W5", "train"),
}.items():  # fmt: skip
    json.dump(records, open(f"{name}.json", "w"))
sets = {
    "tasks": [
        {"name": "w1", "train": "w1.json", "test": "w1_test.json", "pool": "open"},
        {"name": "choice", "train": {"file": "choice.json", "letters": True}, "hold_out": 8, "pool": "open"},
    ],
    "pools": {"open": ["w4.json", "w5.json", "w4.json"]},
    "bank": [
        {"name": "w1", "task": "w1"},
        {"name": "choice", "task": "choice"},
        *({"name": name, "train": f"{name}.json", "examples": 12} for name in ("w3", "w4", "w5")),
    ],
}
json.dump(sets, open("sets.json", "w"), indent=1)
open("deck.ini", "w").write(f"""[run]
study  = kshot
output = out.h5
device = cpu
[model]
path = {world}/model
[data]
sets = sets.json
[bank]
epochs        = 6
learning_rate = 3e-3
packed        = 2
[kshot]
template = Q: {{instruction}}{{input}}\\nA:
longest  = 64
pool     = 4
[augment]
encoder = {encoder}
[moe]
epochs        = 4
learning_rate = 3e-3
[train]
batch_size = 8
[lora]
rank  = 4
alpha = 4
[eval]
max_new_tokens = 14
[lorahub]
evaluations = 4
[phatgoose]
steps = 4
[grid]
method         = base, expert_lora, source_best, lora, source_best_sft, upcycling, fresh_experts_shots, fresh_experts, mixlora, mixlora_data, uniform, lorahub, lorahub_data, smear, arrow, arrow_trained, phatgoose, phatgoose_data, random, ours
shots          = 6, 2
experts        = 2, 3
top_k          = 2, 1
budget         = 10
signals        = pad, a
tau            = 0.9995
data_selection = cosine, none, random
draw           = 1, 2
""")
