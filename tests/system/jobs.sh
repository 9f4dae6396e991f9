#!/usr/bin/env bash
# The job scripts, with stand-ins for Slurm and the program: who gets which GPU, and what goes back into the queue.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool setsid

echo "--- GPUs"
bind() { "$FACTSWEEP_SOURCE/jobs/bind_gpu.sh" bash -c 'echo "${CUDA_VISIBLE_DEVICES-unset}"'; }
equal() { [ "$2" = "$3" ] || fail "$1: '$2', not '$3'"; }
# A batch shell of Slurm has SLURM_LOCALID=0, and mpirun hands it on.
got=$(SLURM_LOCALID=0 CUDA_VISIBLE_DEVICES=0,1,2,3 mpirun --oversubscribe -n 4 "$FACTSWEEP_SOURCE/jobs/bind_gpu.sh" \
  bash -c 'echo "$OMPI_COMM_WORLD_LOCAL_RANK:$CUDA_VISIBLE_DEVICES"' | sort | tr '\n' ' ')
equal "ranks of mpirun in a job of Slurm" "$got" "0:0 1:1 2:2 3:3 "
equal "the fourth rank of srun on two GPUs" "$(SLURM_LOCALID=3 CUDA_VISIBLE_DEVICES=GPU-aa,GPU-bb bind)" GPU-bb
equal "no GPU is wanted" "$(CUDA_VISIBLE_DEVICES='' bind)" ""

echo "--- the queue"
mkdir bin
cat >bin/srun <<'STAND_IN'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do [ "$1" != -n ] || shift; shift; done
exec "$@"
STAND_IN
# Slurm ends the job's shell and what it runs, some time after scontrol has returned.
printf '#!/bin/sh\necho "$*" >>"$SCONTROL_LOG"\n(sleep 0.3; kill 0) >/dev/null 2>&1 &\n' >bin/scontrol
cat >bin/program <<'STAND_IN'
#!/usr/bin/env bash
# Runs until it is told to save its work, or ends at once with the code that its deck names.
case $* in
  *--print-deck) printf '[data]\noutput = wrong.h5\n[run]\noutput = %s/sweep.h5\n' "$RESULTS"; exit ;;
  status*)
    echo "slick: 0 of 9 points done, 0 failed; ${STAGES_DONE:-3} of 9 stages done, 0 running"
    [ -z "${ENDED:-}" ] || echo "no job is running; last sign of life 2026-11-29 12:51:09 UTC (host a), no stage was running then; it ended as $ENDED"
    exit ;;
