#!/usr/bin/env bash
# The K-shot study at the smallest size: every method on two tasks; one and two ranks agree to the last bit; killed and
# stopped runs end with the same results; users' adapters are in a bank; and what is said of mistakes.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, numpy, pandas"
tiny_world
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python3 "$here/kshot_tiny.py" "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert"

"$FACTSWEEP" plan deck.ini >plan.txt
started=$(date +%s.%N)
launch 1 run deck.ini --run.output=one.h5 2>run.log || { cat run.log; fail "the run"; }
half=$(python3 -c "import time; print((time.time() - $started) / 2)")
launch 2 run deck.ini --run.output=two.h5 2>two.log || { cat two.log; fail "two ranks"; }
same_results one.h5 two.h5

python3 - <<'PYTHON'
import h5py
import numpy as np
import pandas

with h5py.File("one.h5") as file, h5py.File("one.weights.h5") as weights:
    assert (file["stages/status"][:] == 2).all(), file["stages/reason"][:]
    points = {name: column[:] for name, column in file["points"].items()}
    methods = points["method"].astype(str)
    mixtures = "upcycling fresh_experts_shots fresh_experts mixlora mixlora_data smear arrow_trained random ours".split()
    taught = ["lora", "source_best_sft", *mixtures]
    frozen = "arrow phatgoose phatgoose_data".split()
    untaught = ["base", "expert_lora", "source_best", "uniform", "lorahub", "lorahub_data", *frozen]
    assert set(methods) == {*taught, *untaught}
    assert np.isfinite(points["accuracy"]).all() and (file["bank/usable"][:] == 1).all()
    choice = points["task"].astype(str) == "choice"
    assert np.isfinite(points["accuracy_by_sum"][choice]).all() and np.isnan(points["accuracy_by_sum"][~choice]).all()
    assert (np.isfinite(file["curves/loss"][:]).all(1) == np.isin(methods, taught)).all()
    # accuracy is the mean of what is stored by example, and source_best is the best of the bank
    right = file["outcomes/right"][:]
    assert np.allclose(points["accuracy"], (right == 1).sum(1) / (right != 255).sum(1))
    best = file["tests/accuracy"][:, 1:].max(1)
    names = list(file["tasks/name"].asstr())
    for row in np.flatnonzero(methods == "source_best"):
        assert points["accuracy"][row] == best[names.index(points["task"].astype(str)[row])]
    assert len(set(points["accuracy"][~choice])) > 2, "the methods make no difference"
    # as many experts, shots and data as the axes say; shares of the mixtures sum to 1
    mixed = np.isin(methods, [*frozen, *mixtures])
    adapters = np.where(np.char.startswith(methods, "source_best") | (methods == "upcycling"), 1, np.maximum(points["experts"], 0))
    adapters[np.char.startswith(methods, "fresh") | np.char.startswith(methods, "mixlora")] = 0
    assert ((file["selection/adapter"][:] >= 0).sum(1) == adapters).all()
    assert ((file["selection/shot_row"][:] >= 0).sum(1) == np.maximum(points["shots"], 0)).all()
    data = file["selection/row"][:]
    assert ((data >= 0).sum(1) == np.maximum(points["selected_data"], 0)).all()
    assert len(set(points["selected_data"])) > 2, "nothing is dropped, or all but one"
    share = np.nansum(file["moe/share"][:], 2)
    assert np.allclose(share[mixed], 1, atol=1e-6) and not share[~mixed].any()
    # Algorithm 1 once more, from what is stored: the best of all pairs of the pool
    order = {name: i for i, name in enumerate(file["bank/name"].asstr())}
    similarity = file["bank/similarity"][:]
    assert similarity.shape == (len(order),) * 2 and np.allclose(similarity, similarity.T)
    pads = (points["signals"].astype(str) == "pad") & (points["experts"] == 2) & (methods == "ours")
    for row in np.flatnonzero(pads):
        ranks = file["selection/perplexity_rank"][row] + file["selection/accuracy_rank"][row]
        pool = np.flatnonzero(file["selection/pool"][row])
        pairs = [(a, b) for i, a in enumerate(pool) for b in pool[i + 1 :]]
        alike = np.array([similarity[pair] for pair in pairs])
        score = [ranks[a] + ranks[b] + 1 + (alike < one).sum() for (a, b), one in zip(pairs, alike)]
        chosen = tuple(file["selection/adapter"][row][:2])
        assert score[pairs.index(chosen)] == min(score), (row, chosen)
    # ranks by the point's own shots, which are some of those that signals were taken on
    tasks, draws = list(file["tasks/name"].asstr()), list(file["signals/draw"][:])
    for row in np.flatnonzero((methods == "ours") | (methods == "uniform")):
        task, draw = tasks.index(points["task"].astype(str)[row]), draws.index(points["draw"][row])
        mine = np.isin(file["signals/row"][task, draw], file["selection/shot_row"][row])
        assert mine.sum() == points["shots"][row]
        perplexity = file["signals/reasoning_perplexity"][task, draw].astype(float)[:, mine].sum(1)
        accuracy = (file["signals/right"][task, draw][:, mine] == 1).mean(1)
        for rank, value in (("perplexity_rank", perplexity), ("accuracy_rank", -accuracy)):
            expected = pandas.Series(value).round(9).rank().to_numpy()
            assert np.array_equal(file[f"selection/{rank}"][row], expected), (row, rank)
    assert int(file["pools/repeated"][0]) > 0
    assert weights["embeddings/pools/open"].shape[0] == file["pools/examples"][0]
    print(f"{len(methods)} points, accuracy by method:", {m: round(points["accuracy"][methods == m].mean(), 3) for m in sorted(set(methods))})
