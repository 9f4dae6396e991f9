#!/usr/bin/env bash
# SliCK with LoRA beside full fine-tuning: the exported adapter gives PEFT our numbers, merged it gives the same, and two
# ranks change nothing.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "torch, transformers, peft, h5py"
tiny_world
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TRANSFORMERS_VERBOSITY=error
tiny_deck deck.ini
settings=(--grid.unknown_ratio=0.5 --grid.seed=1 --grid.lora_rank="0, 4" --lora.alpha=8 --train.learning_rate=5e-3
          --store.deltas=early_stop+final --store.delta_dtype=float32)
"$FACTSWEEP" plan deck.ini "${settings[@]}" >plan.txt
"$FACTSWEEP" run deck.ini "${settings[@]}" 2>run.log || { cat run.log; fail "the run"; }
point=unknown_ratio-0.5-lora_rank4-s1

"$FACTSWEEP" export out.h5 --point $point --output adapter 2>export.log
python3 "$here/../parity/peft_live.py" --factsweep "$FACTSWEEP" --model "$world/model" --adapter adapter --texts "$world/corpus.txt"

# merged by us, and added by the hook: the same model
"$FACTSWEEP" export out.h5 --point $point --output merged --format hf --model "$world/model" 2>>export.log
head -n 20 "$world/corpus.txt" | python3 -c '
import json, sys
for line in sys.stdin:
    words = line.split()
    if len(words) > 2:
        print(json.dumps({"prompt": " ".join(words[:-1]), "completion": " " + words[-1]}))' >records.jsonl
"$FACTSWEEP" score --model merged --input records.jsonl --output merged.jsonl
"$FACTSWEEP" score --model "$world/model" --adapter adapter --input records.jsonl --output hooked.jsonl
"$FACTSWEEP" score --model "$world/model" --input records.jsonl --output base.jsonl
python3 - <<'PYTHON'
import json

sums = {name: [json.loads(line)["sum"] for line in open(f"{name}.jsonl")] for name in ("merged", "hooked", "base")}
worst = max(abs(a - b) for a, b in zip(sums["merged"], sums["hooked"]))
moved = max(abs(a - b) for a, b in zip(sums["base"], sums["hooked"]))
print(f"{len(sums['base'])} completions: merged and hooked differ by {worst:.1e}, the adapter moves them by {moved:.2g}")
assert worst < 1e-4 < 0.1 < moved
PYTHON

"$FACTSWEEP" export out.h5 --point unknown_ratio-0.5-lora_rank0-s1 --output full --model "$world/model" 2>>export.log
[ -f full/model.safetensors ] || fail "the full point is no model directory"
expect 2 "all that its model has changed is kept, not an adapter" "$FACTSWEEP" export out.h5 --point unknown_ratio-0.5-lora_rank0-s1 --output no --format peft

launch 2 run deck.ini "${settings[@]}" --run.output=two.h5 2>two.log || { cat two.log; fail "two ranks"; }
same_results out.h5 two.h5
python3 - <<'PYTHON'
import h5py

with h5py.File("out.h5") as file:
    assert list(file["points/lora_rank"]) == [0, 4]
    print("loss of full and LoRA by epoch:", file["curves/loss"][:, 1:].round(3).tolist())
PYTHON

expect 2 "lora.targets;;'q_prj' matches no module;;self_attn.q_proj" "$FACTSWEEP" plan deck.ini "${settings[@]}" --lora.targets=q_prj
expect 2 "grid.lora_rank" "$FACTSWEEP" plan deck.ini "${settings[@]}" --grid.lora_rank=-1
expect 2 "lora.rank = 4;;no point trains with LoRA" "$FACTSWEEP" plan deck.ini --lora.rank=4
