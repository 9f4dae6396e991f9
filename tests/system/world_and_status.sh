#!/usr/bin/env bash
# The invented world is what it says; plan, status, --print-deck and --help print what a user needs.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_python "h5py"
tiny_world
tiny_deck deck.ini

echo "--- world"
python3 "$here/world.py" "$world"
for seed in 7 7 8; do
  rm -rf again
  [ ! -d made ] || mv made again
  make_world made 30 1 --seed $seed 2>world.log || { cat world.log; fail "factsweep world"; }
  [ -d again ] || continue
  if [ $seed = 7 ]; then
    diff -r made again || fail "one seed, two worlds"
  else
    ! diff -q made/corpus.txt again/corpus.txt >/dev/null || fail "two seeds, one world"
  fi
done

echo "--- plan"
expect 0 ' label +12 +12;; p_true +4;; labelled +1 +1;; base_errors +1;; train +6;; all +24;;points +6 in all;;result file;;predicted time;;trains layers as wide as the model' "$FACTSWEEP" plan deck.ini
expect 0 '1000 ranks' "$FACTSWEEP" plan deck.ini --ranks 1000
[ ! -e out.h5 ] || fail "plan writes results"

echo "--- deck"
"$FACTSWEEP" run deck.ini --print-deck --train.epochs=4 >effective.ini
"$FACTSWEEP" run effective.ini --print-deck >again.ini
cmp effective.ini again.ini || fail "the effective deck does not print itself"
"$FACTSWEEP" plan deck.ini --print-deck --train.epochs=4 | cmp - effective.ini || fail "plan prints another deck than run"
grep -qx 'epochs = 4' effective.ini || fail "the command line does not win"
grep -qE '^# .*default: 50' effective.ini || fail "the deck has no comments"

echo "--- status"
launch 1 run deck.ini
expect 0 'slick: 6 of 6 points done, 0 failed; ([0-9]+) of \1 stages done, 0 running, 0 failed, 0 blocked; 100.0% of the work' "$FACTSWEEP" status out.h5
expect 0 '6 of 6 points done' "$FACTSWEEP" status out.h5 --follow
expect 0 '^[0-9]+ done, the slowest:;;^ +[0-9.]+ s  rank 0     +(label|train) ;;^  and [0-9]+ more$;;^0 waiting' "$FACTSWEEP" status --stages out.h5
[ "$(grep -c 'rank 0' output)" = 10 ] || fail "more or less than ten of the stages that are done"
python3 - <<'PYTHON' >stored.ini
import h5py

with h5py.File("out.h5") as file:
    print(file.attrs["deck"] if isinstance(file.attrs["deck"], str) else file.attrs["deck"].decode(), end="")
PYTHON
"$FACTSWEEP" run deck.ini --print-deck | cmp - stored.ini || fail "the file holds another deck"
launch 1 run stored.ini 2>messages || fail "the deck in the file does not run"
grep -q '0 left' messages || fail "the deck in the file is another sweep"

# a failed point shows with its reason
launch 1 run deck.ini --slick.train_size=5000 --run.output=short.h5 2>/dev/null && fail "5000 examples of 60" || [ $? = 4 ]
expect 4 '6 failed;;failed: train unknown_ratio-0-s1: slick.train_size = 5000' "$FACTSWEEP" status short.h5

expect 4 '^6 failed:;;rank 0 +train unknown_ratio-0-s1: slick.train_size = 5000;;^0 waiting' "$FACTSWEEP" status short.h5 --stages

# while the job runs
"$FACTSWEEP" run deck.ini --train.epochs=5000 --run.output=long.h5 2>long.log &
job=$!
trap 'kill -9 $job 2>/dev/null || true' EXIT
for _ in $(seq 200); do
  sleep 0.1
  "$FACTSWEEP" status long.h5 >messages 2>&1 || continue
  ! grep -qE ' [1-9][0-9]* running' messages || grep -qE '^about .* to go on 1 rank$' messages || continue
  grep -qE '[1-9][0-9]* of [0-9]+ stages done, 1 running' messages && break
done
cat messages
grep -qE '0 of 6 points done, 0 failed; [1-9][0-9]* of [0-9]+ stages done, 1 running' messages || fail "status of a running sweep"
grep -qE '^about .* to go on 1 rank$' messages || fail "status says not how long it will take"
expect 3 'another running job holds this sweep' "$FACTSWEEP" run deck.ini --train.epochs=5000 --run.output=long.h5
for _ in $(seq 200); do
  "$FACTSWEEP" status long.h5 --stages >messages
  grep -qE '^ +[0-9]+% +[0-9.]+ s  rank 0 +train ' messages && break
  sleep 0.1
