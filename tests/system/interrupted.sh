#!/usr/bin/env bash
# Ctrl-C and TERM under mpirun: what is saved, and what the program says.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool setsid
tiny_world
tiny_deck deck.ini 5000

# FILE SIGNAL COMMAND...: the signal for the whole group, as the terminal's Ctrl-C is, once the training is under way; $rc
interrupt() {
  local file=$1 signal=$2 deadline=$((SECONDS + 60)) job
  shift 2
  setsid python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' "$@" >"$file.log" 2>&1 &
  job=$!
  until "$FACTSWEEP" status "$file" 2>/dev/null | grep -qE '1[3-9] of [0-9]+ stages done, 2 running'; do
    kill -0 $job 2>/dev/null && [ $SECONDS -lt $deadline ] || { cat "$file.log" said.log; fail "no training under way"; }
    sleep 0.1
  done
  sleep 1
  kill "-$signal" -- -$job
  rc=0
  wait $job || rc=$?
  mv said.log "$file.log"
}
# what a rank says goes to its own log: an mpirun that is being ended may not pass it on
run=(mpirun --oversubscribe --bind-to none -n 2 bash -c 'exec "$0" "$@" 2>>said.log' "$FACTSWEEP" run deck.ini --run.checkpoint_interval=600)

for signal in INT TERM; do
  file=gentle-$signal.h5
  interrupt $file $signal "$FACTSWEEP_SOURCE/jobs/interruptible.sh" "${run[@]}" --run.output=$file
  [ "$rc" = 5 ] || { cat $file.log; fail "interruptible.sh and $signal: exit code $rc"; }
  [ -n "$(ls $file.checkpoints/*.safetensors)" ] || fail "$file: no checkpoint"
  grep -q 'told to stop (SIGUSR1): the running stages save their work.' $file.log || { cat $file.log; fail "no word of the signal"; }
  expect 0 '0 running;;no job is running$' "$FACTSWEEP" status $file

  file=hasty-$signal.h5
  interrupt $file $signal "${run[@]}" --run.output=$file
  [ "$rc" != 0 ] || fail "mpirun and $signal: exit code 0"
  grep -q 'told to stop (SIGTERM): the running stages save their work. mpirun, when Ctrl-C or TERM ends it, kills them 1 s later' $file.log ||
    { cat $file.log; fail "no word of what mpirun does"; }
  expect 0 'no job is running' "$FACTSWEEP" status $file
done
