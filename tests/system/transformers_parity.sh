#!/usr/bin/env bash
# transformers loads the tiny world's model, and agrees with score, generate and tokenize on it and on a real SmolLM2 with
# real questions.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "torch, transformers, tokenizers, sentencepiece, google.protobuf"
tiny_world
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TRANSFORMERS_VERBOSITY=error
python3 "$here/transformers_parity.py" "$FACTSWEEP" "$world/model" "$world/facts" --corpus "$world/corpus.txt"

[ -n "${FACTSWEEP_SMOLLM2:-}" ] || skip "the world's model agrees; SmolLM2 is not here (FACTSWEEP_SMOLLM2)"
data=${FACTSWEEP_DATA:-}/entityquestions
if [ -d "$data" ]; then
  python3 "$here/../parity/tokenizer_parity.py" --factsweep "$FACTSWEEP" --model "$FACTSWEEP_SMOLLM2" --data "$FACTSWEEP_DATA" --count 10000
else
  echo "no EntityQuestions (FACTSWEEP_DATA): the world's questions instead"
  data=$world/facts
fi
python3 "$here/transformers_parity.py" "$FACTSWEEP" "$FACTSWEEP_SMOLLM2" "$data"

driver=$(dirname "$FACTSWEEP")/tests/edit_metrics_driver
records=${FACTSWEEP_DATA:-}/counterfact/counterfact-edit.json.gz
if [ -x "$driver" ] && [ -f "$records" ]; then
  python3 "$here/../parity/edit_metrics.py" --driver "$driver" --factsweep "$FACTSWEEP" --model "$FACTSWEEP_SMOLLM2" \
    --records "$records" --count 60 --greedy 30
fi
