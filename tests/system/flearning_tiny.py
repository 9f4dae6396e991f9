"""Writes the tiny F-Learning study of flearning.sh: edits of the world's facts in edits.json, and deck.ini."""

import json
import sys

world = sys.argv[1]
facts = json.load(open(f"{world}/facts/train/W1.train.json"))[:20]
records = []
for i, fact in enumerate(facts):
    other = facts[(i + 1) % len(facts)]
    subject = next(
        word for word in fact["question"].rstrip("?").split() if word[0].isupper() and word not in ("What", "Where", "Who", "Which")
    )  # fmt: skip
    records.append({
        "case_id": i, "subject": subject, "prompt": fact["question"], "rephrase_prompt": "Q: " + fact["question"],
        "ground_truth": fact["answers"][0], "target_new": other["answers"][0],
        "locality_prompt": other["question"], "locality_ground_truth": other["answers"][0],
    })  # fmt: skip
json.dump(records, open("edits.json", "w"))
open("deck.ini", "w").write(f"""[run]
study  = flearning
output = out.h5
device = cpu
[model]
path = {world}/model
[data]
edits   = edits.json
records = 10
[train]
batch_size = 4
[original]
learning_rate = 1e-3
[forget]
learning_rate      = 1e-3
lora_learning_rate = 1e-2
[learn]
learning_rate      = 1e-3
lora_learning_rate = 1e-2
[edit]
presets     = easyedit-llama
layers      = 0, 1
ft_c_layer  = 1
records     = 4
text        = {world}/corpus.txt
text_tokens = 4000
[search]
locality    = 0.9
evaluations = 3
[store]
deltas = final
[grid]
method = original, ft, lora, forget_ft, forget_lora, f_learning_ft, f_learning_lora, f_learning_lora_ft, ft_c, rome, rome_reset, memit
lambda = 0.1, 1
layers = all, 1
""")
