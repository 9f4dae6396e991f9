#!/usr/bin/env bash
# What one rank alone meets (a variable it lacks, a write that fails, an error of its own) never leaves the others
# waiting for it.
# shellcheck disable=SC2016 # the started script and the program replace variables, not this shell
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool cc
need_tool mpicc
need_python "safetensors, numpy"
tiny_world
tiny_deck deck.ini

# Two ranks of the program, each started by a script that may treat ranks differently.
launch_by() { # SCRIPT WORDS...
  printf '%s\nexec "$FACTSWEEP" "$@"\n' "$1" >start.sh
  mpirun --oversubscribe --bind-to none -n 2 bash start.sh "${@:2}"
}
export -f launch_by
one_error() { [ "$(grep -c 'error: ' messages)" = 1 ] || { cat messages; fail "more or less than one 'error:'"; }; }

echo "--- a variable that only rank 0 has"
export HERE=$PWD
root_has_it='[ "$OMPI_COMM_WORLD_RANK" = 0 ] || unset HERE'
expect 0 "Results: $HERE/out.h5" launch_by "$root_has_it" run deck.ini --slick.stop_after=label '--run.output=$HERE/out.h5'
expect 0 "stages taken over from $HERE/out.h5" launch_by "$root_has_it" run deck.ini --slick.stop_after=label \
  '--run.reuse=$HERE/out.h5' '--run.output=$HERE/more.h5' --grid.seed=1
expect 2 'run.output = \$NOWHERE/out.h5 uses \$NOWHERE' launch 2 run deck.ini '--run.output=$NOWHERE/out.h5'
one_error

echo "--- an error that only one rank meets"
for rank in 0 1; do
  expect 2 "unknown key 'train.epoch'" launch_by "[ \$OMPI_COMM_WORLD_RANK != $rank ] || set -- \"\$@\" --train.epoch=3" run deck.ini
  one_error
done

echo "--- ranks that the launcher of another MPI left alone"
for variable in PMI_SIZE SLURM_STEP_NUM_TASKS; do
  expect 3 'the launcher started 2 ranks .* belongs to another MPI' env $variable=2 "$FACTSWEEP" run deck.ini --run.output=alone.h5
  expect 0 "Results: $HERE/alone_$variable.h5" env $variable=2 mpirun -n 1 "$FACTSWEEP" run deck.ini --slick.stop_after=label \
    --run.output="$HERE/alone_$variable.h5"
done

echo "--- an MPI that gives no threads"
cat >threads.c <<'SOURCE'
#include <mpi.h>
int MPI_Init_thread(int *argc, char ***argv, int wanted, int *provided) {
  (void)wanted;
  return PMPI_Init_thread(argc, argv, MPI_THREAD_SINGLE, provided);
}
SOURCE
mpicc -shared -fPIC -o threads.so threads.c
expect 3 'offers thread level 0 where MPI_THREAD_MULTIPLE .* built with thread support' \
  launch_by "export LD_PRELOAD=$PWD/threads.so" run deck.ini --run.output=threads.h5

echo "--- rows of blocked stages, which rank 0 writes alone, on a disk that does not take them"
cat >full.c <<'SOURCE'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

static int refused(const void *data, size_t size) {
  static const char text[] = "a stage that it needs failed";
  if (memmem(data, size, text, sizeof text - 1) == NULL) return 0;
  errno = ENOSPC;
  return 1;
}
#define ONE(NAME, TYPE)                                                    \
  ssize_t NAME(int file, const void *data, size_t size, TYPE offset) {     \
    if (refused(data, size)) return -1;                                    \
    ssize_t (*next)(int, const void *, size_t, TYPE) = dlsym(RTLD_NEXT, #NAME); \
    return next(file, data, size, offset);                                 \
  }
#define MANY(NAME, TYPE)                                                   \
  ssize_t NAME(int file, const struct iovec *parts, int count, TYPE offset) { \
    for (int i = 0; i < count; ++i)                                        \
      if (refused(parts[i].iov_base, parts[i].iov_len)) return -1;         \
    ssize_t (*next)(int, const struct iovec *, int, TYPE) = dlsym(RTLD_NEXT, #NAME); \
    return next(file, parts, count, offset);                               \
  }
ONE(pwrite, off_t)
ONE(pwrite64, off64_t)
MANY(pwritev, off_t)
MANY(pwritev64, off64_t)
SOURCE
cc -shared -fPIC -O1 -o full.so full.c -ldl
cp -r "$world/model" nan
python3 - <<'PYTHON'
from safetensors.numpy import load_file, save_file

tensors = load_file("nan/model.safetensors")
tensors["model.embed_tokens.weight"][:] = float("nan")
save_file(tensors, "nan/model.safetensors", {"format": "pt"})
PYTHON
expect 4 "[1-9][0-9]* blocked" launch_by "" run deck.ini --model.path=nan --run.output=blocked.h5
expect 3 "error: .*blocked.h5.*cannot write" launch_by "export LD_PRELOAD=$PWD/full.so" run deck.ini --model.path=nan \
  --run.output=refused/blocked.h5
one_error
echo "all checks passed"
