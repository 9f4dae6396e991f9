#!/usr/bin/env bash
# jobs/sweep.sbatch under a real Slurm of two nodes on this machine: a job that runs out of time, is put back by hand, loses a
# rank and is preempted goes on each time and ends with the very results of an undisturbed run; one that is cancelled stays so.
# shellcheck source-path=SCRIPTDIR source=../system/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/../system/support.sh"
# shellcheck source=cluster.sh
source "$FACTSWEEP_SOURCE/tests/slurm/cluster.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
start_cluster
tiny_world
tiny_deck deck.ini 1000
export FACTSWEEP_ROOT=$PWD OMP_NUM_THREADS=1
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_btl_vader_single_copy_mechanism=none   # both nodes are this machine
export FACTSWEEP_LAUNCH="srun --mpi=pmix --kill-on-bad-exit=0 --wait=5"
ln -s "$FACTSWEEP_SOURCE/jobs" jobs
launch 2 run deck.ini --run.output=calm.h5 >calm.log 2>&1 || { cat calm.log; fail "the undisturbed run"; }

# OPTIONS... -- WORDS...: the job's number
submit() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --gpus-per-node=0 --output="$PWD/sweep-%j.log" "${options[@]}" \
    "$FACTSWEEP_SOURCE/jobs/sweep.sbatch" "$@"
}
# JOB: until its program trains; then the process of rank 1
training() {
  await "$1" 150 RUNNING >/dev/null
  local deadline=$((SECONDS + 60)) rank
  until rank=$(ranks "$1" 1) && [ -n "$rank" ] && [ -n "$(ls sweep.h5.checkpoints/*.safetensors 2>/dev/null)" ]; do
    [ $SECONDS -lt $deadline ] || { cat "sweep-$1.log"; fail "no training under way after 60 s"; }
    sleep 0.2
  done
  echo "$rank"
}
ranks() { # JOB RANK
  local process
  for process in $(pgrep -f "run deck.ini" || true); do
    tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx "SLURM_PROCID=$2" || continue
    tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx "SLURM_JOB_ID=$1" || continue
    [ "$(cat "/proc/$process/comm" 2>/dev/null)" = "$(basename "$FACTSWEEP" | cut -c 1-15)" ] && echo "$process"
  done
}
restarted() { # JOB TIMES
  local deadline=$((SECONDS + 150))
  until [ "$(job_field "$1" Restarts)" = "$2" ] && [ "$(job_field "$1" JobState)" = RUNNING ]; do
    [ $SECONDS -lt $deadline ] || { scontrol show job "$1"; cat "sweep-$1.log"; fail "job $1 did not start for the time $(($2 + 1))"; }
    sleep 0.2
  done
}

echo "--- out of time"
job=$(submit --time=1 --signal=B:USR1@20 -- deck.ini --run.output=sweep.h5 --run.checkpoint_interval=1)
restarted "$job" 1
grep -q "stopped in time with work left" "sweep-$job.log" || { cat "sweep-$job.log"; fail "no word of the time limit"; }
scontrol update JobId="$job" TimeLimit=10

echo "--- scontrol requeue"
training "$job" >/dev/null
scontrol requeue "$job"
restarted "$job" 2

echo "--- a node's only rank dies"
kill -9 "$(training "$job")"
restarted "$job" 3
grep -q "a rank died (status 137)" "sweep-$job.log" || { cat "sweep-$job.log"; fail "no word of the dead rank"; }

echo "--- preempted"
training "$job" >/dev/null
other=$(sbatch --parsable --partition=high --nodes=2 --exclusive --output=/dev/null --wrap "sleep 3")
await "$other" 90 COMPLETED
restarted "$job" 4
await "$job" 300 COMPLETED
echo "the job began $(($(job_field "$job" Restarts) + 1)) times"
same_results calm.h5 sweep.h5 || fail "the disturbed sweep differs from the undisturbed one"
[ ! -e sweep.h5.crashes ] || fail "the finished sweep leaves its count of crashes"

echo "--- scancel"
rm -rf sweep.h5*  sweep.weights.h5
job=$(submit -- deck.ini --run.output=sweep.h5 --run.checkpoint_interval=1)
training "$job" >/dev/null
scancel "$job"
await "$job" 60 CANCELLED
sleep 40   # longer than a requeue takes here
[ "$(job_field "$job" JobState)" = CANCELLED ] || fail "a cancelled job went back into the queue"
grep -q "The same command goes on from here" "sweep-$job.log" || { cat "sweep-$job.log"; fail "a cancelled job did not save its work"; }
