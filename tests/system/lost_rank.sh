#!/usr/bin/env bash
# A rank whose process stands still (as one on a lost node does) and one whose work hangs end the job within their limits,
# with a message, exit code 3, and everything kept that is finished; status knows, and the same command goes on.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
tiny_world
tiny_deck deck.ini 60
options=(--run.silence_limit=4 --run.hang_limit=6 --run.checkpoint_interval=0.1)
launch 1 run deck.ini --run.output=calm.h5 >calm.log 2>&1 || { cat calm.log; fail "the undisturbed run"; }

ranks_of() { # JOB: process ids in the order of ranks
  local process rank
  for process in $(pgrep -P "$1" -x "$(basename "$FACTSWEEP" | cut -c 1-15)"); do
    rank=$(tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep -E '^OMPI_COMM_WORLD_RANK=' | cut -d= -f2)
    echo "$rank $process"
  done | sort -n | cut -d ' ' -f 2
}
training() { # JOB FILE
  local deadline=$((SECONDS + 60))
  until [ -n "$(ls "$2.checkpoints"/*.safetensors 2>/dev/null)" ]; do
    kill -0 "$1" 2>/dev/null && [ $SECONDS -lt $deadline ] || { cat "$2.log"; fail "no training under way"; }
    sleep 0.05
  done
}
ended() { # JOB SECONDS FILE WORDS
  local started=$SECONDS rc=0
  timeout "$2" tail --pid="$1" -f /dev/null || { cat "$3.log"; kill -9 "$1"; fail "the job still runs after $2 s"; }
  wait "$1" || rc=$?
  [ $rc = 3 ] || { cat "$3.log"; fail "exit code $rc instead of 3"; }
  grep -qE "$4" "$3.log" || { cat "$3.log"; fail "no '$4'"; }
  echo "$3: ended after $((SECONDS - started)) s: $(tr -d '\0' <"$3.log" | grep -E "$4" | head -n 1)"
}

