"""The K-shot report: what was planted in a synthetic file is found again, and shown."""

import csv
from dataclasses import replace

import h5py
import numpy as np
import pytest
import synthetic_kshot
from synthetic_kshot import BANK, MEAN, OTHERS, World

from analysis.__main__ import main
from analysis.kshot import experts, published, tables
from analysis.kshot.projection import plane_of
from analysis.kshot.quantities import (
    CASES,
    average,
    cases,
    correlations,
    scores,
    spearman,
    study_of,
)
from analysis.store import read

FIGURES = {
    "figure2_tuning",
    "figure7_activation",
    "figure8_perplexity",
    "figure9_open_data",
    "figure10_selection",
    "figure11_cases",
}
TABLES = {
    "table1_methods",
    "ours_against",
    "table2_signals",
    "table3_data_selection",
    "table4_shots",
    "table5_mixed_cases",
    "table6_experts",
    "table7_top_k",
    "table8_bank",
    "experts",
    "figure8_correlations",
    "figure9_kept",
}


def stems(folder, kind):
    return {path.stem for path in folder.glob(f"*.{kind}")}


def rows_of(table):
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = synthetic_kshot.write(tmp_path_factory.mktemp("kshot") / "whole.h5")
    return study_of(read(path))


# --- Accuracy ----------------------------------------------------------------------------------


def test_first_setting_of_each_method_alone_makes_table_1(study):
    for method, planted in MEAN.items():
        found = average(scores(study, study.first(method, "test")))
        assert found.value == pytest.approx(100 * planted, abs=4)
        assert found.n == (1 if method in ("base", "expert_lora", "source_best") else 3)


@pytest.mark.parametrize("axis", OTHERS)
def test_an_axis_is_varied_with_all_others_at_their_first_value(study, axis):
    points = study.along(axis, "test")
    planted = {**OTHERS[axis], synthetic_kshot.FIRST[axis]: 0.0}
    if axis == "budget":
        planted[0] = OTHERS["data_selection"]["none"]  # no open data at all
    counts = points.groupby(axis).size().to_dict()
    if axis == "tau":
        assert set(counts) == set(planted)
    assert counts == dict.fromkeys(planted, 12)  # 2 tasks, 3 draws, 2 seeds
    for value, added in planted.items():
        found = average(scores(study, points[points[axis] == value]))
        assert found.value == pytest.approx(100 * (MEAN["ours"] + added), abs=4)


def test_intervals_are_over_draws_with_their_seeds_averaged(study):
    points = study.first("ours", "test")
    table = scores(study, points)
    one = points[(points["task"] == "arc_c") & (points["draw"] == 2)]
    assert len(one) == 2 and list(table.index) == [1, 2, 3]
    assert table.loc[2, "arc_c"] == pytest.approx(100 * one["accuracy"].mean())
    assert len(scores(study, points[points["draw"] == 1])) == 2  # one draw: over its seeds


def test_a_task_that_has_not_finished_gives_no_average(study):
    points = study.first("ours", "test")
    found = scores(study, points[points["task"] == "arc_c"])
    assert np.isfinite(found["arc_c"]).all() and np.isnan(average(found).value)


def test_published_numbers_stand_beside_ours(study):
    row = rows_of(tables.method_table(study))["Ours"]
    assert row["paper LLaMA2-7B"] == "57.8 / 24.8 (41.3)"  # of arc_c and gsm8k
    assert row["paper Mistral-7B"] == "81.4 / 52.9 (67.2)"
    by_experts = rows_of(tables.axis_table(study, *tables.AXIS_TABLES[3]))
    assert by_experts["2"]["paper LLaMA2-7B"] == "(52.2)"
    by_data = rows_of(tables.axis_table(study, *tables.AXIS_TABLES[1]))
    assert by_data["cosine, no dedup (\u03c4 = 1)"]["paper LLaMA2-7B"].startswith("54.6")


def test_published_averages_are_those_the_paper_prints():
    means = {m: np.mean(numbers[published.LLAMA2]) for m, numbers in published.TABLE1.items()}
    printed = {"base": 36.60, "random": 44.07, "source_best_sft": 51.45, "ours": 52.50}
    for method, value in printed.items():
        assert means[method] == pytest.approx(value, abs=0.011)
    assert published.TABLE1["ours"] == published.TABLE2["pad"] == published.TABLE4[50]
    assert [published.task_of(n) for n in ("ARC-c", "arc-easy", "w1")] == ["arc_c", "arc_e", None]


def test_likelihood_is_a_column_of_tasks_with_options_alone(study):
    table = tables.method_table(study)
    assert table.columns[2:7] == ["arc_c", "likelihood", "gsm8k", "average", "likelihood"]
    assert float(table.rows[0][3]) == pytest.approx(float(table.rows[0][2]) / 2, abs=0.1)


def test_differences_are_paired_and_judged(study):
    found = rows_of(tables.difference_table(study))
    for method, label in (("base", "Base"), ("random", "Random"), ("lorahub", "LoRAHub")):
        assert found[label]["ours is better"] == "holds"
        value = float(found[label]["average"].partition(" ")[0])
        assert value == pytest.approx(100 * (MEAN["ours"] - MEAN[method]), abs=5)
    assert "Ours" not in found


