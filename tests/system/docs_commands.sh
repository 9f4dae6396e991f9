#!/usr/bin/env bash
# Every command of the documents and of the heads of decks is run as printed, in a small copy of the repository whose build and
# tests are this one's, or listed with the reason (docs_commands_table.py).
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas, scipy, matplotlib, plotly, pyarrow, xarray"
tiny_world
export OMP_NUM_THREADS=1 HOME=$PWD/home
# a machine may have fewer cores than a command has ranks
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

echo "--- what commands find: the repository, results with adapters and of the K-shot study, small files"
mkdir -p bin standin home chat popqa models results
ln -s "$FACTSWEEP_SOURCE"/{analysis,docs,jobs,tests} .
cp -r "$FACTSWEEP_SOURCE/inputs" .
ln -s "$(cd "$(dirname "$FACTSWEEP")" && pwd)" build
ln -s "$(python3 -c 'import sys; print(sys.prefix)')" .venv
ln -s "$FACTSWEEP" bin/factsweep
printf '#!/bin/sh\nexec python3 -m analysis "$@"\n' >bin/factsweep-report
printf '#!/bin/sh\n' >standin/cmake
command -v python >/dev/null || ln -s "$(command -v python3)" bin/python
chmod +x bin/factsweep-report standin/cmake
export PATH=$PWD/bin:$PATH SCRATCH=$PWD
tiny_deck deck.ini 2
launch 1 run deck.ini --train.method=lora --lora.rank=2 --lora.alpha=4 --grid.seed=1 --grid.unknown_ratio=0,0.5 --run.output=lora.h5 2>lora.log
cp "$world"/model/{config.json,tokenizer*} chat
mkdir kshot
(cd kshot && python3 "$here/kshot_tiny.py" "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert")
launch 1 run kshot/deck.ini --data.sets=kshot/sets.json --run.output=kshot.h5 --grid.method=ours --grid.task=w1 --grid.shots=6 --grid.experts=2 \
  --grid.top_k=2 --grid.signals=a --grid.tau=1 --grid.data_selection=cosine --grid.draw=1 --bank.epochs=1 --moe.epochs=1 2>kshot.log
[ -z "${FACTSWEEP_SMOLLM2:-}" ] || ln -s "$FACTSWEEP_SMOLLM2" models/smollm2
PYTHONPATH=$here python3 - "$world" <<'PYTHON'
import csv
import json
import sys

import documents
import h5py

made = documents.FENCE.search((documents.ROOT / "docs/first-study.md").read_text())
exec(made.group(2))  # questions.csv

with h5py.File("kshot.h5") as file:
    open("mixture_id", "w").write(file["points/id"].asstr()[0])
texts = ["Where does Ida live?", "Who wrote it?"]
open("texts.jsonl", "w").writelines(json.dumps(text) + "\n" for text in texts)
open("prompts.jsonl", "w").writelines(json.dumps({"prompt": text}) + "\n" for text in texts)
open("records.jsonl", "w").writelines(json.dumps({"prompt": text, "completion": " Rome"}) + "\n" for text in texts)
template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
config = json.load(open(f"{sys.argv[1]}/model/tokenizer_config.json"))
json.dump({**config, "chat_template": template}, open("chat/tokenizer_config.json", "w"))
with open("popqa/test.tsv", "w", newline="") as file:
    table = csv.writer(file, delimiter="\t")
    table.writerow(["subj", "prop", "obj", "question", "possible_answers"])
    table.writerows([f"S{i}", "place", f"A{i}", f"Where is S{i}?", json.dumps([f"A{i}"])] for i in range(30))
PYTHON

echo "--- commands"
python3 "$here/docs_commands.py"
