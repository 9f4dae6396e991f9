#!/usr/bin/env bash
# The K-shot study beyond its table: experts that are kept and asked at a desk, a sweep that grows, reasons for answers,
# adapters of several ranks in one bank, trainings that diverge, and answers that are programs.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas, matplotlib, plotly"
tiny_world
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python3 "$here/kshot_tiny.py" "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert"
one="--grid.draw=1 --grid.shots=6 --grid.experts=2 --grid.top_k=2 --grid.signals=pad --grid.data_selection=cosine"
run() { "$FACTSWEEP" run deck.ini "$@" 2>run.log || { cat run.log; fail "run $*"; }; }

echo "--- a sweep that grows: tasks, draws, wider rows"
# shellcheck disable=SC2086
run --grid.task=choice $one --run.output=small.h5
run --grid.data_selection=cosine --run.output=whole.h5
expect 0 "[1-9][0-9]* of [0-9]+ stages taken over from small.h5" \
  launch 2 run deck.ini --grid.data_selection=cosine --run.reuse=small.h5 --run.output=grown.h5
same_results whole.h5 grown.h5 || fail "what was taken over differs from what is computed"
python3 - <<'PYTHON'
import h5py

def stages(name):
    with h5py.File(name) as file:
        return dict(zip(file["stages/key"].asstr()[:], zip(file["stages/kind"].asstr()[:], file["stages/seconds"][:])))

small, grown = stages("small.h5"), stages("grown.h5")
again = {kind for key, (kind, seconds) in small.items() if grown.get(key, ("", -1))[1] != seconds}
assert not again, f"done again: {again}"
assert {kind for kind, _ in small.values()} >= {"bank", "test", "signals", "select", "augment", "embed", "tune"}
PYTHON

echo "--- what a point has trained answers at a desk as it did in its test"
# shellcheck disable=SC2086
run --grid.task=w1 --grid.method=ours,arrow,arrow_trained,fresh_experts,mixlora,mixlora_data,phatgoose,phatgoose_data,upcycling,lora,lorahub,uniform,source_best_sft $one --store.deltas=final --run.reuse=whole.h5 --run.output=kept.h5
point_of() { # FILE METHOD: its first point
  python3 -c "
import h5py, sys
with h5py.File(sys.argv[1]) as file:
    print(next(i for i, m in zip(file['points/id'].asstr()[:], file['points/method'].asstr()[:]) if m == sys.argv[2]))" "$1" "$2"
}
at_a_desk() { # FILE: exports each of its points, and asks it as its test did
  python3 - "$1" <<'PYTHON'
import h5py
import json
import sys

with h5py.File(sys.argv[1]) as file:
    ids, methods = file["points/id"].asstr()[:], file["points/method"].asstr()[:]
    rows = file["tasks/test_row"][0]
    open("points.txt", "w").write("".join(f"{m} {i}\n" for m, i in zip(methods, ids)))
records = json.load(open("w1_test.json"))
with open("prompts.jsonl", "w") as lines:
    for row in rows:
        lines.write(json.dumps({"prompt": f"Q: {records[row]['instruction']}{records[row]['input']}\nA:"}) + "\n")
PYTHON
  while read -r method point; do
    "$FACTSWEEP" export "$1" --point "$point" --output "$method" 2>export.log || { cat export.log; fail "export"; }
    "$FACTSWEEP" generate --model "$world/model" --adapter "$method" --max-new-tokens 14 --threads 1 \
      --input prompts.jsonl --output "$method.jsonl" 2>generate.log || { cat generate.log; fail "generate with $method"; }
  done <points.txt
  python3 - "$1" <<'PYTHON'
import h5py
import json
import os
import re
import sys

def plain(text):  # SQuAD's normalisation
    text = re.sub(r"[^\w\s]|_", "", text.strip().split("\n")[0].lower())
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))

records = json.load(open("w1_test.json"))
with h5py.File(sys.argv[1]) as file:
    methods, right, rows = file["points/method"].asstr()[:], file["outcomes/right"][:], file["tasks/test_row"][0]
    for point, method in enumerate(methods):
        answers = [json.loads(line)["text"] for line in open(f"{method}.jsonl")]
        found = [plain(answer) == plain(records[row]["output"]) for answer, row in zip(answers, rows)]
        assert found == [code == 1 for code in right[point][: len(found)]], (method, sum(found), (right[point] == 1).sum())
        print(method, sum(found), "of", len(found), sorted(os.listdir(method)))
    assert (right == 1).sum() > 2, "no method answers anything"
