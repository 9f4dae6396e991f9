"""`deltas`: norms, cosines and effective ranks, from whole deltas and from factors."""

import json
import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest
import weights_file
from reports import report, stems
from results_file import DONE
from test_any_study import write_toy

from analysis import delta_figures
from analysis import deltas as analysis_deltas
from analysis import weights
from analysis.__main__ import main

GENERATOR = np.random.default_rng(3)
STAGES = [1, 2, 4, 6]  # of depth-1-s1, depth-1-s2, depth-2-s1, and depth-2-s3, which has failed
POINTS = ["depth-1-s1", "depth-1-s2", "depth-2-s1"]


@pytest.fixture
def results(tmp_path):
    return write_toy(tmp_path / "toy.h5")


def deltas(results, *options):
    """Runs `deltas`; its tables."""
    assert main(["deltas", str(results), *map(str, options)]) == 0
    folder = results.with_name("toy_deltas")
    path = folder / "cosines.csv"
    return pd.read_csv(folder / "deltas.csv"), pd.read_csv(path) if path.exists() else None


def draw(*shape):
    return GENERATOR.normal(size=shape).astype(np.float32)


def expected_rank(matrix):
    shares = np.linalg.svd(matrix.astype(float), compute_uv=False)
    shares = shares[shares > 1e-5 * shares[0]] / shares.sum()
    return np.exp(-(shares * np.log(shares)).sum())


def expected_cosine(one, other):
    one, other = (m.astype(float).ravel() for m in (one, other))
    return one @ other / np.sqrt((one @ one) * (other @ other))


def check(rows, pairs, changes):
    """Of one matrix, against whole deltas [point, ...] that numpy is given."""
    assert rows["point"].tolist() == POINTS
    norms = [np.linalg.norm(change.astype(float)) for change in changes]
    np.testing.assert_allclose(rows["norm"], norms, rtol=1e-6)
    if changes.ndim == 3:
        ranks = [expected_rank(change) for change in changes]
        np.testing.assert_allclose(rows["effective_rank"], ranks, rtol=1e-3)
    else:
        assert rows["effective_rank"].isna().all()
    of_pairs = {(a, b): c for a, b, c in zip(pairs["a"], pairs["b"], pairs["cosine"], strict=True)}
    assert len(of_pairs) == 3
    for i, j in ((0, 1), (0, 2), (1, 2)):
        cosine = expected_cosine(changes[i], changes[j])
        assert of_pairs[POINTS[i], POINTS[j]] == pytest.approx(cosine, abs=1e-6)


@pytest.mark.parametrize("block", [weights.BLOCK_BYTES, 1 << 9])
def test_whole_deltas(results, monkeypatch, block):
    """Wide and tall matrices, and a vector, in one block and in many."""
    monkeypatch.setattr(weights, "BLOCK_BYTES", block)
    tensors = {
        "model.layers.0.mlp.up_proj.weight": draw(4, 30, 4) @ draw(4, 4, 12),
        "model.layers.1.mlp.up_proj.weight": draw(4, 12, 4) @ draw(4, 4, 30),
        "model.layers.1.input_layernorm.weight": draw(4, 200),
        "lm_head.weight": draw(4, 9, 7),
    }
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "full", STAGES, tensors)
    rows, pairs = deltas(results)
    assert set(rows["stage_key"].astype(str)) == {"1", "2", "4"}
    for name, values in tensors.items():
        layer, matrix = weights.place(name)
        chosen = [t[(t["layer"] == layer) & (t["matrix"] == matrix)] for t in (rows, pairs)]
        check(*chosen, values[:3])
    assert set(rows["layer"]) == {-1, 0, 1}
    assert rows[["depth", "seed"]].iloc[2].tolist() == [2, 1]
    assert (results.with_name("toy_deltas") / "deltas_full.png").stat().st_size > 5_000


def test_a_delta_of_rank_one_has_effective_rank_one(results, capsys):
    tensors = {"model.layers.0.mlp.up_proj.weight": draw(1, 200, 1) @ draw(1, 1, 150)}
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "full", [1], tensors)
    rows, pairs = deltas(results)
    assert rows["effective_rank"].tolist() == pytest.approx([1], abs=1e-4) and pairs.empty
    figure = results.with_name("toy_deltas") / "deltas_full.png"
    assert f"figure: {figure}\n" in capsys.readouterr().out and figure.is_file()


