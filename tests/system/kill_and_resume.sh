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

# Told to stop while MPI starts: exit code 5, and nothing is lost.
cat >early.c <<'C'
#include <signal.h>
int PMPI_Init_thread(int *, char ***, int, int *);
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
  raise(SIGNAL);
  return PMPI_Init_thread(argc, argv, required, provided);
}
C
for signal in SIGTERM SIGUSR1; do
  cc -shared -fPIC "-DSIGNAL=$signal" early.c -o early.so
  for ranks in 1 2; do
    rc=0
    LD_PRELOAD=$PWD/early.so launch "$ranks" run deck.ini "--run.output=disturbed-early-$ranks.h5" || rc=$?
    [ "$rc" = 5 ] || fail "$signal before MPI on $ranks ranks: exit code $rc instead of 5"
  done
done
for ranks in 1 2; do launch "$ranks" run deck.ini "--run.output=disturbed-early-$ranks.h5"; done

for disturbed in disturbed-*.h5; do
  case $disturbed in *.weights.h5) continue ;; esac
  echo "$disturbed"
  same_results calm.h5 "$disturbed" || fail "$disturbed differs from the undisturbed run"
  [ ! -e "$disturbed.checkpoints" ] || fail "$disturbed: its checkpoints are left behind"
done