done
cat messages
grep -qE '^1 running:' messages && grep -qE '^ +[0-9]+% +[0-9.]+ s  rank 0 +train ' messages || fail "status says not how far the running stage is"
grep -qE '^[1-9][0-9]* waiting' messages || fail "status says not how many stages wait"
# --follow: in place on a terminal, lines with the time elsewhere
dated='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z '
until_written() { # FILE PATTERN COMMAND...: runs it until the pattern is in the file
  local pid
  "${@:3}" &
  pid=$!
  for _ in $(seq 600); do grep -qsP "$2" "$1" && break; sleep 0.1; done
  { kill $pid && wait $pid; } 2>/dev/null || true
  grep -qsP "$2" "$1" || { cat -v "$1"; fail "no '$2' by: ${*:3}"; }
}
until_written followed ' waiting' bash -c 'exec "$FACTSWEEP" status long.h5 --follow --stages >followed'
! grep -vE "$dated" followed || fail "lines of --follow without the time"
! grep -qP '[\x00-\x09\x0b-\x1f]' followed || fail "control characters of --follow in a log"
if command -v script >/dev/null; then
  # the second time in place of the first
  until_written terminal '\x1b\[[0-9]+A\x1b\[J' \
    script -qfc "stty cols 60 rows 12; exec '$FACTSWEEP' status long.h5 --follow --stages" terminal >/dev/null </dev/null
  ! grep -v '^Script ' terminal | grep -qP '^[^\x1b\r]{61,}' || fail "--follow draws lines that wrap: $(cat -v terminal)"
  ! grep -qE "$dated" terminal || fail "--follow shows the time of each line on a terminal"
fi
kill -TERM $job
rc=0
wait $job || rc=$?
[ $rc = 5 ] || fail "exit code $rc after SIGTERM"
expect 0 '0 of 6 points done;;0 running' "$FACTSWEEP" status long.h5

echo "--- what a run shows"
# plain lines with the time in a log, one line that is rewritten on a terminal, mpirun's too
launch 2 run deck.ini --run.output=shown.h5 2>log || fail "a run with a log"
! grep -vE "$dated" log || fail "lines of a run's log without the time"
! grep -qP '[\x00-\x09\x0b-\x1f]' log || fail "control characters in a run's log"
if command -v script >/dev/null; then
  for start in "$FACTSWEEP" "mpirun --oversubscribe --bind-to none -n 2 $FACTSWEEP"; do
    rm -f shown.h5 shown.weights.h5
    script -qec "stty cols 60; $start run deck.ini --run.output=shown.h5" terminal >/dev/null </dev/null || fail "a run on a terminal"
    grep -qP '\r\x1b\[K[0-9]+% of the work done' terminal || fail "no line of progress is rewritten: $(cat -v terminal)"
    ! grep -qP '\x1b\[K[0-9]+% of the work[^\x1b\r]{50,}' terminal || fail "progress wraps: $(cat -v terminal)"
    ! grep -qE "[0-9]T[0-9:]{8}Z " terminal || fail "a terminal shows the time of each line"
  done
fi

echo "--- help"
expect 0 '^factsweep [0-9.]+, commit [0-9a-f]+;;^libtorch [0-9].*(without CUDA|CUDA [0-9]);;^MPI [0-9.]+ \(.*[0-9]\)$;;^HDF5 [0-9.]+$' "$FACTSWEEP" --version
for words in --help help -h; do
  expect 0 'mpirun -n R factsweep run DECK;;factsweep plan;;factsweep status;;factsweep world;;tokenize;;Exit codes: 0 done, 1 bug, 2 bad' "$FACTSWEEP" $words
done
expect 0 'factsweep world --output DIR;;--subjects;;--seed' "$FACTSWEEP" world --help
expect 0 '"text".*"ids";;--special-tokens' "$FACTSWEEP" tokenize --help
expect 0 '"prompt";;--max-new-tokens;;--stop' "$FACTSWEEP" generate --help
expect 0 '"completion";;--dtype' "$FACTSWEEP" score --help
expect 0 'mpirun -n R factsweep run DECK;;--print-deck;;^ +slick +\[run\] .*\[label\];;^ +kshot +\[run\]' "$FACTSWEEP" run --help
expect 0 'factsweep plan DECK;;--ranks R;;--device-memory SIZE;;^ +flearning +\[run\]' "$FACTSWEEP" plan deck.ini --help
! grep -q -e '--ranks' <("$FACTSWEEP" run --help) || fail "run --help has flags of plan"
expect 0 'factsweep status FILE;;--follow;;--stages' "$FACTSWEEP" status --help
expect 0 'factsweep export FILE;;--point' "$FACTSWEEP" export --help
expect 0 'factsweep questions FILE;;--row' "$FACTSWEEP" questions --help
expect 0 'factsweep embed --model;;--pooling' "$FACTSWEEP" embed --help
