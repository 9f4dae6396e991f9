#!/usr/bin/env bash
# Paths of a deck may begin with ~/ and hold variables, in lists too; what a plan has to say of its data is said once.
# shellcheck disable=SC2016 # the program replaces $DATA, not the shell
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
tiny_world

mkdir -p data/tasks
python3 - <<'PYTHON'
import json

people = ["Ana", "Ben", "Cleo", "Dov", "Eve", "Finn"]
records = [{"case_id": i, "subject": name, "prompt": f"Where does {name} live?", "rephrase_prompt": f"{name} lives in",
            "ground_truth": "Rome", "target_new": "Rome" if i == 0 else "Oslo",
            "locality_prompt": "Where is Paris?", "locality_ground_truth": "France"} for i, name in enumerate(people)]
json.dump(records, open("data/edits.json", "w"))
with open("data/tasks/t0.jsonl", "w") as file:
    for task in ("news", "mood"):
        for name in people:
            print(json.dumps({"task": task, "prompt": f"Where is {name}?", "completion": "here"}), file=file)
PYTHON
cp -r "$world/model" data/model
cat >deck.ini <<DECK
[run]
study  = flearning
device = cpu
[model]
path = \$DATA/model
[data]
edits = \$DATA/edits.json
[train]
batch_size = 4
[ability]
tasks    = \$DATA/tasks/t0.jsonl:mood
examples = 2
[grid]
method = original, ft
model  = ~/model
DECK
export DATA=$PWD/data HOME=$PWD/data

echo "--- lists of paths"
expect 0 "$DATA/edits.json: 1 record is left out: ;;original" "$FACTSWEEP" plan deck.ini
expect 0 "edits = \\\$DATA/edits.json" "$FACTSWEEP" plan deck.ini --print-deck
for key in data.edits ability.tasks grid.model run.reuse; do
  words="$key = \\\$NOWHERE/x uses \\\$NOWHERE"
  expect 2 "$words" "$FACTSWEEP" run deck.ini "--$key=\$NOWHERE/x"
done
expect 2 "t0.jsonl.*news.*mood|t0.jsonl.*mood.*news" "$FACTSWEEP" plan deck.ini '--ability.tasks=$DATA/tasks/t0.jsonl'

echo "--- what is left out is said once"
expect 0 "$DATA/edits.json: 1 record is left out: " "$FACTSWEEP" run deck.ini --run.output=small.h5
expect 0 "3 of 3 stages taken over from $DATA/../small.h5" "$FACTSWEEP" run deck.ini '--run.reuse=~/../small.h5' --run.output=grown.h5
[ "$(grep -c 'edits.json: 1 record is left out: ' messages)" = 1 ] || { cat messages; fail "said again for the deck of small.h5"; }
echo "all checks passed"
