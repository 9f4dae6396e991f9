"""`report` as a user runs it: whole files, partial ones, and files it must refuse."""

import hashlib
import itertools
import json
import re

import h5py
import numpy as np
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
from reports import csv_rows, packed_in, page_with, report, stems
from synthetic_slick import World
from test_any_study import write_toy

from analysis.__main__ import main
from analysis.report import _state
from analysis.sweep import read
from analysis.written import LIST

FIGURES = {
    "figure1_fit",
    "figure3a_unknown_ratio",
    "figure3b_known_only",
    "figure4_fitted_share",
    "figure5_unknown_classifiers",
    "figure7_fit_by_category",
    "figure8_ood",
    "figure8_ood_known_only",
    "table3_idk_curves",
    "exposures",
}
SMALL = {"epochs": 8, "questions": 40}


def test_report_of_a_whole_file(whole):
    _, folder, printed = whole("slick")
    page = page_with(folder, FIGURES)
    for table in (
        "Table 1",
        "Table 2",
        "Table 3",
        "Table 7",
        "Learning order",
        "Labels of the train",
        "From right to wrong",
        "What the data have and the deck does not ask",
        "facts.csv: no column",
    ):
        assert table in page
    assert "It is the epoch with the most dev questions right, of all of them" in page
    wrong = [row[2] for row in packed_in(page, "base_errors.rest")]
    assert "no 3\u00e9" in wrong  # to be read
    assert "Infinite" not in printed
    assert "ID b_unk" in printed and str(folder) in printed and "left out:" not in printed


@pytest.mark.usefixtures("without_pdfs")
def test_report_of_a_partial_file_says_what_is_missing(tmp_path, capsys):
    world = World(
        seeds=(1,),
        unfinished=2,
        exposures=False,
        variants=("unknown_ratio", "natural", "idk"),
        **SMALL,
    )
    path = synthetic_slick.write(tmp_path / "partial.h5", world)
    folder = tmp_path / "out"
    report(path, "--output", str(folder))
    printed = capsys.readouterr().out
    assert "7 of 9 points finished (2 waiting, 7 done)" in printed
    assert "One seed only: limits tell of the test examples" in printed
    assert "figure 3b needs variant known_only (not in this sweep)" in printed
    assert "figure 5 needs variant natural (none of its points has finished)" in printed
    assert "table 3 needs variant idk (none of its points has finished)" in printed
    assert stems(folder, "png") == FIGURES - {
        "figure3b_known_only",
        "figure8_ood_known_only",
        "figure5_unknown_classifiers",
        "table3_idk_curves",
        "exposures",
    }


@pytest.mark.usefixtures("without_pdfs")
def test_report_before_the_first_point_has_finished(tmp_path, capsys):
    world = World(seeds=(1,), unfinished=7, variants=("unknown_ratio",), **SMALL)
    path = synthetic_slick.write(tmp_path / "early.h5", world)
    report(path)
    assert "no point has finished" in capsys.readouterr().out
    assert (tmp_path / "early_report" / "labels_train_id.csv").is_file()


@pytest.mark.usefixtures("without_pdfs")
def test_report_of_labels_alone(tmp_path, capsys):
    path = synthetic_slick.write(
        tmp_path / "labels.h5", World(seeds=(1,), variants=("unknown_ratio",), **SMALL)
    )
    with h5py.File(path, "r+") as h5:
        del h5["curves"], h5["predictions"], h5["points/variant"], h5["points/unknown_ratio"]
    report(path)
    assert "labels only" in capsys.readouterr().out


@pytest.mark.parametrize("attribute, value", [("layout_version", 9), ("filetype", "x")])
def test_report_refuses_what_it_cannot_read(tmp_path, capsys, attribute, value):
    world = World(seeds=(1,), variants=("idk",), **SMALL)
    path = synthetic_slick.write(tmp_path / "other.h5", world)
    with h5py.File(path, "r+") as h5:
        h5.attrs[attribute] = value
    assert main(["report", str(path)]) == 2
    assert str(value) in capsys.readouterr().err


def test_report_refuses_a_file_that_is_not_hdf5(tmp_path, capsys):
    path = tmp_path / "text.h5"
    path.write_text("no HDF5")
    assert main(["report", str(path)]) == 2
    assert "not an HDF5 file" in capsys.readouterr().err


@pytest.mark.usefixtures("without_files")
def test_of_many_parts_the_first_are_shown_and_the_others_named(tmp_path, capsys):
    few = {"seeds": (1,), "epochs": 4, "questions": 12, "variants": ("unknown_ratio",)}
    world = World(learning_rates=(1e-5, 1e-4, 1e-3), **few)
    path = synthetic_slick.write(tmp_path / "rates.h5", world)
    folder = report(path, "--parts", "1")
    printed = capsys.readouterr().out
    assert "2 of 3 parts of the sweep (--parts 3 shows all)" in printed
    assert stems(folder, "csv") >= {"results_learning_rate_1e-05", "points"}
    assert not any("0.0001" in stem for stem in stems(folder, "csv"))
    with pytest.raises(SystemExit) as refused:
        main(["report", str(path), "--parts", "0"])
    assert refused.value.code == 2 and "no whole number from 1 on" in capsys.readouterr().err


