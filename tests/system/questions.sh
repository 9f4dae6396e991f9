#!/usr/bin/env bash
# What was asked and said, as one table; prompts exactly as asked; a training that ended worse than it began is told of.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "h5py"
tiny_world
tiny_deck deck.ini
cat >>deck.ini <<'DECK'
[prompt]
label = "{shots}Q #: {question}\nA:"  # a comment
train = "{subject}? {question}\n"
DECK

echo "--- questions"
launch 1 run deck.ini
"$FACTSWEEP" questions out.h5 --output base.csv
"$FACTSWEEP" questions out.h5 --point unknown_ratio-0-s1 >point.csv
for kind in label train p_true; do "$FACTSWEEP" questions out.h5 --row 70 --prompt=$kind >$kind.txt; done
"$FACTSWEEP" questions out.h5 --row 70 --prompt --set 1 >second.txt
python3 - <<'PYTHON'
import csv, h5py

with h5py.File("out.h5") as file:
    base = {name: (d.asstr() if h5py.check_string_dtype(d.dtype) else d)[()] for name, d in file["labels/base"].items() if isinstance(d, h5py.Dataset)}
    shots = {name: file["labels/base/exemplars"][base["relation"][70]][name].asstr()[()] for name in ("question", "answer")}
    test = {name: (d.asstr() if h5py.check_string_dtype(d.dtype) else d)[()] for name, d in file["predictions"].items()}
    rose = file["points/loss_rose"][()]
assert (rose == 0).all(), rose
rows = list(csv.DictReader(open("base.csv", newline="", encoding="utf-8")))
told = list(csv.DictReader(open("point.csv", newline="", encoding="utf-8")))
assert len(rows) == len(told) == len(base["question"])
names = ["HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown"]
for i, row in enumerate(rows):
    assert row["question"] == base["question"][i] and row["answers"] == base["answer"][i] and row["split"] == base["split"][i]
    assert row["label"] == names[base["category"][i]]
    assert abs(float(row["label_probability"]) - base["category_probability"][i][base["category"][i]]) < 1e-6
    assert abs(float(row["p"]) - base["p_exact"][i]) < 1e-6
    assert row["answer_before"] == base["greedy_answer"][i] and int(row["right_before"]) == base["greedy"][i][0]
    if row["right_before"] == "1":
        assert row["answer_before"] == row["answers"], row
    elif len(row["answer_before"].encode()) < 60:
        assert row["answer_before"] != row["answers"], row
assert any(row["right_before"] == "0" and row["answer_before"] for row in rows)
place = {int(row): k for k, row in enumerate(test["row"])}
for i, row in enumerate(told):
    k = place.get(i)
    if k is None:
        assert row["right_after"] == row["answer_after"] == "" and row["in_d"] in "01", row
        continue
    assert row["answer_after"] == test["answer_final"][0][k] and row["right_after"] == str(test["correct_final"][0][k]), row
    assert (row["answer_after"] == row["answers"]) == (row["right_after"] == "1"), row
    assert row["right_early_stop"] == str(test["correct_early_stop"][0][k]) and row["in_d"] == ""
question, answer = base["question"][70], base["answer"][70]
for file, which in (("label.txt", 0), ("second.txt", 1)):
    want = "".join(f"Q: {q}\nA: {a}\n" for q, a in zip(shots["question"][which], shots["answer"][which])) + f"Q #: {question}\nA:"
    assert open(file, newline="").read() == want, file
assert open("train.txt", newline="").read() == f"{base['subject'][70]}? {question}\n"
assert open("p_true.txt", newline="").read().startswith(f"Question: {question}\nProposed Answer: {answer}\nIs the")
PYTHON
expect 2 "has no point 'x'. Its points: unknown_ratio-0-s1" "$FACTSWEEP" questions out.h5 --point x
expect 2 '--row = 9999 is outside' "$FACTSWEEP" questions out.h5 --row 9999 --prompt
expect 2 '--set = 4 is outside \[0, 3\]' "$FACTSWEEP" questions out.h5 --row 1 --prompt --set 4
expect 2 "'answer' is not one of: label, train, p_true" "$FACTSWEEP" questions out.h5 --row 1 --prompt=answer
expect 2 '--row and --prompt go together' "$FACTSWEEP" questions out.h5 --row 1

echo "--- a loss that ended above where it began"
launch 1 run deck.ini --train.learning_rate=1 --run.output=wild.h5 2>messages
grep -q 'warning: the training loss of 6 of the finished points ended above' messages || { cat messages; fail "the run says nothing"; }
expect 0 '6 of 6 points done;;warning: the training loss of 6 of the finished points ended above.*unknown_ratio-0-s1' "$FACTSWEEP" status wild.h5