PYTHON
}
at_a_desk kept.h5
[ -e ours/moe.json ] && [ -e lora/adapter_config.json ] || fail "what was exported is of another kind"
if python3 -c "import peft, torch, transformers" 2>/dev/null; then
  for method in ours arrow phatgoose mixlora lora uniform; do
    python3 "$here/../parity/peft_live.py" --factsweep "$FACTSWEEP" --model "$world/model" --adapter $method || fail "$method in transformers"
  done
else
  echo "exports not compared with transformers: needs a python3 with peft, torch and transformers"
fi
for method in base expert_lora source_best; do
  expect 2 "made nothing of its own;;it asked" "$FACTSWEEP" export whole.h5 --point "$(point_of whole.h5 $method)" --output no
done
expect 2 "it asked the adapter 'w1'. Export that with --adapter w1" "$FACTSWEEP" export whole.h5 --point expert_lora-w1 --output no
expect 2 "has final weights alone" "$FACTSWEEP" export kept.h5 --point "$(point_of kept.h5 lora)" --when early_stop --output no
"$FACTSWEEP" export kept.h5 --point "$(point_of kept.h5 uniform)" --format hf --model "$world/model" --output merged 2>export.log || { cat export.log; fail "export"; }
"$FACTSWEEP" generate --model merged --max-new-tokens 14 --threads 1 --input prompts.jsonl --output merged.jsonl 2>generate.log || { cat generate.log; fail "generate"; }
cmp merged.jsonl uniform.jsonl || fail "uniform merged answers otherwise than beside the base"
expect 2 "mixture of experts, which no hf" "$FACTSWEEP" export kept.h5 --point "$(grep '^ours ' points.txt | cut -d' ' -f2)" --format hf --output no
# shellcheck disable=SC2086
run --grid.task=w1 --grid.method=smear $one --store.deltas=final --run.reuse=whole.h5 --run.output=smear.h5
"$FACTSWEEP" export smear.h5 --point "$(python3 -c "import h5py; print(h5py.File('smear.h5')['points/id'].asstr()[0])")" --output smear 2>export.log || { cat export.log; fail "export"; }
grep -q '"routing": "merged"' smear/moe.json || fail "SMEAR's moe.json"
expect 2 "merged anew for each prompt" "$FACTSWEEP" generate --model "$world/model" --adapter smear --input prompts.jsonl
expect 2 "'smear' holds moe.json, which is not of this export;;Name another folder" "$FACTSWEEP" export whole.h5 --adapter w1 --output smear
cp -r "$world/model" base
expect 2 "'base' holds config.json, which is not" "$FACTSWEEP" export kept.h5 --point "$(point_of kept.h5 uniform)" --format hf --model base --output base
cmp base/config.json "$world/model/config.json" || fail "an export into its base changed it"
expect 2 "works alone" "$FACTSWEEP" generate --model "$world/model" --adapter lora --adapter ours --input prompts.jsonl

echo "--- reasons of a file, by record of the train file"
rationales() { # FILE ROW: of every record the same words but of ROW
  python3 -c "
import json
for row, record in enumerate(json.load(open('choice.json'))):
    print(json.dumps({'row': row, 'output': record['output'] + (' because of that' if row == $2 else ' as we know')}))" >"$1"
}
with_reasons() { # OUTPUT
  python3 -c "
import json
sets = json.load(open('sets.json'))
sets['tasks'][1]['rationales'] = 'rationales.jsonl'
json.dump(sets, open('reasoned.json', 'w'))"
  # shellcheck disable=SC2086
  run --data.sets=reasoned.json --grid.task=choice --grid.method=ours $one --run.reuse=small.h5 --run.output="$1"
}
row=$(python3 -c "import h5py; print(h5py.File('small.h5')['signals/row'][0, 0, 3])")
rationales rationales.jsonl -1 && with_reasons same.h5
rationales rationales.jsonl "$row" && with_reasons other.h5
python3 - <<'PYTHON'
import h5py
import numpy as np

with h5py.File("same.h5") as same, h5py.File("other.h5") as other, h5py.File("small.h5") as bare:
    assert same["tasks/rationales"].asstr()[0] == "file" and bare["tasks/rationales"].asstr()[0] == "answer only"
    plain, reasoned = (same[f"signals/{name}"][0, 0] for name in ("perplexity", "reasoning_perplexity"))
    assert np.array_equal(plain, bare["signals/perplexity"][0, 0]) and not (plain == reasoned).any()
    changed = reasoned != other["signals/reasoning_perplexity"][0, 0]
    assert changed[:, 3].all() and changed.sum() == len(changed), changed