def test_nothing_moved(results):
    tensors = {"model.layers.0.mlp.up_proj.weight": np.zeros((2, 5, 4), np.float32)}
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "full", [1, 2], tensors)
    rows, pairs = deltas(results)
    assert (rows["norm"] == 0).all() and rows["effective_rank"].isna().all()
    assert pairs["cosine"].isna().all()


def test_bfloat16_is_read(results):
    bf16 = h5py.h5t.IEEE_F32LE.copy()
    bf16.set_fields(15, 7, 8, 0, 7)
    bf16.set_size(2)
    bf16.set_ebias(127)
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "full", [1], {})
        folder = file.create_group("deltas/full/final")
        space = h5py.h5s.create_simple((1, 2, 2))
        name = b"model.layers.0.mlp.up_proj.weight"
        tensor = h5py.Dataset(h5py.h5d.create(folder.id, name, bf16, space))
        tensor[...] = np.array([[[3.0, 0.0], [0.0, -4.0]]], np.float32)
    rows, _ = deltas(results)
    assert rows["norm"].tolist() == [5.0]


# --- Factors -----------------------------------------------------------------------------------

MODULE = "model.layers.2.self_attn.q_proj"
PEFT = f"base_model.model.{MODULE}.lora_"


@pytest.mark.parametrize("block", [weights.BLOCK_BYTES, 1 << 9])
def test_low_rank_deltas_are_those_of_their_products(results, monkeypatch, block):
    """Of two ranks, which are two groups; biases are no deltas."""
    monkeypatch.setattr(weights, "BLOCK_BYTES", block)
    a, b, c, d = draw(2, 2, 9), draw(2, 14, 2), draw(2, 3, 9), draw(2, 14, 3)
    plain, other = (
        weights_file.lora_config(),
        weights_file.lora_config(lora_alpha=3, use_rslora=True),
    )
    with weights_file.begin(results) as file:
        first = {f"{PEFT}A.weight": a, f"{PEFT}B.weight": b}
        first[f"base_model.model.{MODULE}.base_layer.bias"] = draw(2, 14)
        weights_file.write_group(file, "lora", STAGES[:2], first, adapter_config=[plain])
        second = {f"{PEFT}A.weight": c, f"{PEFT}B.weight": d}
        weights_file.write_group(file, "lora_2", STAGES[2:], second, adapter_config=[other, plain])
    rows, pairs = deltas(results)
    assert set(rows["tensors"]) == {"lora"} and set(rows["matrix"]) == {"self_attn.q_proj"}
    check(rows, pairs, np.concatenate([2 * b @ a, (3 / np.sqrt(3)) * d @ c])[:3])


def test_scales_are_those_of_peft():
    config = {"lora_alpha": 8, "alpha_pattern": {"q_proj": 2, r"layers\.1\.mlp\.up_proj": 4}}
    assert weights.lora_scale(config, "model.layers.0.self_attn.q_proj", 4) == 0.5
    assert weights.lora_scale(config, "model.layers.1.mlp.up_proj", 4) == 1
    assert weights.lora_scale(config, "model.layers.10.mlp.up_proj", 4) == 2
    assert weights.lora_scale({**config, "use_rslora": True}, "model.layers.0.v_proj", 4) == 4


