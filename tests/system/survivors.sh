#!/usr/bin/env bash
# Under mpirun --enable-recovery (Open MPI 4) or --with-ft ulfm (Open MPI 5) the other ranks go on when one is killed, stands still or hangs:
# the same job finishes, its files equal an undisturbed run's, and its processes are gone. Without the option mpirun ends the job, and the same
# command goes on.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
hands_on() { # SETTING OPTION...: mpirun knows the option, and tells the ranks of it
  grep -q "^OMPI_MCA_$1=1" <<<"$(mpirun "${@:2}" -n 1 env 2>/dev/null)"
}
# how a rank is found to be lost whose process has ended
if hands_on orte_enable_recovery --enable-recovery; then
  survivors_live=(--enable-recovery) ended_words="run.silence_limit"
elif hands_on mpi_ft_enable --with-ft ulfm; then
  survivors_live=(--with-ft ulfm) ended_words="its process has ended"
else
  skip "this mpirun has neither --enable-recovery of Open MPI 4 nor --with-ft of Open MPI 5"
fi
tiny_world
tiny_deck deck.ini 60
options=(--run.silence_limit=3 --run.hang_limit=6 --run.checkpoint_interval=0.1)
launch 1 run deck.ini --run.output=calm.h5 >calm.log 2>&1 || { cat calm.log; fail "the undisturbed run"; }

start() { # RANKS FILE [mpirun's options]; sets job and processes, by rank
  local ranks=$1 file=$2 deadline=$((SECONDS + 60))
  mpirun --oversubscribe --bind-to none "${@:3}" -n "$ranks" "$FACTSWEEP" run deck.ini "--run.output=$file" "${options[@]}" 2>"$file.log" &
  job=$!
  until [ -n "$(ls "$file.checkpoints"/*.safetensors 2>/dev/null)" ]; do
    kill -0 $job 2>/dev/null && [ $SECONDS -lt $deadline ] || { cat "$file.log"; fail "no training under way"; }
    sleep 0.05
  done
  mapfile -t processes < <(pgrep -P $job -x "$(basename "$FACTSWEEP" | cut -c 1-15)" | while read -r process; do
    echo "$(tr '\0' '\n' <"/proc/$process/environ" | grep -E '^OMPI_COMM_WORLD_RANK=' | cut -d= -f2) $process"
  done | sort -n | cut -d ' ' -f 2)
  [ ${#processes[@]} = "$ranks" ] || fail "${#processes[@]} processes of $ranks ranks"
}
ended() { # FILE SECONDS [MORE]: how long the job may go on, and how much longer a rank; sets rc
  local deadline
  rc=0
  timeout "$2" tail --pid=$job -f /dev/null || { cat "$1.log"; kill -9 $job "${processes[@]}"; fail "the job still runs after $2 s"; }
  wait $job || rc=$?
  deadline=$((SECONDS + ${3:-5}))
  for process in "${processes[@]}"; do
    while kill -0 "$process" 2>/dev/null; do
      [ $SECONDS -lt $deadline ] || { kill -9 "$process"; fail "process $process lives on"; }
      sleep 0.2
    done
  done
}
finished() { # FILE WORDS: in this very job
  ended "$1" 60
  [ $rc = 0 ] || { cat "$1.log"; fail "exit code $rc"; }
  grep -qE "$2" "$1.log" || { cat "$1.log"; fail "no '$2'"; }
  grep -qE ' stages done, 0 failed, 0 blocked, 0 left' "$1.log" || { cat "$1.log"; fail "it has not finished"; }
  [ ! -e "$1.lock" ] && [ ! -e "$1.checkpoints" ] || fail "something is left beside $1"
  same_results calm.h5 "$1" || fail "$1 differs from the undisturbed run"
  echo "$1: $(tr -d '\0' <"$1.log" | grep -E "$2" | head -n 1)"   # Open MPI 5's mpirun writes zero bytes
}

for victim in "2 1 KILL" "4 2 KILL" "3 2 STOP"; do
  read -r ranks rank signal <<<"$victim"
  file=$signal-$ranks.h5
  echo "--- $signal for rank $rank of $ranks"
  [ "$signal" = KILL ] && words=$ended_words || words="run.silence_limit"
  start "$ranks" "$file" "${survivors_live[@]}"
  kill "-$signal" "${processes[rank]}"
  finished "$file" "rank $rank \(host .*, process ${processes[rank]}\) is lost: .*$words.*The other ranks go on without it"
done

echo "--- a rank hangs"
cat >hang.c <<'C2'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int rename(const char *from, const char *to) {
  if (strstr(to, ".checkpoints/") && !strcmp(getenv("OMPI_COMM_WORLD_RANK"), "1"))
    for (;;) pause();
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
C2
cc -shared -fPIC hang.c -o hang.so -ldl
start 2 hang.h5 "${survivors_live[@]}" -x LD_PRELOAD="$PWD/hang.so"
finished hang.h5 "rank 1 \(host .*, process ${processes[1]}\) hangs: '(train|label) .*' stands still .*run.hang_limit.*The other ranks go on without it"

echo "--- rank 0 is killed: the others notice, and end"
start 3 first.h5 "${survivors_live[@]}"
kill -KILL "${processes[0]}"
ended first.h5 40 40   # with the option, mpirun does not wait for the last ranks to end
grep -qE "rank 0 \(host .*, process ${processes[0]}\) is lost: .*the job ends" first.h5.log || { cat first.h5.log; fail "nobody misses rank 0"; }
launch 2 run deck.ini --run.output=first.h5 2>first.h5.log || { cat first.h5.log; fail "it does not go on"; }
same_results calm.h5 first.h5 || fail "first.h5 differs from the undisturbed run"

echo "--- without the option mpirun ends the job"
start 2 plain.h5
kill -KILL "${processes[1]}"
ended plain.h5 20
[ $rc = 137 ] || { cat plain.h5.log; fail "exit code $rc instead of 137"; }
launch 2 run deck.ini --run.output=plain.h5 2>plain.h5.log || { cat plain.h5.log; fail "it does not go on"; }
same_results calm.h5 plain.h5 || fail "plain.h5 differs from the undisturbed run"
