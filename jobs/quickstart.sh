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

oversubscribe=()
[ "$(nproc)" -ge 2 ] || oversubscribe=(--oversubscribe)
rc=0
jobs/interruptible.sh mpirun -n 2 "${oversubscribe[@]}" build/factsweep run inputs/quickstart.ini "$@" || rc=$?
# 4 means that some points failed; the others still make a report.
[ "$rc" = 0 ] || [ "$rc" = 4 ] || exit "$rc"

python3 -m analysis report results/quickstart.h5
exit "$rc"
