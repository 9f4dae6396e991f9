#!/usr/bin/env bash
# The exact labels against answers really sampled: the counts come from the same distribution, the greedy verdicts are
# equal. Everything is seeded, so this passes always or never. `aliases` has three right answers a question: its own, the
# next question's in lower case, and that of the question after it, twice.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy"
tiny_world
tiny_deck deck.ini
python3 - "$world/facts" aliases <<'PY'
import json, pathlib, sys

source, target = map(pathlib.Path, sys.argv[1:])
for file in source.glob("*/*.json"):
    records = json.loads(file.read_text())
    golds = [record["answers"][0] for record in records]
    for i, record in enumerate(records):
        later = [golds[(i + step) % len(golds)] for step in (1, 2)]
        record["answers"] = [golds[i], later[0].lower(), later[1], later[1] + " "]
    (target / file.parent.name).mkdir(parents=True, exist_ok=True)
    (target / file.parent.name / file.name).write_text(json.dumps(records))
PY
agree() { # NAME OPTIONS...
  for estimator in exact sample; do
    launch 2 run deck.ini --slick.stop_after=label --label.p_true=off --label.estimator=$estimator --label.exemplar_sets=2 \
      --label.samples=400 --run.output="$1-$estimator.h5" "${@:2}"
  done
  python3 "$here/exact_vs_sample.py" "$1-exact.h5" "$1-sample.h5" 400
}
for match in strict squad; do
  agree $match --label.match=$match
  agree aliases-$match --label.match=$match --data.facts=aliases --data.repeated=merge
done
