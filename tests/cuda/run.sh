#!/usr/bin/env bash
# Device tests: the same questions answered and scored on the CPU and on the GPU, then the quickstart deck on the GPU.
# Exits with 77 (skipped) where there is no GPU, or where the program is built without CUDA.
#
# FACTSWEEP (default build/factsweep) must be linked to a CUDA libtorch; FACTSWEEP_SMOLLM2 may name the model directory.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../jobs/bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/bootstrap.sh"
cd "$factsweep_root"
factsweep=${FACTSWEEP:-build/factsweep}
if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >/dev/null 2>&1; then
  echo "no GPU here"
  exit 77
fi
if ! ldd "$factsweep" | grep -q libtorch_cuda; then
  echo "$factsweep is built with a CPU libtorch, so the GPU here is out of its reach"
  exit 77
fi
bootstrap
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
model=${FACTSWEEP_SMOLLM2:-.cache/smollm2}
[ -n "${FACTSWEEP_SMOLLM2:-}" ] || jobs/get-smollm2.sh "$model"

python3 - >"$scratch/prompts" <<'PYTHON'
import json
shots = "Q: What is the capital of France?\nA: Paris\nQ: What is the capital of Japan?\nA: Tokyo\n"
for country, city in (("Kenya", "Nairobi"), ("Italy", "Rome"), ("Norway", "Oslo"), ("Peru", "Lima"), ("Chad", "Paris")):
    prompt = shots + f"Q: What is the capital of {country}?\nA:"
    print(json.dumps({"prompt": prompt, "completion": " " + city}))
PYTHON
for dtype in float32 bfloat16; do
  for device in cpu cuda; do
    "$factsweep" score --model "$model" --device $device --dtype $dtype --input "$scratch/prompts" \
      --output "$scratch/score.$dtype.$device"
    "$factsweep" generate --model "$model" --device $device --dtype $dtype --max-new-tokens 12 --temperature 0 \
      --input "$scratch/prompts" --output "$scratch/generate.$dtype.$device"
  done
done

# float32 differs by the order of sums alone. bfloat16 keeps 8 bits: its devices may part where two tokens nearly tie,
# so there only the probabilities are compared.
python3 - "$scratch" <<'PYTHON'
import json, sys

def rows(name):
    with open(f"{sys.argv[1]}/{name}") as file:
        return [json.loads(line) for line in file]

failed = 0
for dtype, tolerance in (("float32", 1e-3), ("bfloat16", 0.15)):
    pairs = list(zip(rows(f"score.{dtype}.cpu"), rows(f"score.{dtype}.cuda"), strict=True))
    worst = max(abs(x - y) for a, b in pairs for x, y in zip(a["logprobs"], b["logprobs"], strict=True))
    print(f"score {dtype}: {len(pairs)} rows, largest difference of a log-probability {worst:.2e} (allowed {tolerance})")
    failed += not worst <= tolerance
same = [a["ids"] == b["ids"] for a, b in zip(rows("generate.float32.cpu"), rows("generate.float32.cuda"), strict=True)]
print(f"generate float32: {sum(same)} of {len(same)} greedy answers identical")
failed += not same or not all(same)
sys.exit(bool(failed))
PYTHON

[ -e world ] || "$factsweep" world --output world
"$factsweep" run inputs/quickstart.ini --run.device=cuda --run.output="$scratch/cuda.h5"
python3 - "$scratch/cuda.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1]) as file:
    status = file["points/status"][:]
print(f"quickstart on the GPU: {(status == 2).sum()} of {len(status)} points done")
sys.exit(0 if len(status) and (status == 2).all() else 1)
PYTHON
