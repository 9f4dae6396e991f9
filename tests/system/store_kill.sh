#!/usr/bin/env bash
# Kills a two-rank writer at random moments, and looks after each kill with h5py and h5dump, without any repair, whether
# every stage that was acknowledged is in the files, whole. FACTSWEEP_KILLS sets how many kills (default 20).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
writer=$(dirname "${FACTSWEEP:?the factsweep program}")/tests/test_store_mpi
for tool in mpirun h5dump; do
  command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
python3 -c 'import h5py, numpy' 2>/dev/null || { echo "needs a python3 with h5py"; exit 77; }
[ -x "$writer" ] || { echo "needs $writer: build with BUILD_TESTING=ON"; exit 77; }
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 "$here/store_kill.py" "$writer" "$scratch" "${FACTSWEEP_KILLS:-20}"
