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

# what the small sweep has seen of its cost: measured, and what its plan and the next one assume
python3 - <<'PYTHON'
import h5py, numpy

with h5py.File("small.h5") as file:
    foreseen, peak = file["stages/memory_bytes"][:], file["stages/peak_bytes"][:]
    trains = file["stages/kind"].asstr()[:] == "train"
    assert (foreseen > 0).all() and numpy.isfinite(peak[trains]).all() and (peak[trains] > 0).all(), peak
PYTHON
for named in --run.reuse=small.h5 --seen=small.h5 "--run.output=small.h5 --grid.unknown_ratio=0,1 --grid.seed=2"; do
  # shellcheck disable=SC2086
  expect 0 "Times assume the FLOP/s of a rank in small.h5: .*train [0-9.e+]+; other stages" "$FACTSWEEP" plan deck.ini $named
done
expect 0 "Times assume 4e.14 FLOP/s a rank" "$FACTSWEEP" plan deck.ini --seen small.h5 --flops 4e14
expect 2 "none.h5: no such file" "$FACTSWEEP" plan deck.ini --seen none.h5
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
# the rate is that of a swept model, too, whatever model.path says
expect 0 'Times assume 85% of the rate .* trains layers as wide as the model' "$FACTSWEEP" plan deck.ini "${few[@]}" --model.path=nowhere --grid.model="$world/model"
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

echo "--- of a file of an earlier version only the stages are taken over that have all their values"
cp small.h5 older.h5 && cp small.weights.h5 older.weights.h5
python3 - <<'PYTHON'
import h5py

with h5py.File("older.h5", "r+") as file:
    del file["points/loss_rose"], file["stages/peak_bytes"], file["stages/checksum"], file["stages/weights_checksum"]
with h5py.File("small.h5") as file:
    kinds = file["stages/kind"].asstr()[:].tolist()
with open("without.txt", "w") as without:
    print(len(kinds) - kinds.count("train"), end="", file=without)
PYTHON
older=$(cat without.txt)
expect 0 "$older of [0-9]+ stages are taken over" "$FACTSWEEP" plan deck.ini --run.reuse=older.h5 --run.output=newer.h5
expect 0 "$older of [0-9]+ stages taken over from older.h5" launch 2 run deck.ini --run.reuse=older.h5 --run.output=newer.h5
same_results whole.h5 newer.h5 || fail "what was taken over of an older file differs"

echo "--- of a file that the disk has changed only the stages are taken over that are as they were"
cp small.h5 flipped.h5 && cp small.weights.h5 flipped.weights.h5
python3 - <<'PYTHON'
import h5py

with h5py.File("flipped.h5", "r+") as file, h5py.File("flipped.weights.h5", "r+") as weights:
    stages = file["stages/stage"].shape[0]
    label = file["labels/base/p"]
    first = label[0, 0]
    label[0, 0] = 1 - first if first != 0.5 else 0.25
    tensor = weights["deltas/full/final/model.norm.weight"]
    tensor[1, 0] = tensor[1, 0] + 1
with open("unchanged.txt", "w") as unchanged:
    print(stages - 2, end="", file=unchanged)
PYTHON
expect 0 "$(cat unchanged.txt) of [0-9]+ stages taken over from flipped.h5;;2 of its stages are computed anew" \
  launch 2 run deck.ini --run.reuse=flipped.h5 --run.output=mended.h5
same_results whole.h5 mended.h5 || fail "what was taken over of a changed file differs"
expect 0 "holds other results than these stages wrote: label" launch 2 run deck.ini --grid.unknown_ratio=0,1 --grid.seed=2 --run.output=flipped.h5
# results alone: weights that nobody reads are not looked at
PYTHONPATH=$FACTSWEEP_SOURCE python3 -m analysis compare --no-figure small.h5 flipped.h5 || fail "what was changed is not computed anew"

mv small.weights.h5 elsewhere
expect 2 "small.weights.h5: no such file;;run.reuse" launch 2 run deck.ini --run.reuse=small.h5 --run.output=weightless.h5
expect 2 "no such file" launch 2 run deck.ini --run.reuse=absent.h5 --run.output=bad.h5
expect 2 "no such file" "$FACTSWEEP" plan deck.ini --run.reuse=absent.h5 --run.output=bad.h5
expect 2 "run.output itself" "$FACTSWEEP" plan deck.ini --run.reuse=whole.h5 --run.output=whole.h5
expect 2 "deck.ini" launch 2 run deck.ini --run.reuse=deck.ini --run.output=bad.h5
expect 2 "run.output itself" launch 2 run deck.ini --run.reuse=whole.h5 --run.output=whole.h5
cp -r "$world/model" model
launch 1 run deck.ini --model.path=model --grid.seed=1 --grid.unknown_ratio=0 --run.output=moved.h5

echo "--- what lies elsewhere is the same; what holds something else is not, wherever it lies"
cp -r "$world/facts" facts && mv model model.b
one="--grid.seed=1 --grid.unknown_ratio=0 --run.output=moved.h5"
# shellcheck disable=SC2086
expect 0 "model.path was read at model, and is at model.b now;;data.facts was read at .*/facts, and is at facts now;;0 failed" \
  launch 2 run deck.ini --model.path=model.b --data.facts=facts $one
expect 0 "model.path is at model.b now, and was at model: it holds the same;;[1-9][0-9]* of [0-9]+ stages taken over from moved.h5" \
  launch 2 run deck.ini --model.path=model.b --run.reuse=moved.h5 --run.output=again.h5
same_results whole.h5 again.h5 || fail "what was taken over of a model that has moved differs"
python3 - <<'PYTHON'
import json
import pathlib

path = pathlib.Path("facts/train/W2.train.json")
records = json.loads(path.read_text())
for record in records:
    record["answers"] = ["another"]
path.write_text(json.dumps(records))
PYTHON
# shellcheck disable=SC2086
expect 2 "begun with other input: data.facts W2 holds something else than it did then" \
  launch 2 run deck.ini --model.path=model.b --data.facts=facts $one
mv model.b other && python3 - <<'PYTHON'
with open("other/model.safetensors", "r+b") as file:
    file.seek(-1000, 2)
    file.write(b"others" * 20)
PYTHON
expect 2 "moved.h5: its deck means other work today: model.path .other. holds something else than what was read at model" \
  launch 2 run deck.ini --model.path=other --run.reuse=moved.h5 --run.output=bad.h5

echo "--- weights that were not kept are computed again, and those that are not wanted are left behind"
expect 0 "Not kept: the weights of 2 points;;store.deltas = final" \
  launch 2 run deck.ini --store.deltas=none --grid.unknown_ratio=0,1 --grid.seed=2 --run.output=bare.h5
expect 0 "[1-9][0-9]* of [0-9]+ stages taken over from bare.h5" launch 2 run deck.ini --run.reuse=bare.h5 --run.output=with.h5
same_results whole.h5 with.h5 || fail "weights that were computed again differ"
expect 0 "([0-9]+) of \1 stages taken over from with.h5" launch 2 run deck.ini --store.deltas=none --run.reuse=with.h5 --run.output=without.h5
[ ! -e without.weights.h5 ] || fail "weights are kept that nobody wants"
python3 - <<'PYTHON'
import h5py

def trainings(name):
    with h5py.File(name) as file:
        return {k: s for k, kind, s in zip(file["stages/key"][:], file["stages/kind"].asstr()[:], file["stages/seconds"][:]) if kind == "train"}

bare, kept = trainings("bare.h5"), trainings("with.h5")
assert set(bare) < set(kept) and not any(kept[key] == bare[key] for key in bare)
PYTHON