@pytest.mark.usefixtures("without_files")
def test_a_report_run_again_leaves_nothing_stale_and_nothing_of_the_users_changed(tmp_path):
    world = World(seeds=(1,), variants=("unknown_ratio", "idk"), **SMALL)
    path = synthetic_slick.write(tmp_path / "again.h5", world)
    folder = report(path)
    first = {file.name for file in folder.iterdir()}
    of_idk = {name for name in first if name.startswith("table3_idk")}
    assert "table3_idk_curves.png" in of_idk and "table3_idk.csv" in of_idk
    (folder / "notes.txt").write_text("mine")
    (folder / "table3_idk.csv").write_text("made of it by hand")
    few = World(seeds=(1,), variants=("unknown_ratio",), **SMALL)
    report(synthetic_slick.write(path, few))
    kept = {"notes.txt", "table3_idk.csv"}
    assert {file.name for file in folder.iterdir()} == first - of_idk | kept
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "table3_idk.csv").read_text() == "made of it by hand"


def test_a_list_of_files_that_is_not_a_reports_is_no_reason_to_remove_any(tmp_path):
    path = write_toy(tmp_path / "again.h5")
    folder = tmp_path / "out"
    folder.mkdir()
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    sha256 = hashlib.sha256(b"mine").hexdigest()
    for listed in (["mine.csv"], {"../mine.csv": sha256, "mine.csv": "0"}, "no list"):
        (folder / LIST).write_text(listed if isinstance(listed, str) else json.dumps(listed))
        (folder / "mine.csv").write_text("mine too")
        report(path, "--output", str(folder))
        assert mine.is_file() and (folder / "mine.csv").read_text() == "mine too"


NOT_FINITE = (np.nan, np.inf, -np.inf)


def spoil(path, wrong):
    """Writes what is not finite into every third number: of the datasets in turn, each its own.

    Returns how many numbers of each column of points are infinite now.
    """
    groups = ("points", "curves", "outcomes", "norms", "signals", "tests", "moe")
    turns = itertools.cycle(wrong)
    with h5py.File(path, "r+") as file:
        for data in (d for g in groups if g in file for d in file[g].values()):
            if data.dtype.kind == "f" and data.attrs.get("role") not in ("axis", b"axis"):
                numbers = data[()]
                numbers.flat[::3] = next(turns)
                data[...] = numbers
        columns = {n: d[()] for n, d in file["points"].items() if d.dtype.kind == "f"}
    infinite = {name: int(np.isinf(column).sum()) for name, column in columns.items()}
    return {name: count for name, count in infinite.items() if count}


def said_of_infinite(told):
    return {name: int(count) for count, name in re.findall(r"(\d+) of /points/(\w+)", told)}


@pytest.mark.parametrize("study", [synthetic_slick, synthetic_flearning, synthetic_kshot])
@pytest.mark.parametrize("wrong", NOT_FINITE)
def test_numbers_that_are_not_finite_are_read_as_unknown(tmp_path, study, wrong):
    path = study.write(tmp_path / "file.h5")
    infinite = spoil(path, [wrong])
    assert bool(infinite) == bool(np.isinf(wrong))
    sweep = read(path)
    told = "\n".join(_state(sweep))
    assert said_of_infinite(told) == infinite
    assert ("Infinite numbers are taken for unknown: " in told) == np.isinf(wrong)
    columns = [sweep.points[n].to_numpy() for n in sweep.points.select_dtypes("floating")]
    for numbers in (*columns, *sweep.curves.values()):
        assert not np.isinf(numbers).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("study", [synthetic_slick, synthetic_flearning, synthetic_kshot])
def test_numbers_that_are_not_finite_are_unknown_and_the_rest_is_shown(tmp_path, capsys, study):
    path = study.write(tmp_path / "file.h5")
    infinite = spoil(path, NOT_FINITE)
    folder = report(path)
    printed = capsys.readouterr().out
    assert said_of_infinite(printed) == infinite != {}
    assert len(stems(folder, "png")) >= 3
    for name in stems(folder, "csv"):
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
        assert not re.search(r"\binf\b|,nan\b", text), name
    assert not re.search(r"\binf\b", printed)


@pytest.mark.usefixtures("without_pdfs")
def test_labels_of_all_models_are_shown_and_each_points_questions_have_its_own(tmp_path):
    world = World(seeds=(1, 2), variants=("unknown_ratio",), **SMALL)
    path = synthetic_slick.write(tmp_path / "models.h5", world)
    with h5py.File(path, "r+") as file:
        models = np.where(file["points/seed"][()] == 1, "small", "large").astype("S5")
        file["points/model"] = models
        file["points/model"].attrs["role"] = "axis"
        for name in ("category", "greedy", "drawn", "greedy_answer"):
            file[f"labels/large/{name}"] = file[f"labels/base/{name}"][()]
        file["labels/large/category"][...] = 3
        for name, data in [*file["errors"].items()]:
            file[f"errors/large/{name}"] = data[()]
        file["errors/large/kind"][...], file["errors/large/row"][...] = 255, -1
    folder = report(path)
    shown = {name for name in stems(folder, "csv") if name.startswith(("labels", "table7"))}
    labels = {f"labels_{which}" for which in ("train_id", "test_id", "test_ood")}
    assert shown == {f"{n}_{m}" for n in labels for m in ("small", "large")} | {
        "table7_base_errors_small"
    }
    rows = csv_rows(folder, "labels_train_id_large")
    of_large = dict(row[1:3] for row in rows if row[0] == "all")
    assert of_large["HK"] == of_large["MK"] == of_large["WK"] == "0" < of_large["Unk"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Labels: small" in page and "Labels: large" in page
    asked = packed_in(page, "questions")
    assert [["small", "large"][k] for k in asked["of"]] == models.astype(str).tolist()
    told = [{row[5] for row in table["rows"]} for table in asked["tables"]]
    assert len(told[0]) == 4 and told[1] == {"Unknown"}
