#!/usr/bin/env bash
# What configuring says of libraries that do not fit: one sentence with what to do. The files of cmake/ that look at them run
# by themselves here, on stand-ins.
set -euo pipefail
cmake_folder=${FACTSWEEP_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}/cmake
cd "${FACTSWEEP_SCRATCH:-$(mktemp -d)}"
fail() { echo "FAILED: $*"; exit 1; }
for tool in cmake cc ldd; do
  command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done

look() { # FILE VARIABLES...
  printf 'cmake_minimum_required(VERSION 3.22)\ninclude("%s")\n' "$cmake_folder/$1" >look.cmake
  cmake "${@:2}" -P look.cmake >messages 2>&1
}
accepted() { # FILE VARIABLES...
  look "$@" || { cat messages; fail "$1 refuses ${*:2}"; }
}
refused() { # WORDS FILE VARIABLES...
  local words=$1
  shift
  ! look "$@" || { cat messages; fail "$1 accepts ${*:2}"; }
  # CMake breaks long lines of a message
  tr -s ' \n' ' ' <messages | grep -qE -e "$words" || { cat messages; fail "no '$words' in the messages of $*"; }
  echo "passed: $words"
}

echo "--- HDF5"
refused "HDF5 at /opt/serial is serial. Install .* or load" ParallelHdf5.cmake -DHDF5_IS_PARALLEL=FALSE -DHDF5_INCLUDE_DIRS=/opt/serial
mkdir -p "an mpi" other
echo 'int MPI_Init(void *a, void *b) { return !a + !b; }' >mpi.c
echo 'int MPI_Init(void *, void *); int H5open(void) { return MPI_Init(0, 0); }' >hdf5.c
cc -shared -fPIC -o "an mpi/libmpi.so" -Wl,-soname,libmpi.so mpi.c
cc -shared -fPIC -o other/libmpich.so -Wl,-soname,libmpich.so mpi.c
cc -shared -fPIC -o other/libhdf5.so hdf5.c "$PWD/other/libmpich.so" "-Wl,-rpath,$PWD/other"
cc -shared -fPIC -o "an mpi/libhdf5.so" hdf5.c "$PWD/an mpi/libmpi.so" "-Wl,-rpath,$PWD/an mpi"
here=(ParallelHdf5.cmake -DHDF5_IS_PARALLEL=TRUE "-DMPI_C_LIBRARIES=$PWD/an mpi/libmpi.so")
refused "was built with another MPI \(.*other/libmpich.so\) than the one found here .*Load the HDF5 that belongs" \
  "${here[@]}" "-DHDF5_C_LIBRARIES=$PWD/other/libhdf5.so"
accepted "${here[@]}" "-DHDF5_C_LIBRARIES=$PWD/other/libhdf5.so" -DFACTSWEEP_MIXED_MPI=ON
accepted "${here[@]}" "-DHDF5_C_LIBRARIES=$PWD/an mpi/libhdf5.so"

echo "--- libtorch"
torch() { # VERSION FLAGS
  mkdir -p torch/share/cmake/Torch
  echo "set(PACKAGE_VERSION \"$1\")" >torch/share/cmake/Torch/TorchConfigVersion.cmake
  echo "set(TORCH_CXX_FLAGS \"$2\")" >torch/share/cmake/Torch/TorchConfig.cmake
}
torch 2.4.1 ""
refused "is version 2.4.1, and 2.5 is the oldest .*python3 -m pip install" Libtorch.cmake "-DTorch_DIR=$PWD/torch/share/cmake/Torch"
torch 2.5.1 "-D_GLIBCXX_USE_CXX11_ABI=0"
refused "compiled for the old C\+\+ ABI .*Take pip's torch from 2.7 on" Libtorch.cmake "-DCMAKE_PREFIX_PATH=$PWD/torch"
mkdir none
printf '#!/bin/sh\nexit 1\n' >none/python3
chmod +x none/python3
PATH="$PWD/none:$PATH" refused "libtorch was not found. Have a python3 on PATH that imports torch" Libtorch.cmake

echo "--- libraries that do not start together"
mkdir -p starts/torch/lib
start() { # LIBRARY
  printf 'cmake_minimum_required(VERSION 3.22)\nproject(look CXX)\nset(torch_root "%s")\ninclude("%s/StartCheck.cmake")\nfactsweep_check_start("%s")\n' \
    "$PWD/starts/torch" "$cmake_folder" "$1" >starts/CMakeLists.txt
  cmake -G Ninja -S starts -B starts/build >messages 2>&1
}
started() { # WORDS LIBRARY
  start "$2" && [ -z "$1" ] || tr -s ' \n' ' ' <messages | grep -qE -e "${1:-^$}" || { cat messages; fail "no '$1' where $2 is loaded"; }
  echo "passed: ${1:-starts}"
}
echo 'int torch_is_here(void) { return 1; }' >starts/torch.c
echo '#include <stdlib.h>
#include <stdio.h>
__attribute__((constructor)) static void meet(void) { puts("two of me"); fflush(stdout); abort(); }' >starts/twice.c
cc -shared -fPIC -o starts/torch/lib/libtorch.so starts/torch.c
cc -shared -fPIC -o starts/libfits.so starts/torch.c
cc -shared -fPIC -o starts/libtwice.so starts/twice.c
cc -shared -fPIC -o starts/libgone.so starts/torch.c
cc -shared -fPIC -o starts/libdriver.so starts/torch.c -Wl,--no-as-needed starts/libgone.so
rm starts/libgone.so
started "" "$PWD/starts/libfits.so"
started "do not start together .*Debian's own libtorch-dev .*pip install torch.*two of me" "$PWD/starts/libtwice.so"
started "A library is missing at run time: .*libgone.so" "$PWD/starts/libdriver.so"
! start "$PWD/starts/libtwice.so" || fail "libraries that abort were accepted the second time"
start "$PWD/starts/libdriver.so" || fail "a driver that is missing here ended configuring"
started "" "$PWD/starts/libfits.so"

echo "--- libraries"
# libtorch exports parts of an older libstdc++: the program has to find its own first (cmake/Libtorch.cmake)
if [ -n "${FACTSWEEP:-}" ] && command -v readelf >/dev/null; then
  first=$(readelf -d "$FACTSWEEP" | grep -oE 'lib(stdc\+\+|torch|torch_cpu)\.so' | head -n 1)
  [ "$first" = libstdc++.so ] || fail "the program finds $first before libstdc++.so"
fi
echo "all checks passed"
