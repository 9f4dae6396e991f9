"""`points`: every column of every point, and files that are joined by the keys of their stages."""

import h5py
import pandas as pd
import pytest
from test_any_study import write_toy

from analysis.__main__ import main
from analysis.points import points_of


def points(*arguments):
    """Runs `points`; its exit code."""
    return main(["points", *map(str, arguments)])


def test_a_row_a_point_with_every_column(tmp_path):
    path, table = write_toy(tmp_path / "toy.h5"), tmp_path / "points.csv"
    assert points(path, "--output", table) == 0
    rows = pd.read_csv(table, keep_default_na=False, dtype={"stage_key": str})
    assert list(rows) == [
        *("id", "depth", "seed", "state"),
        *("digging", "height", "kept"),
        *("seconds", "rank", "stage_key", "reason"),
    ]
    first, last = rows.iloc[0], rows.iloc[-1]
    assert first.tolist() == ["depth-1-s1", 1, 1, "done", "3", "0.25", "all", "4", 0] + [
        f"{1:016x}",
        "",
    ]
    assert (last["state"], last["height"], last["reason"]) == ("failed", "", "ran out of ground")


def test_parquet_keeps_types(tmp_path):
    path, table = write_toy(tmp_path / "toy.h5"), tmp_path / "points.parquet"
    assert points(path, "--output", table) == 0
    rows = pd.read_parquet(table)
    assert rows["depth"].dtype == "int64" and rows["height"].dtype == "float64"
    assert rows["height"].isna().sum() == 1


def test_csv_goes_to_standard_output(tmp_path, capfdbinary):
    assert points(write_toy(tmp_path / "toy.h5")) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert lines[0].startswith('"id","depth","seed","state"') and len(lines) == 1 + 6


def test_another_ending_is_refused(tmp_path, capsys):
    assert points(write_toy(tmp_path / "toy.h5"), "--output", tmp_path / "points.xlsx") == 2
    assert "points.xlsx: ends in neither .csv nor .parquet" in capsys.readouterr().err


# --- Several files -----------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path):
    """Two files of one sweep: A has failed at its last point, which B has finished."""
    a = write_toy(tmp_path / "a.h5")
    b = write_toy(tmp_path / "b.h5", failed=0)
    return [a, b]


def test_a_point_of_two_files_is_there_once_and_finished(parts):
    joined = points_of(parts)
    assert len(joined.table) == 6 and (joined.table["status"] == 2).all()
    assert joined.source.tolist() == [0, 0, 0, 0, 0, 1] and not joined.conflicts
    assert set(joined.table["conflict"]) == {""}
    assert joined.table["file"].tolist() == [str(parts[k]) for k in joined.source]


def test_other_work_of_other_decks_is_told_apart(parts):
    with h5py.File(parts[0], "r+") as file:
        file.attrs["science"] = '{"model.path": "small", "grid.depth": "1, 2"}'
    with h5py.File(parts[1], "r+") as file:
        file.attrs["science"] = '{"model.path": "large", "grid.depth": "1"}'
        file["stages/key"][...] = [b"f%015x" % k for k in range(len(file["stages/key"]))]
    joined = points_of(parts)
    assert len(joined.table) == 12 and not joined.conflicts
    assert joined.written()["model.path"].value_counts().to_dict() == {"small": 6, "large": 6}
    assert "grid.depth" not in joined.written()


def test_results_that_should_be_equal_and_are_not_are_named(parts, capsys, tmp_path):
    with h5py.File(parts[1], "r+") as file:
        file["points/height"][1] = 0.75
        file["points/digging"][0] = 9.0  # a time may differ
    assert points(*parts, "--output", tmp_path / "points.csv") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "point 'depth-1-s2' is the same work (stage 0000000000000002)" in line
    assert "height is 0.25 and 0.75; the first is kept" in line
    assert str(parts[0]) in line and str(parts[1]) in line
    rows = pd.read_csv(tmp_path / "points.csv", keep_default_na=False)
    marked = ["", f"other results in {parts[1]}", "", "", "", ""]
    assert rows["conflict"].tolist() == marked and rows["height"][1] == 0.25


def test_other_work_on_equal_axes_is_named(parts):
    with h5py.File(parts[1], "r+") as file:
        file["stages/key"][6] = b"f" * 16
    joined = points_of(parts)
    assert len(joined.table) == 7
    (conflict,) = joined.conflicts
    assert "point 'depth-2-s3' is equal on every axis" in conflict
    assert "(stages 0000000000000006 and ffffffffffffffff)" in conflict
    table = joined.written()
    marked = table[table["conflict"] != ""]
    assert marked["id"].tolist() == ["depth-2-s3"] * 2
    assert marked["conflict"].tolist() == [f"other work in {parts[k]}" for k in (1, 0)]


def test_many_conflicts_are_counted(parts):
    with h5py.File(parts[1], "r+") as file:
        file["stages/key"][...] = [b"f%015x" % k for k in range(len(file["stages/key"]))]
    conflicts = points_of(parts).conflicts
    assert len(conflicts) == 6 and conflicts[-1] == "... and 1 more such conflicts."


def test_an_axis_of_one_file_alone_is_empty_in_the_others(parts):
    with h5py.File(parts[0], "r+") as file:
        for name, values in (("rate", [0.5] * 6), ("kind", [b"new"] * 6), ("size", [3] * 6)):
            file[f"points/{name}"] = values
            file[f"points/{name}"].attrs["role"] = "axis"
    last = points_of(parts).table.iloc[-1]
    assert pd.isna(last["rate"]) and last["kind"] == "" and last["size"] == -1


def test_files_that_are_no_parts_of_one_study_are_refused(parts, capsys):
    with h5py.File(parts[1], "r+") as file:
        file.attrs["study"] = "other"
    assert points(*parts) == 2
    assert "only files of one study are joined" in capsys.readouterr().err
    assert points(parts[0], parts[0]) == 2
    assert "a.h5 is given twice" in capsys.readouterr().err
