#!/usr/bin/env bash
# A sweep that is killed (SIGKILL to all, to one rank, to mpirun), told to stop (SIGTERM, SIGUSR1) or out of its wall
# limit, and started again until it is done, ends with the very results of an undisturbed run.
# FACTSWEEP_KILLS sets how many pairs of kills of each sort (default 1).
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
tiny_world

tiny_deck deck.ini 30
cat >>deck.ini <<'DECK'
[store]
deltas = early_stop+final
delta_dtype = float32
DECK
started=$(date +%s.%N)
launch 1 run deck.ini --run.output=calm.h5
[ ! -e calm.h5.checkpoints ] || fail "a finished sweep leaves its checkpoint folder"
python3 "$here/kill_and_resume.py" "$FACTSWEEP" deck.ini "${FACTSWEEP_KILLS:-1}" "$(python3 -c "import time; print(time.time() - $started)")"
for disturbed in disturbed-*.h5; do
  case $disturbed in *.weights.h5) continue ;; esac
  echo "$disturbed"
  same_results calm.h5 "$disturbed" || fail "$disturbed differs from the undisturbed run"
  [ ! -e "$disturbed.checkpoints" ] || fail "$disturbed: its checkpoints are left behind"
done
