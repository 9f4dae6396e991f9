"""The K-shot report as a user runs it, on synthetic files."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import synthetic_kshot
from reports import compare, csv_rows, page_with, report, stems
from synthetic_kshot import FAILURE, World

from analysis.kshot import figures
from analysis.kshot.quantities import part_of
from analysis.report import _state
from analysis.sweep import read

FIGURES = {
    "figure2_tuning",
    "figure7_activation",
    "figure8_perplexity",
    "figure9_open_data",
    "figure10_selection",
    "figure11_cases",
}
TABLES = {
    "helps",
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
    "left_out",
    "sources",
}
SHARED = {"points", "times"}


def test_report_of_a_whole_file(whole):
    _, folder, printed = whole("kshot")
    page = page_with(folder, FIGURES)
    assert stems(folder, "csv") == TABLES | SHARED | FIGURES
    assert 'class="paper">paper LLaMA2-7B' in page
    assert "57.8 / 24.8 (41.3)" in printed and "left out:" not in printed
    assert "Infinite" not in printed
    assert "2 seeds." in printed  # not the -1 of methods that draw nothing
    assert FAILURE in printed and FAILURE in page
    assert {row[0] for row in csv_rows(folder, "table4_shots")} == {"shots", "1", "5", "50"}


@pytest.mark.usefixtures("without_pdfs")
def test_report_says_what_each_missing_part_needs(tmp_path, capsys):
    world = World(
        methods=("base", "ours"), axes=(), draws=(1,), seeds=(1,), evaluate=False, weights=False
    )
    path = synthetic_kshot.write(tmp_path / "few.h5", world)
    report(path)
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


def test_limits_of_one_seed_tell_of_several_draws(tmp_path):
    for draws, told in (((1,), "limits tell of the test"), ((1, 2), "of the draws of the shots")):
        world = World(methods=("base", "ours"), axes=(), draws=draws, seeds=(1,))
        state = _state(read(synthetic_kshot.write(tmp_path / "seed.h5", world)))
        (line,) = [line for line in state if line.startswith("One seed only")]
        assert told in line


def test_the_activation_is_over_the_modules_that_a_mixture_has(tmp_path):
    world = World(methods=("base", "ours"), axes=(), draws=(1,), seeds=(1,))
    path = synthetic_kshot.write(tmp_path / "unlike.h5", world)
    with h5py.File(path, "r+") as file:
        whole = file["moe/share"][:]
        layers = file["moe/layer"][:]
        lacking = np.flatnonzero(layers == layers[0])[0]  # one of the first layer's modules
        whole[:, lacking] = np.nan
        whole[:, layers == layers[-1]] = np.nan  # and all of the last one's
        file["moe/share"][:] = whole
    part = part_of(read(path))
    figure = figures.activation(part)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    row = part.first("ours", "figure 7").index[0]
    kept = [k for k in np.flatnonzero(layers == layers[0]) if k != lacking]
    assert shown[0] == pytest.approx(whole[row][kept][:, : shown.shape[1]].mean(axis=0))
    assert np.isnan(shown[-1]).all() and np.isfinite(shown[:-1]).all()


@pytest.mark.usefixtures("without_pdfs")
def test_report_of_a_sweep_that_has_begun(tmp_path, capsys):
    world = World(methods=("base", "ours"), axes=())
    points = 2 * (1 + 6)
    path = synthetic_kshot.write(tmp_path / "early.h5", replace(world, unfinished=points))
    report(path)
    printed = capsys.readouterr().out
    assert "no point has finished" in printed and FAILURE in printed
    path = synthetic_kshot.write(tmp_path / "base.h5", replace(world, unfinished=points - 1))
    report(path)
    printed = capsys.readouterr().out
    assert "figure 7 needs a finished point of ours" in printed
    assert "ours against other methods needs a finished point of ours" in printed
    assert (
        stems(tmp_path / "base_report", "csv")
        == TABLES
        & {"helps", "table1_methods", "table8_bank", "figure8_correlations", "left_out", "sources"}
        | SHARED
        | {"figure8_perplexity"}
    )


def test_compare_joins_points_by_all_axes(tmp_path, capsys):
    paths = [synthetic_kshot.write(tmp_path / f"{name}.h5") for name in "ab"]
    with h5py.File(paths[1], "r+") as file:
        file["points/accuracy"][1] += 0.125
    assert compare(paths, "--no-figure") == 1
    printed = capsys.readouterr().out
    assert f"{len(read(paths[0]).points)} points finished in both" in printed
    assert "0.125" in printed


@pytest.mark.usefixtures("without_pdfs")
def test_older_files_say_nothing_of_what_was_left_out(tmp_path, capsys):
    path = synthetic_kshot.write(tmp_path / "old.h5", World(counts=False, kinds=("letter", "code")))
    with h5py.File(path, "r+") as file:
        file["bank/usable"][...] = 1
        del file["pools"]
    report(path)
    printed = capsys.readouterr().out
    assert "left out" not in printed and "not usable" not in printed and "stopped" not in printed
    page = (tmp_path / "old_report" / "index.html").read_text(encoding="utf-8")
    assert "What could not be used" not in page