esac
echo "$*" >>"$WORDS_LOG"
case $2 in [0-9]*) exit "$2" ;; esac
trap 'echo USR1 >>"$WORDS_LOG"; exit 5' USR1
trap 'echo TERM >>"$WORDS_LOG"; exit 5' TERM
for _ in $(seq 600); do sleep 0.1; done
STAND_IN
chmod +x bin/*
export PATH=$PWD/bin:$PATH SCONTROL_LOG=$PWD/scontrol.log RESULTS=$PWD WORDS_LOG=$PWD/words.log FACTSWEEP_ROOT=$FACTSWEEP_SOURCE

# SIGNAL WORDS...: what the script asked of scontrol; -: no signal
job() {
  rm -f scontrol.log words.log
  FACTSWEEP=$PWD/bin/program SLURM_JOB_ID=77 setsid bash "$FACTSWEEP_SOURCE/jobs/sweep.sbatch" "${@:2}" >job.log 2>&1 &
  local pid=$!
  if [ "$1" != - ]; then
    for _ in $(seq 100); do [ ! -e words.log ] || break; sleep 0.1; done
    sleep 0.3
    kill -"$1" $pid
  fi
  { wait $pid || true; } 2>/dev/null
  cat scontrol.log 2>/dev/null || true
}
equal "the limit is near (USR1)" "$(job USR1 deck.ini)" "requeue 77"
equal "run.wall_limit" "$(job - 5)" "requeue 77"
equal "cancelled by its user (TERM)" "$(job TERM deck.ini)" ""
equal "the program is told" "$(tail -n 1 words.log)" TERM
cp bin/srun bin/mpirun
equal "cancelled under mpirun" "$(FACTSWEEP_LAUNCH="$PWD/bin/mpirun -n 2" job TERM deck.ini)" ""
equal "the program is told" "$(tail -n 1 words.log)" USR1
equal "done" "$(STAGES_DONE=9 job - 0)" ""
equal "bad input" "$(job - 2)" ""
equal "a rank died" "$(job - 137)" "requeue 77"
equal "it died again" "$(job - 137)" "requeue 77"
equal "and again" "$(job - 137)" ""
grep -q "died 3 times .* no stage was finished" job.log || fail "no word of three deaths: $(cat job.log)"
equal "later, a rank died" "$(job - 137)" "requeue 77"
equal "it died again" "$(job - 137)" "requeue 77"
equal "and again, after a stage was finished" "$(STAGES_DONE=4 job - 139)" "requeue 77"
equal "the disk is full" "$(job - 3)" ""
export ENDED="rank 1 (host b, process 12) is lost: it gave no sign of life"
equal "a rank was lost" "$(job - 3)" "requeue 77"
equal "again" "$(job - 3)" "requeue 77"
equal "and again" "$(job - 3)" ""
unset ENDED
equal "done" "$(STAGES_DONE=9 job - 0)" ""
[ ! -e sweep.h5.crashes ] || fail "a finished sweep leaves its count of crashes"
equal "the launcher says 0, and stages are left" "$(job - 0)" "requeue 77"
rm sweep.h5.crashes
equal "restarts without end" "$(SLURM_RESTART_COUNT=100 job - 5)" ""

echo "--- an array"
printf 'a.ini\n5 --run.output=b.h5\n' >decks.txt
equal "one element goes back" "$(SLURM_ARRAY_JOB_ID=70 SLURM_ARRAY_TASK_ID=2 job - --list "$PWD/decks.txt")" "requeue 70_2"
equal "an element runs its line" "$(cat words.log)" "run 5 --run.output=b.h5"
for element in 3 ""; do
  SLURM_ARRAY_JOB_ID=70 SLURM_ARRAY_TASK_ID=$element job - --list "$PWD/decks.txt"
  grep -qE 'has no line 3|takes an array job' job.log || { cat job.log; fail "element '$element' of two lines"; }
  [ ! -e words.log ] || fail "element '$element' of two lines runs something"
done

echo "--- the quickstart"
# A checkout whose tools are stand-ins: RC is what the sweep ends with.
mkdir -p checkout/jobs checkout/build checkout/world checkout/results checkout/bin
cp "$FACTSWEEP_SOURCE/jobs/quickstart.sh" checkout/jobs
echo 'factsweep_root=$PWD; bootstrap() { :; }' >checkout/jobs/bootstrap.sh
printf '#!/bin/sh\necho "$*" >>calls\n' >checkout/bin/python3
printf '#!/bin/sh\n' >checkout/bin/cmake
printf '#!/bin/sh\nexit "$RC"\n' >checkout/jobs/interruptible.sh
cat >checkout/build/factsweep <<'STAND_IN'
#!/bin/sh
output=results/quickstart.h5
for word; do case $word in --run.output=*) output=${word#--run.output=} ;; esac; done
printf '[data]\noutput = wrong.h5\n[run]\noutput = %s\n' "$output"
STAND_IN
chmod +x checkout/bin/* checkout/build/factsweep checkout/jobs/interruptible.sh
quickstart() { # RC WORDS...: what is reported, and the exit code
  rm -f checkout/calls
  (cd checkout && PATH=$PWD/bin:$PATH RC=$1 bash jobs/quickstart.sh "${@:2}" >../job.log 2>&1) && rc=0 || rc=$?
  echo "$(cat checkout/calls 2>/dev/null) $rc"
}
equal "all is done" "$(quickstart 0)" "-m analysis report results/quickstart.h5 0"
equal "some points failed, elsewhere" "$(quickstart 4 --run.output=results/b.h5)" "-m analysis report results/b.h5 4"
equal "refused" "$(quickstart 2)" " 2"
! grep -q 'from before' job.log || fail "no results, and they are said to be from before"
touch checkout/results/quickstart.h5
equal "refused, with results of an older checkout" "$(quickstart 2)" " 2"
grep -q 'quickstart.h5 is there from before.*rm results/quickstart.h5 results/quickstart.weights.h5, or keep it: jobs/quickstart.sh --run.output=' job.log ||
  fail "no word of what to do: $(cat job.log)"

echo "--- Ctrl-C"
# SIGNALS...: what the program got, and the exit code
interrupt() {
  rm -f words.log
  # a background job of a script ignores SIGINT, one under nohup SIGHUP, as this one's child must not
  setsid python3 -c 'import os, sys; from signal import *
for ignored in SIGINT, SIGHUP: signal(ignored, SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
    "$FACTSWEEP_SOURCE/jobs/interruptible.sh" "$PWD/bin/mpirun" -n 2 bin/program run deck.ini >job.log 2>&1 &
  local pid=$! rc=0
  for _ in $(seq 100); do [ ! -e words.log ] || break; sleep 0.1; done
  sleep 0.3
  kill -"$1" -- -$pid   # the terminal's Ctrl-C is for the whole group
  wait $pid || rc=$?
  echo "$(tail -n 1 words.log) $rc"
}
for signal in INT TERM HUP; do equal "SIG$signal" "$(interrupt $signal)" "USR1 5"; done