PYTHON
sed -i "$((row + 1))d" rationales.jsonl
# shellcheck disable=SC2086
expect 2 "rationale file has no row $row" "$FACTSWEEP" plan deck.ini --data.sets=reasoned.json $one

echo "--- unlike adapters in one bank"
# shellcheck disable=SC2086
run --lora.rank=2 --lora.rslora=true --lora.targets=q_proj,down_proj --grid.task=choice --grid.method=ours $one --run.output=narrow.h5
"$FACTSWEEP" export narrow.h5 --adapter w3 --output w3-narrow/default 2>/dev/null
python3 -c "
import json
sets = json.load(open('sets.json'))
sets['bank'][2] = {'name': 'w3', 'adapter': 'w3-narrow'}
json.dump(sets, open('ranks.json', 'w'))
del sets['bank'], sets['pools']
for task in sets['tasks']:
    del task['pool']
json.dump(sets, open('bare.json', 'w'))"
run --data.sets=ranks.json --grid.task=w1 --grid.method=ours,arrow,lorahub,source_best_sft --grid.draw=1 --grid.shots=6 --grid.experts=5 \
  --grid.top_k=2 --grid.signals=pa --grid.data_selection=none --run.output=ranks.h5
at_a_desk ranks.h5
python3 -c "
import json
ranks = {name: module['ranks'] for name, module in json.load(open('ours/moe.json'))['modules'].items()}
assert all(r == ([4, 4, 2, 4, 4] if 'q_proj' in m else [4, 4, 0, 4, 4] if 'v_proj' in m else [0, 0, 2, 0, 0]) for m, r in ranks.items()), ranks"
# shellcheck disable=SC2086
run --data.sets=ranks.json --grid.task=choice --grid.method=ours,uniform,random,smear $one --run.output=unlike.h5
expect 2 "grid.method;;phatgoose;;'w3' was brought" "$FACTSWEEP" plan deck.ini --data.sets=ranks.json --grid.method=phatgoose
python3 -c "
import h5py
with h5py.File('unlike.h5') as file, h5py.File('small.h5') as plain:
    assert 'updates B A' in file['bank/similarity'].attrs['long_name'], file['bank/similarity'].attrs['long_name']
    assert 'matrices' in plain['bank/similarity'].attrs['long_name']"

echo "--- an adapter with a head of its own"
python3 - <<'PYTHON'
import json
import struct

import numpy as np

def read(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]