# --- Selection ---------------------------------------------------------------------------------


def test_cases_of_two_experts(study):
    """Adapter 0 has the first 70 % right, adapter 1 the first 60 %: a tenth is mixed."""
    found = cases(study)
    assert len(found) == 12
    for one in found:
        assert one.experts == list(BANK[:2])
        assert dict(zip(CASES, one.counts, strict=True)) == {
            "all correct": 120,
            "mixed": 20,
            "all incorrect": 60,
        }
        assert one.expert_errors.tolist() == [0, 100]
        assert (one.right <= one.counts).all() and one.mixture_error < 60
    row = rows_of(experts.mixed_table(study))["arc_c"]
    assert row["best expert"] == "0.0 \u00b1 0.0" and row["paper"] == "40 / 50.0 / 37.5 / 32.5"


def test_reasoning_perplexity_tells_the_good_adapters(study):
    assert correlations(study, 0, "reasoning_perplexity") == pytest.approx([-1, -1, -1])
    assert (correlations(study, 0, "perplexity") > -1).all()
    row = rows_of(experts.correlation_table(study))["arc_c"]
    assert row["reasoning"] == "-1.00 \u00b1 0.00" and row["adapters"] == "5"


def test_spearman():
    a = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, np.array([4.0, 3.0, 2.0, 1.0, 0.0])) == pytest.approx(-1)
    assert spearman(a, np.array([1.0, 2.0, 2.0, 3.0, 0.0])) == pytest.approx(0.9486833)  # scipy's
    assert np.isnan(spearman(a, np.ones(5))) and np.isnan(spearman(a[:2], a[:2]))


def test_kept_share_of_the_open_data(study):
    row = rows_of(experts.kept_table(study))["100 at 0.8"]
    assert row["arc_c"] == "20.0 \u00b1 0.0" and row["kept (%)"] == "20.0 \u00b1 0.0"
    assert row["paper"] == "10"


def test_plane_of_the_largest_variances():
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(500, 5)) * [0.1, 3, 0.1, 0.1, 1] + 7
    plane = plane_of(vectors)
    assert np.abs(plane.directions[1, 0]) > 0.99 and np.abs(plane.directions[4, 1]) > 0.99
    assert plane.explained > 0.98 and plane.of(vectors).mean(axis=0) == pytest.approx([0, 0])
    assert plane_of(vectors[::-1]).directions == pytest.approx(plane.directions)


# --- The report as a user runs it --------------------------------------------------------------


def test_report_of_a_whole_file(tmp_path, capsys):
    path = synthetic_kshot.write(tmp_path / "whole.h5")
    assert main(["report", str(path)]) == 0
    folder = tmp_path / "whole_report"
    assert stems(folder, "png") == stems(folder, "pdf") == FIGURES
    assert stems(folder, "csv") == TABLES
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(FIGURES)
    assert 'class="paper">paper LLaMA2-7B' in page
    printed = capsys.readouterr().out
    assert "57.8 / 24.8 (41.3)" in printed and "left out:" not in printed
    assert "2 seeds." in printed  # not the -1 of methods that draw nothing
    with (folder / "table4_shots.csv").open(encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)] == ["shots", "1", "5", "50"]


def test_report_says_what_each_missing_part_needs(tmp_path, capsys):
    world = World(
        methods=("base", "ours"), axes=(), draws=(1,), seeds=(1,), evaluate=False, weights=False
    )
    path = synthetic_kshot.write(tmp_path / "few.h5", world)
    assert main(["report", str(path)]) == 0
    printed = capsys.readouterr().out
    for reason in (
        "table 2 needs finished points of ours with two values of grid.signals",
        "whose experts were tested (bank.evaluate = true)",
        "figure 9 needs finished points of ours with two values",
        "figure 10 needs the embeddings in few.weights.h5",
        "tables 8 to 10 need /tests/accuracy",
    ):
        assert reason in printed
    assert stems(tmp_path / "few_report", "png") == {"figure7_activation"}


def test_report_of_a_sweep_that_has_begun(tmp_path, capsys):
    world = World(methods=("base", "ours"), axes=())
    points = 2 * (1 + 6)
    path = synthetic_kshot.write(tmp_path / "early.h5", replace(world, unfinished=points))
    assert main(["report", str(path)]) == 0
    assert "no point has finished" in capsys.readouterr().out
    path = synthetic_kshot.write(tmp_path / "base.h5", replace(world, unfinished=points - 1))
    assert main(["report", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "figure 7 needs a finished point of ours" in printed
    assert "ours against other methods needs a finished point of ours" in printed
    assert stems(tmp_path / "base_report", "csv") == TABLES & {
        "table1_methods",
        "table8_bank",
        "figure8_correlations",
    }


def test_compare_joins_points_by_all_axes(tmp_path, capsys):
    paths = [synthetic_kshot.write(tmp_path / f"{name}.h5") for name in "ab"]
    with h5py.File(paths[1], "r+") as file:
        file["points/accuracy"][1] += 0.125
    assert main(["compare", *map(str, paths), "--no-figure"]) == 1
    printed = capsys.readouterr().out
    assert f"{len(read(paths[0]).points)} points finished in both" in printed
    assert "0.125" in printed
