#!/usr/bin/env bash
# The number of ranks changes no bit of the results, nor of the stored weights.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, pandas"
tiny_world

tiny_deck deck.ini
cat >>deck.ini <<'DECK'
variant = unknown_ratio, known_only, natural, idk
[store]
deltas = early_stop+final
DECK
for answer in A B A; do
  echo "{\"question\": \"Which is $answer?\", \"choices\": {\"text\": [\"one\", \"two\"], \"label\": [\"A\", \"B\"]}, \"answerKey\": \"$answer\"}"
done >letters.jsonl
cat >>deck.ini <<DECK
[ability]
tasks       = letters.jsonl
text        = $world/corpus.txt
text_tokens = 600
text_window = 100
DECK
tiny_deck sample.ini
for ranks in 1 2 4; do
  launch $ranks run deck.ini --run.output="exact-$ranks.h5"
  launch $ranks run sample.ini --slick.stop_after=label --label.estimator=sample --label.keep_text=true --run.output="sample-$ranks.h5"
done
for ranks in 2 4; do
  same_results exact-1.h5 "exact-$ranks.h5" || fail "1 and $ranks ranks differ"
  same_results sample-1.h5 "sample-$ranks.h5" || fail "1 and $ranks ranks sample differently"
done

# identical and empty would be no success
python3 - <<'PYTHON'
import h5py
import numpy as np

with h5py.File("exact-2.h5") as results, h5py.File("exact-2.weights.h5") as weights:
    assert (results["points/status"][:] == 2).all(), results["points/status"][:]
    assert np.isfinite(results["curves/loss"][:, 1:]).all()
    base, points = results["abilities/ability_perplexity"][0], results["points"]
    after = points["ability_perplexity_final"][:]
    assert 1 < base < 100 and (after > 1).all() and len({base, *after}) > 4, (base, after)
    assert all(np.isfinite(points[f"ability_letters{what}_early_stop"][:]).all() for what in ("", "_likelihood"))
    assert len(set(results["stages/rank"][:])) == 2, "one rank did everything"
    names = []
    rows = weights["deltas/full/stage"].shape[0]
    # not what is said of the group as a whole
    weights.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) and item.shape[:1] == (rows,) else None)
    assert len(names) > 30 and rows == len(set(results["points/stage"][:])), (len(names), rows)
    assert all(weights[name][:].reshape(rows, -1).any(axis=1).all() for name in names)
PYTHON