config = json.load(open("w3-narrow/default/adapter_config.json"))
config["modules_to_save"] = ["lm_head"]
json.dump(config, open("w3-narrow/default/adapter_config.json", "w"))
header, values = read("w3-narrow/default/adapter_model.safetensors")
vocabulary, width = (json.load(open(config["base_model_name_or_path"] + "/config.json"))[key] for key in ("vocab_size", "hidden_size"))
head = np.random.default_rng(1).normal(0, 0.1, (vocabulary, width)).astype("<f4").tobytes()
end = len(values)
header["base_model.model.lm_head.weight"] = {"dtype": "F32", "shape": [vocabulary, width], "data_offsets": [end, end + len(head)]}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("w3-narrow/default/adapter_model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + values + head)
PYTHON
# shellcheck disable=SC2086
run --data.sets=ranks.json --grid.task=w1 --grid.method=source_best,ours $one --run.output=saved.h5
grep -q "bank 'w3': it saves whole modules (modules_to_save: lm_head)" run.log || { cat run.log; fail "nothing is said of the saved module"; }
"$FACTSWEEP" export saved.h5 --adapter w3 --output saved 2>export.log || { cat export.log; fail "export"; }
python3 - <<'PYTHON'
import h5py

with h5py.File("saved.h5") as file:
    names = list(file["bank/name"].asstr()[:])
    chosen = file["selection/adapter"][:][file["points/method"].asstr()[:] == "ours"]
    assert names.index("w3") not in chosen and (chosen >= 0).any(), chosen
    assert file["bank/usable"][names.index("w3")] == 1
PYTHON
for directory in w3-narrow saved; do
  "$FACTSWEEP" generate --model "$world/model" --adapter $directory --max-new-tokens 14 --threads 1 --input prompts.jsonl --output $directory.jsonl
done
cmp w3-narrow.jsonl saved.jsonl || fail "an adapter with a saved head does not come back as it was"
if python3 -c "import peft, torch, transformers" 2>/dev/null; then
  python3 "$here/../parity/peft_live.py" --factsweep "$FACTSWEEP" --model "$world/model" --adapter saved || fail "a saved head in transformers"
fi

echo "--- neither bank nor pool nor encoder"
run --data.sets=bare.json --augment.encoder= --kshot.template='Q: {instruction}\nA:' --grid.method=base,lora \
  --grid.draw=1 --grid.shots=6 --grid.data_selection=none --run.output=bare.h5
PYTHONPATH=$FACTSWEEP_SOURCE python3 -m analysis report bare.h5 >report.txt || { cat report.txt; fail "report"; }

echo "--- what tests ask is not learnt, what is too long is counted"
python3 -c "
import json
sets = json.load(open('sets.json'))
sets['bank'][4] = {'name': 'leak', 'train': 'leak.json'}
tests, more = json.load(open('w1_test.json')), json.load(open('w5.json'))[:4]
more[0]['output'] = 'words ' * 80
more[1]['instruction'] = 'words ' * 80
json.dump(tests + more, open('leak.json', 'w'))
json.dump(sets, open('leak_sets.json', 'w'))"
# shellcheck disable=SC2086
run --data.sets=leak_sets.json --grid.task=w1 --grid.method=base $one --bank.evaluate=true --run.output=leak.h5
python3 -c "
import h5py, json
with h5py.File('leak.h5') as file:
    bank = {name: file['bank/' + name][4] for name in ('tested', 'examples', 'left_out', 'shortened')}
    assert bank == {'tested': len(json.load(open('w1_test.json'))), 'examples': 4, 'left_out': 1, 'shortened': 1}, bank"
expect 2 "nothing to learn" "$FACTSWEEP" plan deck.ini --data.sets=<(sed 's/leak.json/w1_test.json/' leak_sets.json) --data.folder=.

echo "--- a bank that diverges"
code=0
# shellcheck disable=SC2086
"$FACTSWEEP" run deck.ini --grid.task=w1 --grid.method=base,expert_lora,source_best $one --bank.learning_rate=1 --train.weight_decay=10 \
  --bank.epochs=60 --run.output=diverged.h5 2>diverged.log || code=$?
[ "$code" = 4 ] || { cat diverged.log; fail "exit code $code instead of 4"; }
python3 - <<'PYTHON'
import h5py

with h5py.File("diverged.h5") as file:
    assert (file["bank/usable"][:] == 0).all()
    assert all("not finite" in reason for reason in file["bank/failure"].asstr()[:]), file["bank/failure"][:]
    status = dict(zip(file["points/method"].asstr()[:], zip(file["points/status"][:], file["points/reason"].asstr()[:])))
    assert status["base"][0] == 2, status
    assert "training of the bank's adapter 'w1' failed" in status["expert_lora"][1], status
    assert "all trainings diverged" in status["source_best"][1], status
PYTHON

echo "--- programs"
python3 - <<'PYTHON'
import json

records = [
    {"task_id": 601 + i, "text": f"Return {i}.", "code": f"def f():\n    return {i}", "test_list": [f"assert f() == {i}"] * 3}
    for i in range(12)
]
open("code.jsonl", "w").write("".join(json.dumps(record) + "\n" for record in records))
sets = json.load(open("sets.json"))
sets["tasks"].append({"name": "code", "train": "code.jsonl", "hold_out": 3, "pool": "open"})
json.dump(sets, open("code.json", "w"))
PYTHON
expect 2 "tasks\[2\] 'code' is answered with programs;;allow_code_execution" "$FACTSWEEP" plan deck.ini --data.sets=code.json
# shellcheck disable=SC2086
run --data.sets=code.json --grid.task=code --grid.method=base,ours $one --eval.allow_code_execution=true --kshot.longest=200 --run.output=code.h5
python3 - <<'PYTHON'
import h5py

with h5py.File("code.h5") as file:
    assert ((file["points/stopped"][:] >= 0) & (file["points/stopped"][:] <= 3)).all()
    assert set(file["points/own_namespaces"][:]) <= {0, 1} and (file["tests/stopped"][:] >= 0).all()
PYTHON
echo "all checks passed"
