# Sourced by the scripts here: a tiny world with its model, made once, a tiny study on it, and ways to run and to check.
# After it: $world (facts/, corpus.txt, model/), $here (this folder), and the working directory is $FACTSWEEP_SCRATCH.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${FACTSWEEP:?the factsweep program}"
FACTSWEEP_SOURCE=${FACTSWEEP_SOURCE:-$(cd "$here/../.." && pwd)}
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
cd "${FACTSWEEP_SCRATCH:-$(mktemp -d)}"
world=${FACTSWEEP_BUILD:-$(dirname "$FACTSWEEP")}/test-world

skip() { echo "$*"; exit 77; }
fail() { echo "FAILED: $*"; exit 1; }
need_tool() { command -v "$1" >/dev/null || skip "needs $1"; }
need_python() { python3 -c "import $1" 2>/dev/null || skip "needs a python3 with $1"; }

# With 60 subjects and 12 passes: 360 facts, of which a model of 2 layers knows about half. A few seconds.
make_world() { # DIR SUBJECTS PASSES [flags]
  "$FACTSWEEP" world --output "$1" --subjects "$2" --passes "$3" "${@:4}" --width 64 --layers 2 --vocabulary 800 --learning-rate 5e-3 --threads 1
}

# The world that all scripts share; made anew when the program is newer.
tiny_world() {
  mkdir -p "$(dirname "$world")"
  exec 9>"$world.lock"
  flock 9
  if [ ! -f "$world/ready" ] || [ "$FACTSWEEP" -nt "$world/ready" ]; then
    rm -rf "$world"
    make_world "$world" 60 12 >world.log 2>&1 || { cat world.log; fail "factsweep world"; }
    touch "$world/ready"
  fi
  exec 9>&-
}

# A study of 6 points, about a second; EPOCHS (default 3) makes it longer.
tiny_deck() { # FILE [EPOCHS]
  cat >"$1" <<DECK
[run]
study  = slick
output = out.h5
device = cpu
[model]
path = $world/model
[data]
facts          = $world/facts
relations      = W1, W2, W3
ood_relations  = W6
overlap_filter = none
[label]
exemplar_sets               = 4
shots                       = 2
chunk                       = 16
max_new_tokens              = 12
test_questions_per_relation = 15
[slick]
train_size                 = 24
size_rule                  = known_unknown
dev_questions_per_relation = 5
answer_lead                = space
answer_max_tokens          = 12
[train]
learning_rate = 3e-4
batch_size    = 8
epochs        = ${2:-3}
[grid]
unknown_ratio = 0, 0.5, 1
seed          = 1, 2
DECK
}

launch() { # RANKS WORDS...
  local ranks=$1
  shift
  if [ "$ranks" = 1 ]; then "$FACTSWEEP" "$@"; else mpirun --oversubscribe --bind-to none -n "$ranks" "$FACTSWEEP" "$@"; fi
}

# Equal to the last bit, weights too where A has some.
same_results() { # A B
  local ending
  for ending in .h5 .weights.h5; do
    [ -e "${1%.h5}$ending" ] || continue
    PYTHONPATH=$FACTSWEEP_SOURCE python3 -m analysis compare --no-figure "${1%.h5}$ending" "${2%.h5}$ending" || return 1
  done
}

# A command's exit code, and what its messages must hold; they are in ./messages afterwards.
expect() { # CODE WORDS COMMAND...  CODE: 2, or '2|3'; WORDS: extended regular expressions between ';;'
  local code=$1 words=$2 word rc=0
  shift 2
  timeout -k 5 60 bash -c '"$@"' bash "$@" >output 2>messages </dev/null || rc=$?
  cat output >>messages
  if [[ "|$code|" != *"|$rc|"* ]]; then
    cat messages
    fail "exit code $rc instead of $code: $*"
  fi
  while [ -n "$words" ]; do
    word=${words%%;;*}
    [ "$word" = "$words" ] && words="" || words=${words#*;;}
    grep -qE -e "$word" messages || { cat messages; fail "no '$word' in the messages of: $*"; }
  done
}
export -f launch   # for expect, whose commands run in a bash of their own, under timeout
