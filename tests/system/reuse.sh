#!/usr/bin/env bash
# A sweep that begins with what a smaller one has done (run.reuse) ends with the same file as one that does all of it.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, pandas"
tiny_world

tiny_deck deck.ini
printf '[store]\ndeltas = final\n' >>deck.ini
launch 2 run deck.ini --grid.unknown_ratio=0,1 --grid.seed=2 --run.output=small.h5
launch 2 run deck.ini --run.output=whole.h5
expect 0 "stages are taken over;;Fits: of 84.9. GB" "$FACTSWEEP" plan deck.ini --run.reuse=small.h5 --run.output=grown.h5 --device h100
foreseen=$(grep -oE '[0-9]+ of [0-9]+ stages' messages)
expect 0 "$foreseen taken over from small.h5" launch 2 run deck.ini --run.reuse=small.h5 --run.output=grown.h5
same_results whole.h5 grown.h5 || fail "what was taken over differs from what is computed"
expect 0 "0 of [0-9]+ stages taken over" launch 1 run deck.ini --run.reuse=small.h5 --run.output=grown.h5

# not computed again: labels, and two of six trainings, keep the seconds of the small sweep
python3 - <<'PYTHON'
import h5py

def seconds(name):
    with h5py.File(name) as file:
        return dict(zip(file["stages/key"].asstr()[:], zip(file["stages/kind"].asstr()[:], file["stages/seconds"][:])))

small, grown, whole = seconds("small.h5"), seconds("grown.h5"), seconds("whole.h5")
assert set(small) < set(grown) and set(grown) == set(whole)
assert all(grown[key] == small[key] for key in small)
assert not any(grown[key] == whole[key] for key in whole)
assert sum(kind == "train" for kind, _ in small.values()) == 2
PYTHON

# begun with half-finished work: what was not done stays to be done
expect 5 "" launch 1 run deck.ini --run.wall_limit=00:00:01 --train.epochs=400 --run.output=cut.h5
expect 0 "taken over from cut.h5" launch 2 run deck.ini --run.reuse=cut.h5,small.h5 --run.output=both.h5
same_results whole.h5 both.h5 || fail "two sweeps taken over differ from one computed"

# two models: what one of them did is what it does alone; in another order the first one's labels lie in /labels/base
cp -r "$world/model" second
python3 - <<'PYTHON'
import json, struct
import numpy

with open("second/model.safetensors", "r+b") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    about = json.loads(file.read(size))["model.norm.weight"]
    assert about["dtype"] == "F32", about
    begin, end = about["data_offsets"]
    file.seek(8 + size + begin)
    norm = numpy.frombuffer(file.read(end - begin), "<f4")
    file.seek(8 + size + begin)
    file.write((norm * 0.5).tobytes())
PYTHON
few=(--grid.seed=1 --grid.unknown_ratio=0.5 --store.deltas=none)
launch 2 run deck.ini "${few[@]}" --grid.model="$world/model,second" --run.output=two.h5
launch 1 run deck.ini "${few[@]}" --model.path=second --run.output=alone.h5
expect 0 "([0-9]+) of \1 stages taken over from two.h5" launch 2 run deck.ini "${few[@]}" --grid.model="second,$world/model" --run.reuse=two.h5 --run.output=turned.h5
"$FACTSWEEP" questions two.h5 --model second >second.csv
"$FACTSWEEP" questions two.h5 --point unknown_ratio-0.5-second-s1 --output point.csv
"$FACTSWEEP" questions alone.h5 >alone.csv
cmp second.csv alone.csv || fail "questions shows other labels of the second model"
cut -d, -f1-8 point.csv | cmp - <(cut -d, -f1-8 alone.csv) || fail "questions shows other labels of the point's model"
"$FACTSWEEP" questions two.h5 | cmp -s - alone.csv && fail "both models have the same labels"
expect 2 "no model of the sweep is called 'third'. Its models: model, second" "$FACTSWEEP" questions two.h5 --model third
expect 2 "goes without --point" "$FACTSWEEP" questions two.h5 --model second --point x
python3 - <<'PYTHON'
import h5py
import numpy

def same(one, other):
    assert one.dtype == other.dtype and numpy.array_equal(one[()], other[()], equal_nan=one.dtype.kind == "f"), one.name

two, alone, turned = (h5py.File(f"{name}.h5") for name in ("two", "alone", "turned"))
own = [name for name, data in two["labels/second"].items() if name in alone["labels/base"] and data.shape]
assert {"category", "p", "p_true", "greedy_answer", "near_ties"} <= set(own) and "question" not in own, own
for name in own:
    same(two["labels/second"][name], alone["labels/base"][name])
    same(two["labels/second"][name], turned["labels/base"][name])
    same(two["labels/base"][name], turned["labels/model"][name])
for name in ("row", "answer", "kind"):
    same(two["errors/second"][name], alone["errors"][name])
    same(two["errors"][name], turned["errors/model"][name])
ids = [f["points/id"].asstr()[:].tolist() for f in (two, alone, turned)]
assert ids == [["unknown_ratio-0.5-model-s1", "unknown_ratio-0.5-second-s1"], ["unknown_ratio-0.5-s1"],
               ["unknown_ratio-0.5-second-s1", "unknown_ratio-0.5-model-s1"]], ids
assert two["points/model"].asstr()[:].tolist() == ["model", "second"]
for name in ("curves/loss", "curves/accuracy_test_unknown", "predictions/correct_final", "variants/member"):
    assert numpy.array_equal(two[name][1], alone[name][0], equal_nan=True), name
    assert numpy.array_equal(two[name][()], turned[name][()][::-1], equal_nan=True), name
assert not numpy.array_equal(two["curves/loss"][0], two["curves/loss"][1], equal_nan=True)
PYTHON

mv small.weights.h5 elsewhere
expect 2 "small.weights.h5: no such file;;run.reuse" launch 2 run deck.ini --run.reuse=small.h5 --run.output=weightless.h5
expect 2 "no such file" launch 2 run deck.ini --run.reuse=absent.h5 --run.output=bad.h5
expect 2 "no such file" "$FACTSWEEP" plan deck.ini --run.reuse=absent.h5 --run.output=bad.h5
expect 2 "run.output itself" "$FACTSWEEP" plan deck.ini --run.reuse=whole.h5 --run.output=whole.h5
expect 2 "deck.ini" launch 2 run deck.ini --run.reuse=deck.ini --run.output=bad.h5
expect 2 "run.output itself" launch 2 run deck.ini --run.reuse=whole.h5 --run.output=whole.h5
cp -r "$world/model" model
launch 1 run deck.ini --model.path=model --grid.seed=1 --grid.unknown_ratio=0 --run.output=moved.h5
rm -r model
expect 2 "moved.h5 \(run.reuse\): what it was made from;;model: no such model folder" launch 2 run deck.ini --run.reuse=moved.h5 --run.output=bad.h5
