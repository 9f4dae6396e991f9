#!/usr/bin/env bash
# `factsweep embed` as a user calls it: both forms of input, both of output, the order, and what it says of mistakes.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "safetensors, numpy"
models=$FACTSWEEP_SOURCE/tests/unit/encoder/data
embed() { "$FACTSWEEP" embed --device=cpu --threads=1 "$@"; }
lines() { printf '%s\n' "$@" >lines.jsonl; }

echo "--- JSON and .npy, strings and objects"
python3 - "$models" <<'PYTHON'
import json
import sys

for i, text in enumerate(json.load(open(f"{sys.argv[1]}/bert/texts.json"))):
    print(json.dumps(text if i % 2 else {"text": text, "id": i}), file=open("texts.jsonl", "a"))
PYTHON
embed --model "$models/bert" --input texts.jsonl --output rows.npy 2>messages
grep -qE '^.*21 texts in .* texts/s\); 11 of them cut to 12 tokens' messages || { cat messages; fail "the sum on standard error"; }
embed --model "$models/bert" <texts.jsonl >rows.jsonl
gzip -k texts.jsonl
embed --model "$models/bert" --input texts.jsonl.gz --batch-tokens=20 --output small-batches.jsonl
embed --model "$models/bert" --input texts.jsonl --pooling cls --normalize off --output cls.npy
: >nothing.jsonl
embed --model "$models/bert" --input nothing.jsonl --output nothing.npy
python3 - "$models" <<'PYTHON'
import json
import sys

import numpy as np
from safetensors.numpy import load_file

expected = load_file(f"{sys.argv[1]}/bert/reference.safetensors")
rows = np.load("rows.npy")
assert rows.dtype == np.float32 and np.abs(rows - expected["embedding"]).max() < 1e-5
for name, tolerance in (("rows.jsonl", 0), ("small-batches.jsonl", 1e-5)):
    answers = [json.loads(line) for line in open(name)]
    assert all(list(answer) == ["embedding"] for answer in answers)
    found = np.array([answer["embedding"] for answer in answers], dtype=np.float32)
    assert np.abs(found - rows).max() <= tolerance, name
assert np.abs(np.load("cls.npy") - expected["cls"]).max() < 1e-5
assert np.load("nothing.npy").shape == (0, 16)
PYTHON

echo "--- mistakes"
expect 0 'factsweep embed --model DIR;;--pooling;;--batch-tokens' "$FACTSWEEP" embed --help
lines '{"text": "a"}' '{"texts": "a"}'
expect 2 'lines.jsonl:2: the line must be a string or an object with a string "text"' "$FACTSWEEP" embed --model "$models/bert" --input lines.jsonl
lines '"a"' '["a"]'
expect 2 'lines.jsonl:2: ' "$FACTSWEEP" embed --model "$models/bert" --input lines.jsonl
lines '"a"' '"b'
expect 2 'lines.jsonl:2: not valid JSON' "$FACTSWEEP" embed --model "$models/bert" --input lines.jsonl
lines '"a"'
expect 2 'nowhere.jsonl: no such file' "$FACTSWEEP" embed --model "$models/bert" --input nowhere.jsonl
expect 2 'nowhere: no such model folder' "$FACTSWEEP" embed --model nowhere --input lines.jsonl
expect 2 'roberta: no modules.json.*cls or mean' "$FACTSWEEP" embed --model "$models/roberta" --input lines.jsonl
expect 2 '--model' "$FACTSWEEP" embed --input lines.jsonl
for option in --dtype=float16 --device=tpu --pooling=max --normalize=yes --batch-tokens=-1; do
  expect 2 "command line: ${option%=*}" "$FACTSWEEP" embed --model "$models/bert" --input lines.jsonl "$option"
done
expect 3 'nowhere/rows.npy: cannot be written' "$FACTSWEEP" embed --model "$models/bert" --input lines.jsonl --output nowhere/rows.npy
expect 3 'output cannot be written' bash -c "'$FACTSWEEP' embed --model '$models/bert' --input lines.jsonl >/dev/full"
echo "all checks passed"
