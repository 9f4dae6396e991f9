"""`report` and `compare` of F-Learning files as a user runs them."""

import h5py
import pytest
import synthetic_flearning
from reports import compare, csv_rows, page_with, report, stems
from synthetic_flearning import World

FIGURES = {
    "figure4_norms_full",
    "figure5_norms_lora",
    "figure6_forgetting_full",
    "figure7_forgetting_lora",
    "learning_by_lambda",
    "cosine_by_layer",
    "lambda_search",
}
TABLES = {
    "table1_outcomes",
    "table1_subset",
    "verdicts",
    "orderings",
    "old_answers",
    "table3_seconds",
    "table4_cases",
    "trainings",
    "searches",
    "edits",
    "points",
    "times",
}


def test_report_of_a_whole_file(whole):
    _, folder, printed = whole("flearning")
    page = page_with(folder, FIGURES)
    assert stems(folder, "csv") == TABLES | {"table5_abilities"} | FIGURES
    assert 'class="paper">paper LLaMA2-7B' in page
    assert "Infinite" not in printed
    assert "66.0 / 44.1 / 28.3" in printed  # Full-FT of LLaMA2-7B on CounterFact
    assert "7 no new answer" in printed and "left out:" not in printed


@pytest.mark.usefixtures("without_pdfs")
def test_data_sets_and_numbers_of_records_stand_apart(tmp_path, capsys):
    world = World(
        seeds=(0, 1),
        data_sets=("zsre", "mine"),
        methods=("original", "ft", "f_learning_ft"),
        layers=("all", "0-1"),
        records=(5, 25),
        search=False,
    )
    path = synthetic_flearning.write(tmp_path / "many.h5", world)
    folder = tmp_path / "out"
    report(path, "--output", str(folder))
    printed = capsys.readouterr().out
    assert "[zsre]" in printed and "[mine]" in printed
    assert {"records_zsre", "records_mine"} <= stems(folder, "csv")
    head = csv_rows(folder, "table1_outcomes_mine")[0]
    assert not any("paper" in name for name in head)  # the paper has no such data set


@pytest.mark.usefixtures("without_pdfs")
def test_report_of_a_partial_file_says_what_is_missing(tmp_path, capsys):
    world = World(seeds=(0,), methods=("ft", "f_learning_ft"), search=False, unfinished=1)
    path = synthetic_flearning.write(tmp_path / "partial.h5", world)
    report(path)
    printed = capsys.readouterr().out
    assert "2 of 3 points finished (1 waiting, 2 done)" in printed
    assert "figure 6 needs a finished point of forget_ft" in printed
    assert "the search for lambda needs search.locality" in printed
    assert "One seed: the limits tell of the records" in printed


def test_report_before_the_first_point_has_finished(tmp_path, capsys):
    world = World(seeds=(0,), methods=("ft",), unfinished=1)
    path = synthetic_flearning.write(tmp_path / "early.h5", world)
    report(path)
    assert "no point has finished" in capsys.readouterr().out


@pytest.fixture
def pair(tmp_path):
    world = World(seeds=(0,), methods=("original", "ft", "f_learning_ft", "rome"))
    return [synthetic_flearning.write(tmp_path / f"{name}.h5", world) for name in "ab"]


def test_times_do_not_make_two_runs_different(pair, capsys):
    with h5py.File(pair[1], "r+") as h5:
        times = ["points/edit_seconds", "stages/seconds"]
        times += [f"tuning/{key}/seconds" for key in h5["tuning"]]
        for name in times:
            h5[name][...] = h5[name][...] + 1
    assert compare(pair) == 0
    assert "identical" in capsys.readouterr().out


def test_a_changed_outcome_is_found_and_points_are_joined_by_all_axes(pair, capsys):
    with h5py.File(pair[1], "r+") as h5:
        h5["points/locality"][1] += 0.125
    assert compare(pair) == 1
    printed = capsys.readouterr().out
    assert "different: 1 datasets, the first /points/locality (1 values" in printed
    assert "6 points finished in both" in printed and "0.125" in printed
    assert (pair[0].parent / "a_vs_b.png").stat().st_size > 10_000
