#!/usr/bin/env bash
# Measures factsweep on this machine's GPU: unpacks what lies beside it and writes results.json and log.txt there.
#
#   bash run.sh [--minutes 9] [--only STEP ...] [--device cpu]
#
# PYTHON names the interpreter whose torch is used (default: python3).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$work" -xf "$here/payload.tar.xz"
torch=$("$python" -c 'import torch; print(torch.__path__[0])') || { echo "$python has no torch" >&2; exit 1; }
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v "$python")" >"$work/bin/python3"
chmod +x "$work/bin/python3"
export PATH=$work/bin:$PATH OPAL_PREFIX=$work LD_LIBRARY_PATH=$torch/lib:$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# One machine, perhaps without ssh, and no zlib plugin of PMIx.
export PMIX_MCA_pcompress_base_silence_warning=1
export OMPI_MCA_plm=isolated OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"$python" "$work/measure.py" --results "$here" "$@" 2>&1 | tee "$here/log.txt"
