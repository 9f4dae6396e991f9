#!/usr/bin/env bash
# Compiles and links the whole program against a CUDA libtorch, on a machine without a GPU: code that only a CUDA build
# sees (graphs, NCCL groups, streams) is then at least known to compile. Repeating it compiles only what has changed.
#
#   tests/cuda/compile.sh [CACHE]      CACHE: the wheel and objects, about 2 GB (default: .cache/cuda)
#
# FACTSWEEP_CUDA_TARGETS: targets instead of factsweep, those of tests, too.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../jobs/bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/bootstrap.sh"
cache=$(mkdir -p "${1:-$factsweep_root/.cache/cuda}" && cd "${1:-$factsweep_root/.cache/cuda}" && pwd)
install_system_packages

# torch 2.11.0 is the newest whose wheel is built for CUDA 13 and carries libraries and CMake targets alike.
wheels=$cache/wheels
if [ ! -e "$wheels/.torch==2.11.0" ]; then
  echo "fetching torch 2.11.0" >&2
  rm -rf "$cache/download"
  mkdir -p "$wheels"
  python3 -m pip download --quiet --no-deps --dest "$cache/download" torch==2.11.0
  python3 - "$wheels" "$cache"/download/*.whl <<'PYTHON'
import re, sys, zipfile
target, wheel = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if re.match(r"torch/(include/|share/cmake/|lib/lib(torch|c10).*\.so$)", name)])
PYTHON
  rm -rf "$cache/download"
  touch "$wheels/.torch==2.11.0"
fi

# A link here leaves the CUDA libraries that torch's need unresolved, but not one symbol of our own objects.
cmake -S "$factsweep_root" -B "$cache/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING="${FACTSWEEP_CUDA_TARGETS:+ON}" \
  -DTorch_DIR="$wheels/torch/share/cmake/Torch" >"$cache/configure.log" || { cat "$cache/configure.log"; exit 1; }
# shellcheck disable=SC2086
cmake --build "$cache/build" --target ${FACTSWEEP_CUDA_TARGETS:-factsweep}

# A build that did not link torch_cuda has checked nothing.
if ! readelf -d "$cache/build/factsweep" | grep -q 'NEEDED.*libtorch_cuda.so'; then
  echo "the program does not link libtorch_cuda.so" >&2
  exit 1
fi
echo "factsweep compiles and links against torch 2.11.0 with CUDA ($cache/build/factsweep)"