PYTHON

echo "--- killed and stopped"
for delay in 0.6 1.2; do
  { timeout -s KILL $delay "$FACTSWEEP" run deck.ini --run.output=killed.h5 --run.checkpoint_interval=0.05; } >/dev/null 2>&1 || true
done
launch 2 run deck.ini --run.output=killed.h5 2>killed.log || { cat killed.log; fail "the run after kills"; }
same_results one.h5 killed.h5
limit=$half stops=0
for turn in $(seq 60); do
  code=0
  launch 1 run deck.ini --run.output=stopped.h5 --run.wall_limit="$limit" 2>stopped.log || code=$?
  if [ "$code" = 5 ]; then
    stops=$((stops + 1))
    limit=$(python3 -c "print(1.1 * $limit)")   # on a machine that has become slower a run may be no more than its start
  elif [ "$code" = 0 ] && [ "$stops" = 0 ]; then
    limit=$(python3 -c "print($limit / 2)")     # and one that has become faster is through before it
    rm -f stopped*.h5
  else
    break
  fi
done
[ "$code" = 0 ] || { cat stopped.log; fail "exit code $code after $turn runs"; }
[ "$stops" -gt 0 ] || fail "the wall limit stopped nothing"
same_results one.h5 stopped.h5

change() { # PYTHON: what becomes of `sets`, in bad.json
  printf '%s\n' "import json; sets = json.load(open('sets.json'))" "$1" "json.dump(sets, open('bad.json', 'w'))" | python3 -
}
echo "--- a bank that users bring gives the same as one that is trained"
bring="for entry in sets['bank']: entry['adapter'] = entry['name'] + '-peft'"  # what it has learnt, its gate learns
for adapter in w1 choice w3 w4 w5; do
  "$FACTSWEEP" export one.h5 --adapter $adapter --output $adapter-peft 2>export.log || { cat export.log; fail "export"; }
done
change "$bring"
"$FACTSWEEP" run deck.ini --data.sets=bad.json --run.output=brought.h5 2>brought.log || { cat brought.log; fail "brought"; }
python3 - <<'PYTHON'
import h5py
import numpy as np

with h5py.File("one.h5") as trained, h5py.File("brought.h5") as brought:
    assert (brought["bank/examples"][:] == -1).all()
    for name in ("points/accuracy", "curves/loss", "selection/adapter", "signals/reasoning_perplexity", "bank/similarity"):
        assert np.array_equal(trained[name][:], brought[name][:], equal_nan=True), name
PYTHON
expect 2 "no adapter 'w9';;w1, choice, w3" "$FACTSWEEP" export one.h5 --adapter w9 --output no
expect 2 "either --point or --adapter" "$FACTSWEEP" export one.h5 --output no

echo "--- mistakes"
expect 2 "grid.shots;;has .* examples to draw shots from" "$FACTSWEEP" plan deck.ini --grid.shots=5000
expect 2 "grid.experts = 6;;the bank has 5 adapters" "$FACTSWEEP" plan deck.ini --grid.experts=6
expect 2 "grid.experts = 5;;kshot.pool = 4" "$FACTSWEEP" plan deck.ini --grid.experts=5
expect 2 "grid.top_k;;above grid.experts" "$FACTSWEEP" plan deck.ini --grid.top_k=3
expect 2 "grid.task;;no task of;;w1, choice" "$FACTSWEEP" plan deck.ini --grid.task=w2
expect 2 "bank.evaluate" "$FACTSWEEP" plan deck.ini --bank.evaluate=false
sed '/^encoder/d' deck.ini >no-encoder.ini
expect 2 "augment.encoder;;sentence-embedding" "$FACTSWEEP" plan no-encoder.ini
change "sets['bank'][0]['trian'] = 1"
expect 2 "bad.json: bank\[0\];;unknown key 'trian'" "$FACTSWEEP" plan deck.ini --data.sets=bad.json
change "sets['bank'][2]['name'] = 'w1'"
expect 2 "bank\[2\];;once more" "$FACTSWEEP" plan deck.ini --data.sets=bad.json
change "sets['pools']['open'] = ['w1_test.json']"
expect 2 "'open' is empty;;ask what a test asks" "$FACTSWEEP" plan deck.ini --data.sets=bad.json
change "sets['tasks'][0].pop('pool')"
expect 2 "grid.budget;;names no .pool." "$FACTSWEEP" plan deck.ini --data.sets=bad.json
change "sets['bank'].pop(0)"
expect 2 "grid.method;;expert_lora" "$FACTSWEEP" plan deck.ini --data.sets=bad.json
change "sets['bank'][4] = {'name': 'mine', 'adapter': '$FACTSWEEP_SOURCE/tests/unit/adapter/data/llama'}"
expect 2 "tests/unit/adapter/data/llama" "$FACTSWEEP" plan deck.ini --data.sets=bad.json --grid.method=ours
echo "all checks passed"
