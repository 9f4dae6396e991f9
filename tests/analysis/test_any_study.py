"""The shared part of the report, on a study that has no folder in `analysis`."""

import h5py
import numpy as np
import pytest
from reports import compare, csv_rows, report
from results_file import Stage, Writer, begin_points, set_roles, write_root, write_stages

from analysis.__main__ import main
from analysis.report import MOST_ROWS
from analysis.store import Data, Group, Missing
from analysis.sweep import read


def write_toy(path, counts=(2, 3), failed=1):
    """Points of a depth and a seed, found: a height; the last ones have failed."""
    depths, seeds = (np.arange(1, count + 1) for count in counts)
    depth, seed = (axis.ravel() for axis in np.meshgrid(depths, seeds, indexing="ij"))
    n = len(depth)
    done = np.arange(n) < n - failed
    with h5py.File(path, "w") as file:
        write_root(
            file,
            study="toy",
            deck="[run]\nstudy = toy\n[grid]\ndepth = 1, 2\nseed = 1..3\n",
            code_version="0.0-synthetic",
        )
        ids = [f"depth-{d}-s{s}" for d, s in zip(depth, seed, strict=True)]
        writer = begin_points(file, ids, done, "ran out of ground")
        for name, values in (("depth", depth), ("seed", seed), ("stage", 1 + np.arange(n))):
            writer.data(name, values, "point")
        writer.data("seconds", np.where(done, 4.0, np.nan), "point")
        writer.data("rank", np.zeros(n, np.int32), "point")
        writer.data("height", np.where(done, depth / 4, np.nan), "point")
        writer.data("kept", np.where(done, "all", ""), "point")
        writer.data("digging", np.where(done, 3.0, np.nan), "point")  # a time
        set_roles(writer.group, ("depth", "seed"), ("digging",))
        curves = Writer(file.create_group("curves"))
        curves.data("loss", np.ones((n, 4)))
        leaves = [Stage("dig", f"dig {k}", 4.0, bool(done[k]), upstream=(0,)) for k in range(n)]
        write_stages(file, [Stage("survey", "survey", 150.0), *leaves])
    return path


def test_report_shows_what_all_studies_have(tmp_path, capsys):
    folder = report(write_toy(tmp_path / "toy.h5"))
    printed = capsys.readouterr().out
    assert "5 of 6 points finished (5 done, 1 failed)" in printed
    assert "failed: depth-2-s3: ran out of ground" in printed and "3 seeds." in printed
    assert "2.5 min" in printed  # of the survey
    head, *rows = csv_rows(folder, "points")
    run = ["seconds", "digging", "rank", "reason"]
    assert head == ["id", "depth", "seed", "status", "height", "kept", *run]
    assert rows[0] == ["depth-1-s1", "1", "1", "done", "0.25", "all", "4.0", "3.0", "0", ""]
    failed = ["depth-2-s3", "2", "3", "failed", "", "", "", "", "0", "ran out of ground"]
    assert rows[-1] == failed
    assert csv_rows(folder, "times")[1:] == [
        ["survey", "1", "1", "time (s)", "150", "", "", "", ""],
        ["survey", "1", "1", "longest (s)", "150", "", "", "", ""],
        ["dig", "6", "5", "time (s)", "20", "", "", "", ""],
        ["dig", "6", "5", "longest (s)", "4", "", "", "", ""],
    ]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "toy: toy.h5" in page and "ran out of ground" in page and "depth = 1, 2" in page


def test_a_large_sweep_is_shown_in_part_and_written_whole(tmp_path, capsys):
    folder = report(write_toy(tmp_path / "large.h5", counts=(60, 4)))
    assert f"The first {MOST_ROWS}; points.csv has all 240." in capsys.readouterr().out
    assert len(csv_rows(folder, "points")) == 1 + 240


def test_compare_reads_it_too(tmp_path, capsys):
    pair = [write_toy(tmp_path / f"{name}.h5") for name in "ab"]
    assert compare(pair) == 0
    with h5py.File(pair[1], "r+") as file:
        file["points/digging"][0] += 1.0
    assert compare(pair) == 0
    with h5py.File(pair[1], "r+") as file:
        file["points/height"][0] += 0.5
    assert compare(pair, "--no-figure") == 1
    assert "5 points finished in both" in capsys.readouterr().out


class Heights(Group, path="heights"):
    lambda_: Data
    mean: Data


def test_a_group_tells_what_the_file_lacks(tmp_path):
    path = write_toy(tmp_path / "toy.h5")
    with h5py.File(path, "r+") as file:
        file["heights/lambda"] = [0.5]
    sweep = read(path)
    heights = sweep.group(Heights)
    assert heights.needed("lambda_", "figure 1 needs").tolist() == [0.5]
    with pytest.raises(Missing, match="figure 1 needs /heights/mean"):
        heights.needed("mean", "figure 1 needs")


def test_the_graph_is_walked_along_its_edges(tmp_path):
    """0 <- 1 <- 3, 0 <- 2 <- 3, 4 alone."""
    path = write_toy(tmp_path / "toy.h5")
    with h5py.File(path, "r+") as file:
        del file["stages"]
        edges = [(), (0,), (0,), (1, 2), ()]
        write_stages(file, [Stage("dig", "", upstream=needed) for needed in edges])
    graph = read(path).graph
    assert graph.needs(3) == [1, 2] and graph.all_needed(3) == [0, 1, 2]
    assert graph.all_needed(0) == graph.all_needed(4) == []


def test_a_file_of_an_older_layout_is_refused_with_what_to_do(tmp_path, capsys):
    path = write_toy(tmp_path / "old.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["layout_version"] = 1
    assert main(["report", str(path)]) == 2
    assert "layout_version is 1, and this package reads 2: run the sweep again, or use" in (
        capsys.readouterr().err
    )
