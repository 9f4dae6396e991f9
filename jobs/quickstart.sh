#!/usr/bin/env bash
# From a fresh clone to figures: installs what is missing, builds, makes the small world, runs the quickstart sweep on
# two ranks and draws its report. Safe to repeat: a finished step is not done again, a stopped sweep goes on.
#
#   jobs/quickstart.sh [--section.key=value ...]      options override the deck, as for `factsweep run`
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/bootstrap.sh"
cd "$factsweep_root"
bootstrap

cmake --preset release
cmake --build --preset release --target factsweep

[ -e world ] || build/factsweep world --output world

results=$(build/factsweep run inputs/quickstart.ini "$@" --print-deck |
  awk -F ' *= *' '/^\[/ { section = $1 } section == "[run]" && $1 == "output" { print $2 }')

oversubscribe=()
[ "$(nproc)" -ge 2 ] || oversubscribe=(--oversubscribe)
rc=0
jobs/interruptible.sh mpirun -n 2 "${oversubscribe[@]}" build/factsweep run inputs/quickstart.ini "$@" || rc=$?
if [ "$rc" = 2 ] && [ -e "$results" ]; then
  echo "quickstart: $results is there from before. Where it was made by another version, with other options or of another world," \
    "begin anew: rm $results ${results%.h5}.weights.h5, or keep it: jobs/quickstart.sh --run.output=results/another.h5" >&2
fi
# 4 means that some points failed; the others still make a report.
[ "$rc" = 0 ] || [ "$rc" = 4 ] || exit "$rc"

python3 -m analysis report "$results"
exit "$rc"