def test_experts_of_mixtures_are_told_apart_by_name(results):
    """The second mixture has the first one's experts in the other order."""
    a, b, router = draw(2, 2, 2, 9), draw(2, 2, 14, 2), draw(2, 2, 9)
    tensors = {f"{MODULE}.router.weight": router}
    for expert in range(2):
        tensors[f"{MODULE}.experts.{expert}.lora_A.weight"] = a[expert]
        tensors[f"{MODULE}.experts.{expert}.lora_B.weight"] = b[expert]
    modules = {MODULE: {"ranks": [2, 2], "scales": [2.0, 0.5]}}
    configs = [
        json.dumps({"experts": names, "modules": modules}) for names in (["x", "y"], ["y", "x"])
    ]
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "mixture", STAGES[:2], tensors, mixture_config=configs)
    rows, pairs = deltas(results)
    change = np.array([2.0, 0.5])[:, None, None, None] * (b @ a)  # [expert, stage, out, in]
    found = rows.set_index(["expert", "point"])["norm"]
    assert found["x", POINTS[1]] == pytest.approx(np.linalg.norm(change[1, 1]), rel=1e-6)
    cosine = pairs.set_index("expert")["cosine"]
    assert cosine["x"] == pytest.approx(expected_cosine(change[0, 0], change[1, 1]), abs=1e-6)
    assert cosine["y"] == pytest.approx(expected_cosine(change[1, 0], change[0, 1]), abs=1e-6)


def test_mixtures_of_unlike_experts_have_what_their_experts_have(results):
    """The dataset has room for what either mixture adapts: here the first one lacks the module, and
    of the second one an expert does.
    """
    a, b = draw(2, 2, 2, 9), draw(2, 2, 14, 2)
    tensors = {}
    for expert in range(2):
        tensors[f"{MODULE}.experts.{expert}.lora_A.weight"] = a[expert]
        tensors[f"{MODULE}.experts.{expert}.lora_B.weight"] = b[expert]
    other = MODULE.replace(".2.", ".1.")
    first = {other: {"ranks": [2, 2], "scales": [1.0, 1.0]}}
    second = {MODULE: {"ranks": [0, 2], "scales": [1.0, 0.5]}}
    configs = [json.dumps({"experts": ["x", "y"], "modules": has}) for has in (first, second)]
    with weights_file.begin(results) as file:
        weights_file.write_group(file, "mixture", STAGES[:2], tensors, mixture_config=configs)
    rows, _ = deltas(results)
    (only,) = rows.itertuples()
    assert (only.expert, only.point) == ("y", POINTS[1])
    assert only.norm == pytest.approx(np.linalg.norm(0.5 * b[1, 1] @ a[1, 1]), rel=1e-6)


# --- Which rows and pairs ----------------------------------------------------------------------


def write_square(results, stages):
    with weights_file.begin(results) as file:
        tensors = {"model.layers.0.mlp.up_proj.weight": draw(len(stages), 5, 5)}
        weights_file.write_group(file, "full", stages, tensors)


def test_pairs_that_differ_on_one_axis(results):
    write_square(results, STAGES)
    _, pairs = deltas(results, "--pairs", "one_axis")
    assert set(zip(pairs["a"], pairs["b"], strict=True)) == {
        (POINTS[0], POINTS[1]),
        (POINTS[0], POINTS[2]),
    }


def test_no_pairs_and_no_ranks(results):
    write_square(results, STAGES)
    whole, _ = deltas(results)
    rows, pairs = deltas(results, "--pairs", "none", "--no-rank")
    assert pairs is None and rows["effective_rank"].isna().all()
    np.testing.assert_allclose(rows["norm"], whole["norm"])


def test_a_stage_that_no_point_ends_with_is_there_by_its_title(results):
    write_square(results, [0, 1])  # the survey
    rows, pairs = deltas(results)
    assert rows["point"].isna().tolist() == [True, False] and rows["title"][0] == "survey"
    assert pairs[["a", "b"]].iloc[0].tolist() == ["survey", POINTS[0]]


def test_deltas_of_other_base_models_are_not_compared(results):
    with weights_file.begin(results) as file:
        for stage, group, base in ((1, "full", "one"), (2, "full_2", "two")):
            tensors = {"model.layers.0.mlp.up_proj.weight": draw(1, 5, 5)}
            weights_file.write_group(file, group, [stage], tensors, base_fingerprint=[base])
    rows, pairs = deltas(results)
    assert len(rows) == 2 and pairs.empty


