#!/usr/bin/env bash
# The exact labels against answers really sampled: the counts come from the same distribution, the greedy verdicts are
# equal. Everything is seeded, so this passes always or never.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy"
tiny_world
tiny_deck deck.ini
for match in strict squad; do
  for estimator in exact sample; do
    launch 2 run deck.ini --slick.stop_after=label --label.p_true=off --label.match=$match --label.estimator=$estimator \
      --label.exemplar_sets=2 --label.samples=400 --run.output=$match-$estimator.h5
  done
  python3 "$here/exact_vs_sample.py" $match-exact.h5 $match-sample.h5 400
done
