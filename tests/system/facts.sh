#!/usr/bin/env bash
# The world's facts as a data set in PopQA's form: of what jobs/facts.py makes of it the study is the same as of the directory.
# Rows of texts that tables trip over are beside them, in a relation that nothing asks for but that is read.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "h5py"
tiny_world
tiny_deck deck.ini
python3 - "$world/facts" <<'PYTHON'
import csv, json, pathlib, random, sys

facts = pathlib.Path(sys.argv[1])
rows = []
for relation, template in json.loads((facts / "relation_query_templates.json").read_text()).items():
    before, after = template.split("[X]")
    for split, name in (("train", "train"), ("dev", "validation"), ("test", "test")):
        for record in json.loads((facts / split / f"{relation}.{split}.json").read_text()):
            question, (answer,) = record["question"], record["answers"]
            subject = question[len(before) : len(question) - len(after)]
            rows.append([subject, relation, answer, question, json.dumps([answer]), name])
draw = random.Random(1)
marks = '",\n\r\t[]{}\\\';| \u2028\x1c\x85\xa0\u3000\ufeffé\u0301ß'
text = lambda: "".join(draw.choices(marks, k=draw.randrange(6)))
rows += [[text() + "s", 'the, "rest"', text(), text() + str(i), json.dumps([text(), text()]), "train"] for i in range(500)]
with open("test.tsv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file, delimiter="\t")
    writer.writerow(["subj", "prop", "obj", "question", "possible_answers", "split"])
    writer.writerows(rows)
PYTHON
for ending in jsonl csv; do
  "$FACTSWEEP_SOURCE/jobs/facts.py" test.tsv --split split --output "facts.$ending" >"$ending.ini" 2>"$ending.messages"
done
grep -q "^left out: [0-9]* without an answer in 'possible_answers' (first: test.tsv, row" csv.messages || fail "nothing was left out"

echo "--- directory, .jsonl, .csv"
launch 1 run deck.ini
for ending in jsonl csv; do
  # the deck's own lines, but for the directory, and those that facts.py prints
  { grep -v "^facts " deck.ini; cat "$ending.ini"; } >"of_$ending.ini"
  launch 1 run "of_$ending.ini" --run.output="$ending.h5"
done
python3 - <<'PYTHON'
import h5py

def read(path):
    with h5py.File(path) as file:
        found = {}
        for group in ("labels/base", "points"):
            for name, data in file[group].items():
                # how often the world's corpus states a fact only the directory says; times differ
                if isinstance(data, h5py.Dataset) and name != "exposures" and "seconds" not in name:
                    found[f"{group}/{name}"] = data[()]
        return found

of_directory = read("out.h5")
assert len(of_directory["labels/base/question"]) > 100
for path in ("jsonl.h5", "csv.h5"):
    of_table = read(path)
    assert of_table.keys() == of_directory.keys(), of_table.keys() ^ of_directory.keys()
    for name, values in of_directory.items():
        assert values.tobytes() == of_table[name].tobytes() or list(values) == list(of_table[name]), (path, name)
print("equal:", len(of_directory), "datasets")
PYTHON
