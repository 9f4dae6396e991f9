#!/usr/bin/env bash
# Sweeps that are killed, stopped, starved and damaged at moments that a seed draws end with the files of an undisturbed run.
#   tests/system/chaos.sh [FIRST-LAST | SEED]      FACTSWEEP_SEEDS says the same
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool cc
need_python "h5py, numpy, pandas"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# a small disk, to be filled; root alone can have one, which goes with this process
if [ -z "${CHAOS_DISK:-}" ] && unshare --mount true 2>/dev/null; then
  CHAOS_DISK=$PWD/disk exec unshare --mount bash "$here/chaos.sh" "$@"
fi
mkdir -p disk
[ -z "${CHAOS_DISK:-}" ] || mount -t tmpfs -o size=64m chaos disk
tiny_world
tiny_deck deck.ini 6
# two points of one seed: a run is a second of work
sed -i 's/^relations .*/relations = W1, W2/; s/^unknown_ratio .*/unknown_ratio = 0, 1/; s/^seed .*/seed = 1/; s/^exemplar_sets .*/exemplar_sets = 2/' deck.ini
cat >>deck.ini <<'DECK'
[store]
deltas = early_stop+final
delta_dtype = float32
DECK
cc -shared -fPIC "$here/chaos.c" -o chaos.so -ldl
PYTHONPATH=$FACTSWEEP_SOURCE python3 "$here/chaos.py" "$FACTSWEEP" deck.ini --seeds "${1:-${FACTSWEEP_SEEDS:-1-4}}"
