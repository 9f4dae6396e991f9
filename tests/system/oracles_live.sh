#!/usr/bin/env bash
# Models, adapters, encoders and draws against transformers and PEFT on fresh random weights, in a quick form: a few families
# and one seed each. tests/parity/*_live.py compares all families on any number of seeds.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "torch, transformers, tokenizers, sentencepiece, google.protobuf"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TRANSFORMERS_VERBOSITY=error HF_HUB_DISABLE_PROGRESS_BARS=1
live() { python3 "$here/../parity/$1_live.py" --factsweep "$FACTSWEEP" "${@:2}"; }

echo "--- score and generate, by transformers"
for family in llama gpt_neox gemma3 olmo2 phi3 cohere2 falcon-alibi qwen2_moe; do live transformers --seeds 1 --first-seed 1 --slack 1.3 --family $family; done

echo "--- embed, by transformers"
live encoder --seeds 1 --first-seed 1 --slack 1.3

[ -n "${FACTSWEEP_SMOLLM2:-}" ] && [ -d "${FACTSWEEP_DATA:-}/entityquestions" ] && {
  echo "--- greedy answers and draws of SmolLM2, by transformers"
  live generate --model "$FACTSWEEP_SMOLLM2" --questions "$FACTSWEEP_DATA/entityquestions" --count 8 --draws 10000
}

echo "--- --adapter, by PEFT"
python3 -c "import peft" 2>/dev/null || skip "models and encoders agree; needs a python3 with peft for adapters"
for family in qwen2 gpt2 phi3-tied; do live peft --seeds 1 --first-seed 1 --family $family; done