echo "--- a process stands still"
for victim in "2 1" "2 0" "4 2"; do
  read -r ranks rank <<<"$victim"
  file=lost-$ranks-$rank.h5
  mpirun --oversubscribe --bind-to none -n "$ranks" "$FACTSWEEP" run deck.ini "--run.output=$file" "${options[@]}" 2>"$file.log" &
  job=$!
  training $job $file
  mapfile -t processes < <(ranks_of $job)
  [ ${#processes[@]} = "$ranks" ] || fail "${#processes[@]} processes of $ranks ranks"
  kill -STOP "${processes[rank]}"
  ended $job 40 $file "rank $rank \(host .*, process ${processes[rank]}\) is lost: it gave no sign of life since .* UTC.*run.silence_limit"
  grep -qE 'the same command goes on from here' $file.log || fail "no word of how to go on"
  expect 0 "no job is running; last sign of life .* UTC \(host .*, process ${processes[0]}, since .* UTC\), .* running then; it ended as rank $rank .* is lost" \
    "$FACTSWEEP" status $file
  launch "$ranks" run deck.ini "--run.output=$file" "${options[@]}" 2>$file.log || { cat $file.log; fail "it does not go on"; }
  same_results calm.h5 $file || fail "$file differs from the undisturbed run"
  [ ! -e $file.lock ] || fail "$file.lock is left behind"
done

echo "--- a job that is suspended as a whole"
file=suspended.h5
mpirun --oversubscribe --bind-to none -n 2 "$FACTSWEEP" run deck.ini "--run.output=$file" "${options[@]}" 2>$file.log &
job=$!
training $job $file
mapfile -t processes < <(ranks_of $job)
kill -STOP "${processes[@]}"
sleep 12
kill -CONT "${processes[@]}"
wait $job || { cat $file.log; fail "exit code $? after it was suspended"; }
same_results calm.h5 $file || fail "$file differs from the undisturbed run"

echo "--- a rank hangs"
# where its checkpoint gets its name, once
cat >hang.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int rename(const char *from, const char *to) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (strstr(to, ".checkpoints/") && !strcmp(rank ? rank : "0", getenv("HANGING")))
    for (;;) pause();
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
C
cc -shared -fPIC hang.c -o hang.so -ldl
for victim in "1 0" "2 1" "2 0" "4 3"; do
  read -r ranks rank <<<"$victim"
  file=hang-$ranks-$rank.h5
  HANGING=$rank LD_PRELOAD=$PWD/hang.so launch "$ranks" run deck.ini "--run.output=$file" "${options[@]}" 2>$file.log &
  ended $! 90 $file "rank $rank \(host .*, process [0-9]+\) hangs: '(train|label) .*' stands still since .* UTC .*run.hang_limit"
  # the others have saved their work: theirs is the only stage that counts as running
  expect 0 "1 running;;no job is running;;1 stage was running then; it ended as rank $rank .* hangs" "$FACTSWEEP" status $file
  launch "$ranks" run deck.ini "--run.output=$file" "${options[@]}" 2>$file.log || { cat $file.log; fail "it does not go on"; }
  same_results calm.h5 $file || fail "$file differs from the undisturbed run"
done

echo "--- a rank never starts, or its disk is full when the files are closed"
# not as 'mpirun ... : ...', on which Debian 13's mpirun (5.0.7) crashes
expect 3 "MPI has not started within 3 s \(FACTSWEEP_START_LIMIT\)" env FACTSWEEP_START_LIMIT=3 mpirun --oversubscribe --bind-to none -n 2 \
  bash -c '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec sleep 60; exec "$0" "$@"' "$FACTSWEEP" run deck.ini --run.output=never.h5
expect 2 "FACTSWEEP_START_LIMIT = 'soon' is no number of seconds" env FACTSWEEP_START_LIMIT=soon "$FACTSWEEP" run deck.ini --run.output=never.h5
# HDF5 writes the beginning of a file when it opens and when it closes it; CLOSED: the checkpoints are gone, as the sweep is done
cat >full.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t pwrite(int file, const void *data, size_t bytes, off_t at) {
  char name[64], path[4096] = "";
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  if (at == 0 && !strcmp(rank ? rank : "0", getenv("VICTIM")) && readlink(name, path, sizeof path - 32) > 0 && strstr(path, "/last-") &&
      strstr(path, ".weights.") == NULL && (getenv("CLOSED") == NULL || access(strcat(path, ".checkpoints"), F_OK) != 0)) {
    errno = ENOSPC;
    return -1;
  }
  return ((ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(file, data, bytes, at);
}
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at) { return pwrite(file, data, bytes, at); }
C
cc -shared -fPIC full.c -o full.so -ldl
for victim in "1 0" "2 0" "2 1"; do
  read -r ranks rank <<<"$victim"
  file=last-$ranks-$rank.h5
  launch "$ranks" run deck.ini "--run.output=$file" --run.wall_limit=1 || [ $? = 5 ]   # the files are made
  [ "$rank" != 0 ] || expect 3 "$file: cannot be opened for writing: .*No space left" env VICTIM=0 LD_PRELOAD="$PWD/full.so" \
    bash -c 'launch "$@"' bash "$ranks" run deck.ini "--run.output=$file"
  expect 3 "$file: cannot be written and flushed to the disk: .*full" env CLOSED=1 VICTIM="$rank" LD_PRELOAD="$PWD/full.so" \
    bash -c 'launch "$@"' bash "$ranks" run deck.ini "--run.output=$file"
  launch "$ranks" run deck.ini "--run.output=$file" 2>$file.log || { cat $file.log; fail "it does not go on"; }
  same_results calm.h5 $file || fail "$file differs from the undisturbed run"
done

echo "--- a disk fails while HDF5 closes a file, in which all ranks wait for each other then"
cat >close.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int fails = 0;
int H5Fclose(int64_t file) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  /* the checkpoints are gone, as the sweep is done */
  fails = access(getenv("CHECKPOINTS"), F_OK) != 0 && !strcmp(rank ? rank : "0", getenv("VICTIM"));
  const int result = ((int (*)(int64_t))dlsym(RTLD_NEXT, "H5Fclose"))(file);
  fails = 0;
  return result;
}
ssize_t pwrite(int file, const void *data, size_t bytes, off_t at) {
  if (fails) {
    errno = EIO;
    return -1;
  }
  return ((ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(file, data, bytes, at);
}
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at) { return pwrite(file, data, bytes, at); }
C
cc -shared -fPIC close.c -o close.so -ldl
for victim in "1 0" "2 0"; do   # rank 0 alone writes then
  read -r ranks rank <<<"$victim"
  file=close-$ranks-$rank.h5
  launch "$ranks" run deck.ini "--run.output=$file" --run.wall_limit=1 || [ $? = 5 ]   # the files are made
  CHECKPOINTS=$file.checkpoints VICTIM=$rank LD_PRELOAD=$PWD/close.so launch "$ranks" run deck.ini "--run.output=$file" 2>$file.log &
  ended $! 90 $file "close-.*: (cannot close the file: .*write failed|HDF5 has not closed it after 40 s)"
  launch "$ranks" run deck.ini "--run.output=$file" 2>$file.log || { cat $file.log; fail "it does not go on"; }
  same_results calm.h5 $file || fail "$file differs from the undisturbed run"
done

echo "--- status and a second job while one runs"
"$FACTSWEEP" run deck.ini --run.output=long.h5 --train.epochs=5000 2>long.log &
job=$!
trap 'kill -9 $job 2>/dev/null || true' EXIT
training_runs() { "$FACTSWEEP" status long.h5 2>&1 | grep -qE ' 1 running'; }
for _ in $(seq 200); do ! training_runs || break; sleep 0.1; done
expect 0 "running on 1 rank \(host .*, process $job, since .* UTC\); last sign of life [0-9.]+ s ago" "$FACTSWEEP" status long.h5
expect 3 "another running job holds this sweep \(host .*, process $job, since .* UTC\)" "$FACTSWEEP" run deck.ini --train.epochs=5000 --run.output=long.h5
kill -9 $job
wait $job 2>/dev/null || true
expect 0 "1 running;;no job is running; last sign of life .*1 stage was running then$" "$FACTSWEEP" status long.h5

echo "--- a file system without locks"
cat >nolock.c <<'C'
#include <errno.h>
int flock(int descriptor, int operation) { (void)descriptor, (void)operation; errno = ENOSYS; return -1; }
C
cc -shared -fPIC nolock.c -o nolock.so
LD_PRELOAD=$PWD/nolock.so "$FACTSWEEP" run deck.ini --run.output=nolock.h5 --train.epochs=5000 2>nolock.log &
job=$!
for _ in $(seq 200); do [ ! -s nolock.h5.lock ] || break; sleep 0.1; done
expect 3 "another running job holds this sweep \(host .*, process $job, since" env LD_PRELOAD="$PWD/nolock.so" \
  "$FACTSWEEP" run deck.ini --train.epochs=5000 --run.output=nolock.h5
grep -q 'this file system has no locks' nolock.log || { cat nolock.log; fail "no word of missing locks"; }
kill -TERM $job
wait $job || [ $? = 5 ]
