#!/usr/bin/env bash
# Every method of F-Learning on a tiny world: the same results on 1, 2 and 4 ranks and after kills, trainings shared
# among rates of forgetting, a report, and bad records and rates told by name.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, pandas, matplotlib, plotly"
tiny_world

python3 "$here/flearning_tiny.py" "$world"
for ranks in 1 2 4; do
  launch $ranks run deck.ini --run.output="ranks-$ranks.h5"
done
for ranks in 2 4; do
  same_results ranks-1.h5 "ranks-$ranks.h5" || fail "1 and $ranks ranks differ"
done

echo "--- kills"
for attempt in 1 2 3; do
  timeout -s KILL "$attempt" "$FACTSWEEP" run deck.ini --run.output=killed.h5 --run.checkpoint_interval=0.1s || true
done
launch 2 run deck.ini --run.output=killed.h5
same_results ranks-1.h5 killed.h5 || fail "a killed sweep ends with other results"

echo "--- content"
python3 - <<'PYTHON'
import h5py
import numpy as np

with h5py.File("ranks-2.h5") as file, h5py.File("ranks-2.weights.h5") as weights:
    points = {name: file["points"][name][:] for name in file["points"]}
    assert (points["status"] == 2).all(), points["reason"]
    method = points["method"].astype(str)
    assert (points["locality"][method == "original"] == 1).all()
    assert np.isfinite(points["reliability"]).all() and np.isfinite(points["edit_seconds"]).all()
    kinds = file["stages/kind"][:].astype(str)
    count = {kind: int((kinds == kind).sum()) for kind in set(kinds)}
    # 2 rates (1 of LoRA) and a search, on all layers and on one, share one delta each of the two kinds
    assert count == {"original": 1, "delta": 2, "search": 4, "forget": 10, "learn": 16, "second_moment": 1, "edit": 4}, count
    norms = file["norms/forget"][:]
    one_layer = np.array([layers == b"1" for layers in points["layers"]]) & (method == "forget_ft") & (points["lambda_used"] > 0)
    assert (norms[one_layer][:, 0] == 0).all() and (norms[one_layer][:, 1] > 0).all()
    group = weights["deltas/full"]
    row = list(group["stage"][:]).index(list(kinds).index("original"))
    assert any(delta[row].any() for delta in group["final"].values())
PYTHON
PYTHONPATH=$FACTSWEEP_SOURCE python3 -m analysis report ranks-2.h5 >report.txt || { cat report.txt; fail "report"; }
# the report finds every training of the journal
PYTHONPATH=$FACTSWEEP_SOURCE python3 - <<'PYTHON'
import pathlib

import h5py
from analysis.flearning import trainings
from analysis.sweep import read

with h5py.File("ranks-2.h5") as file:
    kinds, spent = file["stages/kind"].asstr()[:], file["stages/seconds"][:]
together = trainings.savings(read(pathlib.Path("ranks-2.h5")))[-1]
trained = spent[[kind in ("original", "delta", "learn") for kind in kinds]].sum()
assert abs(together.shared_seconds - trained) < 1e-6 * trained, (together, trained)
PYTHON
point_of() { # FILE METHOD
  python3 -c "import h5py, sys; print(next(i.decode() for i in h5py.File(sys.argv[1])['points/id'] if i.decode().startswith(sys.argv[2] + '-')))" "$1" "$2"
}
point=$(point_of ranks-2.h5 ft)
"$FACTSWEEP" export ranks-2.h5 --point "$point" --model "$world/model" --format hf --output exported
expect 2 "'exported' is not the model that '$point';;$world/model" \
  "$FACTSWEEP" export ranks-2.h5 --point "$point" --model exported --format hf --output no
expect 0 '"ids"' bash -c 'echo "{\"prompt\": \"Q: a\"}" | "$FACTSWEEP" generate --model exported --max-new-tokens 2'
expect 2 "not an adapter: its Original model was fine-tuned whole;;original.train = off;;--format hf" "$FACTSWEEP" export ranks-2.h5 \
  --point "$(point_of ranks-2.h5 lora)" --format peft --output no

echo "--- LoRA on the model as it is"
launch 1 run deck.ini --original.train=off --grid.method=lora,f_learning_lora --grid.lambda_lora=1 --grid.layers=all \
  --search.locality=0 --run.output=as-is.h5 2>run.log || { cat run.log; fail "a run without an Original model's training"; }
for method in lora f_learning_lora; do
  "$FACTSWEEP" export as-is.h5 --point "$(point_of as-is.h5 $method)" --output $method 2>export.log || { cat export.log; fail "export"; }
  [ -e $method/adapter_config.json ] || fail "$method is no PEFT directory"
  if python3 -c "import peft, torch, transformers" 2>/dev/null; then
    python3 "$here/../parity/peft_live.py" --factsweep "$FACTSWEEP" --model "$world/model" --adapter $method || fail "$method in transformers"
  fi
done

echo "--- bad input"
expect 2 'grid.lambda;;nan' "$FACTSWEEP" run deck.ini --grid.lambda=nan
expect 2 'data.records;;usable records' "$FACTSWEEP" run deck.ini --data.records=1000
expect 2 'grid.layers;;no range' "$FACTSWEEP" run deck.ini --grid.layers=0-9
echo '[{"prompt": "no targets"}]' >broken.json
expect 2 'broken.json' "$FACTSWEEP" run deck.ini --data.edits=broken.json
# a diverged point is a row with its step, the rest goes on
expect 4 'not finite at step' "$FACTSWEEP" run deck.ini --run.output=diverged.h5 --learn.learning_rate=1 --learn.epochs=60 \
  --train.weight_decay=10 --grid.method=original,ft,memit
PYTHON_CHECK='import h5py; f = h5py.File("diverged.h5")["points"]; print(" ".join(f"{m}={s}" for m, s in zip(f["method"][:].astype(str), f["status"][:])))'
[ "$(python3 -c "$PYTHON_CHECK")" = "original=2 ft=3 memit=2" ] || fail "other points than the diverged one failed"
