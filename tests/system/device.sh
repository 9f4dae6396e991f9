#!/usr/bin/env bash
# All three studies on a GPU that is pretended (tests/cuda/pretended/device.cpp), or on a real one where libtorch has CUDA: the
# same results as on the CPU but for rounding; on one and on two ranks the same bits, and so after kills.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
pretended=$(dirname "$FACTSWEEP")/tests/cuda/libpretended_device.so
if [ ! -e "$pretended" ]; then
  pretended=
  ldd "$FACTSWEEP" | grep -q libtorch_cuda && nvidia-smi -L >/dev/null 2>&1 ||
    skip "no GPU here, and none is pretended (tests/cuda/CMakeLists.txt says where)"
fi
tiny_world
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} program=$FACTSWEEP pretended

# The program as it is, and the same with a device.
cat >on-device <<'SCRIPT'
#!/usr/bin/env bash
LD_PRELOAD=$pretended exec "$program" "$@" --run.device=cuda
SCRIPT
chmod +x on-device
on_device() { FACTSWEEP=$PWD/on-device "$@"; }

# Floats of all results within a tolerance, everything else equal.
near() { # A B TOLERANCE
  PYTHONPATH=$FACTSWEEP_SOURCE python3 - "$@" <<'PYTHON'
import pathlib
import sys

import h5py
import numpy as np
from analysis.compare import _datasets

first, second, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
worst, count = (0.0, ""), 0
for ending in (".h5", ".weights.h5"):
    paths = [pathlib.Path(name.removesuffix(".h5") + ending) for name in (first, second)]
    if not paths[0].exists():
        continue
    with h5py.File(paths[0]) as a, h5py.File(paths[1]) as b:
        assert _datasets(a) == _datasets(b)
        for name in _datasets(a):
            x, y = a[name][()], b[name][()]
            count += 1
            if x.dtype.kind != "f":
                assert np.array_equal(x, y), f"{name}: {(x != y).sum()} of {x.size} differ"
                continue
            assert np.array_equal(np.isnan(x), np.isnan(y)), f"{name}: other values are missing"
            x, y = np.nan_to_num(x.astype(float)), np.nan_to_num(y.astype(float))
            error = np.linalg.norm(x - y) / max(1e-30, np.linalg.norm(x))
            worst = max(worst, (float(error), f"{ending} {name}"))
print(f"{first} and {second}: {count} datasets, largest difference {worst[0]:.1e} ({worst[1]})")
assert count and worst[0] <= tolerance, f"above {tolerance}"
PYTHON
}

study() { # NAME TOLERANCE [flags]
  echo "--- $1"
  launch 1 run "$1.ini" --run.output="$1-cpu.h5" "${@:3}" 2>run.log || { cat run.log; fail "$1 on the CPU"; }
  on_device launch 1 run "$1.ini" --run.output="$1-gpu.h5" "${@:3}" 2>run.log || { cat run.log; fail "$1 on the device"; }
  near "$1-cpu.h5" "$1-gpu.h5" "$2" || fail "$1: the device and the CPU differ"
  on_device launch 2 run "$1.ini" --run.output="$1-two.h5" "${@:3}" 2>run.log || { cat run.log; fail "$1 on two devices"; }
  same_results "$1-gpu.h5" "$1-two.h5" || fail "$1: one device and two differ"
}

tiny_deck slick.ini
cat >>slick.ini <<'DECK'
[store]
deltas = early_stop+final
DECK
study slick 5e-3

echo "--- killed"
for attempt in 1 2 3; do
  { on_device timeout -s KILL "$((attempt + 1))" "$PWD/on-device" run slick.ini --run.output=killed.h5 --run.checkpoint_interval=0.1s; } \
    >/dev/null 2>&1 || true
done
on_device launch 2 run slick.ini --run.output=killed.h5 2>run.log || { cat run.log; fail "the run after kills"; }
same_results slick-gpu.h5 killed.h5 || fail "a killed sweep ends with other results"

python3 "$here/flearning_tiny.py" "$world"
mv deck.ini flearning.ini
# after the last layer only an answer that follows its subject at once depends on an edit: there Adam steps along rounding
study flearning 5e-3 --edit.layers=0
python3 "$here/kshot_tiny.py" "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert"
mv deck.ini kshot.ini
study kshot 1e-3

echo "--- commands"
python3 - "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert/texts.json" <<'PYTHON'
import json
import sys

world, texts = sys.argv[1:]
facts = json.load(open(f"{world}/facts/train/W1.train.json"))[:8]
with open("prompts", "w") as file:
    for fact in facts:
        print(json.dumps({"prompt": f"Q: {fact['question']}\nA:", "completion": " " + fact["answers"][0]}), file=file)
with open("texts", "w") as file:
    for text in json.load(open(texts)):
        print(json.dumps(text), file=file)
PYTHON
command_on() { # DEVICE WORDS...
  local preload=
  [ "$1" = cpu ] || preload=$pretended
  LD_PRELOAD=$preload "$program" "${@:2}" --device "$1" 2>messages || { cat messages; fail "$2 on $1"; }
}
for device in cpu cuda; do
  for dtype in float32 bfloat16; do
    command_on $device score --model "$world/model" --dtype $dtype --input prompts --output score.$dtype.$device
    command_on $device embed --model "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert" --dtype $dtype --input texts \
      --output embed.$dtype.$device.npy
  done
  command_on $device generate --model "$world/model" --max-new-tokens 12 --input prompts --output greedy.$device
  command_on $device generate --model "$world/model" --max-new-tokens 12 --temperature 0.7 --samples 3 --input prompts --output drawn.$device
done
for answers in greedy drawn; do
  cmp $answers.cpu $answers.cuda || fail "other answers on the device: $answers"
done
python3 - <<'PYTHON'
import json

import numpy as np

for dtype, tolerance in (("float32", 1e-4), ("bfloat16", 0.2)):
    scores = [[json.loads(line)["logprobs"] for line in open(f"score.{dtype}.{device}")] for device in ("cpu", "cuda")]
    error = max(abs(x - y) for a, b in zip(*scores, strict=True) for x, y in zip(a, b, strict=True))
    rows = [np.load(f"embed.{dtype}.{device}.npy") for device in ("cpu", "cuda")]
    distance = np.abs(rows[0] - rows[1]).max()
    print(f"{dtype}: log-probabilities within {error:.1e}, embeddings within {distance:.1e}")
    assert error < tolerance and distance < tolerance
PYTHON
echo "all checks passed"