def test_more_stages_than_pairs_fit_into_memory(results, monkeypatch, capsys):
    write_square(results, STAGES)
    monkeypatch.setattr(analysis_deltas, "MOST_STAGES", 2)
    assert main(["deltas", str(results)]) == 2
    assert "deltas of 3 stages, and cosines are computed of 2 at most" in capsys.readouterr().err
    rows, pairs = deltas(results, "--pairs", "none")
    assert len(rows) == 3 and pairs is None


def test_files_that_do_not_fit_are_refused(results, capsys):
    assert main(["deltas", str(results)]) == 2
    assert "toy.weights.h5: no such file, so the run kept no weights" in capsys.readouterr().err
    write_square(results, [6])
    assert main(["deltas", str(results)]) == 2
    assert "holds no deltas of a stage that is done" in capsys.readouterr().err
    with h5py.File(results, "r+") as file:
        file.attrs["run_id"] = "a"
    assert main(["deltas", str(results)]) == 2
    assert "of another run" in capsys.readouterr().err
    assert main(["deltas", str(weights_file.weights_path(results))]) == 2
    assert "Give NAME.h5, not NAME.weights.h5" in capsys.readouterr().err


def test_a_file_is_read_in_blocks(tmp_path, monkeypatch):
    """Of 48 MiB never more than a few blocks are in memory."""
    monkeypatch.setattr(weights, "BLOCK_BYTES", 1 << 20)
    results = write_toy(tmp_path / "toy.h5", counts=(3, 4), failed=0)
    with weights_file.begin(results) as file:
        tensors = {"model.layers.0.mlp.up_proj.weight": np.ones((12, 1024, 1024), np.float32)}
        weights_file.write_group(file, "full", range(1, 13), tensors)
    with h5py.File(weights_file.weights_path(results)) as file:
        (matrix,) = weights.matrices(file, np.full(13, DONE) == DONE)
        tracemalloc.start()
        products = matrix.products()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (products == 1024 * 1024).all() and peak < 4 << 20


# --- In a report -------------------------------------------------------------------------------

MADE = ("deltas_by_matrix", "deltas_full")


def test_a_report_shows_what_trainings_changed(results, capsys):
    write_square(results, STAGES)
    folder = report(results)
    told = {"deltas", "cosines", *MADE}
    assert told <= stems(folder, "csv") and stems(folder, "png") == {"deltas_full"}
    assert "left out:" not in capsys.readouterr().out
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Deltas, whole models (final): Frobenius norm" in page and "cosines.csv beside" in page
    rows, _ = deltas(results)
    assert (folder / "deltas.csv").read_text() == (
        results.with_name("toy_deltas") / "deltas.csv"
    ).read_text()
    drawn = pd.read_csv(folder / "deltas_full.csv")
    norms = drawn[drawn["y_label"] == "Norm of the delta"]
    layers = rows[rows["layer"] >= 0].groupby("layer")["norm"].mean()
    np.testing.assert_allclose(norms.set_index("x")["y"], layers, rtol=1e-6)
    weights_file.weights_path(results).unlink()
    report(results)
    assert not told & stems(folder, "csv") and "left out:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "share, kept, reason",
    [
        (0.999, {"deltas", "cosines", *MADE}, "effective ranks of deltas"),
        (0.05, {"deltas", *MADE}, "cosines and effective ranks of"),
        (0, set(), "figures of deltas, as there are too many"),
    ],
)
def test_a_report_takes_no_longer_than_it_should_for_deltas(
    results, monkeypatch, capsys, share, kept, reason
):
    write_square(results, STAGES)
    with h5py.File(weights_file.weights_path(results)) as file:
        matrices = weights.matrices(file, np.arange(7) < 6)
        work = sum(matrix.work(pairs=True, ranks=True) for matrix in matrices)
    monkeypatch.setattr(delta_figures, "MOST_WORK", share * work)
    folder = report(results)
    assert stems(folder, "csv") & {"deltas", "cosines", *MADE} == kept
    assert reason in capsys.readouterr().out


def test_a_report_says_why_deltas_are_not_shown(results, capsys):
    write_square(results, STAGES)
    with h5py.File(results, "r+") as file:
        file.attrs["run_id"] = "a"
    report(results)
    assert "figures of deltas: " in (printed := capsys.readouterr().out)
    assert "of another run" in printed
