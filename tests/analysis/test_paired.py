"""`compare` by method and axis: limits over runs, and points that were copied."""

import h5py
import numpy as np
import pandas as pd
import pytest
import synthetic_kshot
from reports import compare

from analysis.paired import by_axis, joined
from analysis.statistics import mean, mean_of_clusters
from analysis.sweep import read

WORLD = synthetic_kshot.World(
    methods=("base", "uniform", "ours"), axes=("top_k", "budget"), examples=40, weights=False
)


def test_clusters_of_one_size_have_the_limits_of_their_means():
    values = np.random.default_rng(0).normal(size=(4, 5))
    found = mean_of_clusters(values.ravel(), np.repeat(list("abcd"), 5), -0.2, 0.3)
    expected = mean(values.mean(axis=1), -0.2, 0.3)
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_clusters_may_differ_in_size_and_lack_values():
    found = mean_of_clusters(np.array([1.0, 3, 2, np.nan]), np.array([1, 1, 2, 2]))
    assert found.value == 2.0 and found.low == found.high == 2.0  # both clusters have this mean
    assert np.isnan(mean_of_clusters(np.array([1.0, 2.0]), np.array([1, 1])).low)
    assert np.isnan(mean_of_clusters(np.array([]), np.array([])).value)


@pytest.fixture
def pair(tmp_path):
    """B is 0.1 better than A at k = 1, 0.2 times the draw better at budget 0, and else equal.

    Its stages took longer, so that nothing was copied but the points of `uniform`.
    """
    paths = [synthetic_kshot.write(tmp_path / f"{n}.h5", WORLD) for n in "ab"]
    with h5py.File(paths[1], "r+") as file:
        points = file["points"]
        method = points["method"].asstr()[()]
        better = (
            0.1 * (points["top_k"][()] == 1)
            + 0.2 * (points["budget"][()] == 50) * points["draw"][()]
        )
        points["accuracy"][...] = points["accuracy"][()] + better
        took = file["stages/seconds"][()]
        took[points["stage"][()]] += method != "uniform"
        file["stages/seconds"][...] = took
    return paths


def row(rows, method="", axis="", value=""):
    (found,) = [
        r for r in rows.itertuples() if (r.method, r.axis, r.value) == (method, axis, value)
    ]
    return found


def test_differences_are_by_method_and_axis_with_limits_over_draws(pair):
    a, b = map(read, pair)
    rows = by_axis(a, b, joined(a, b), "accuracy")
    few = row(rows, "ours", "top_k", 1)
    assert few.points == 2 * 3 * 2 and few.runs == 3
    assert few.difference == pytest.approx(0.1) and np.isnan([few.low, few.high]).all()  # in all
    small = row(rows, "ours", "budget", 50)
    expected = mean([0.2, 0.4, 0.6])
    assert (small.difference, small.low, small.high) == pytest.approx(
        (0.4, expected.low, expected.high)
    )
    assert row(rows, "ours", "budget", 200).difference == pytest.approx(0)
    assert row(rows, "ours").points == 4 * 12
    base = row(rows, "base")  # nothing is drawn
    assert base.points == 2 and base.difference == 0 and np.isnan(base.low)
    assert np.isnan(row(rows).low)  # nor is it for all points


def test_copied_points_are_marked_and_in_no_mean(pair, capsys):
    a, b = map(read, pair)
    points = joined(a, b)
    assert set(points["method_a"][points["copied"]]) == {"uniform"}
    rows = by_axis(a, b, points, "accuracy")
    uniform = row(rows, "uniform")
    assert uniform.copied == uniform.points == 6 and np.isnan(uniform.difference)
    assert row(rows).copied == 6
    assert compare(pair) == 1
    printed = capsys.readouterr().out
    assert "56 points finished in both (A: 56, B: 56), 6 of them copied" in printed
    assert "Copied points are in no mean" in printed


def test_equal_work_that_was_done_twice_is_not_copied(pair):
    """The keys are equal, the times are not."""
    a, b = map(read, pair)
    points = joined(a, b)
    assert (points["work_a"] == points["work_b"]).all() and points["copied"].sum() == 6


def test_tables_are_written_beside_the_figure(pair, tmp_path):
    assert compare(pair, "--figure", str(tmp_path / "both.png")) == 1
    pairs = pd.read_csv(tmp_path / "both_points.csv")
    assert len(pairs) == 56 and pairs["copied"].sum() == 6
    difference = pairs["accuracy_b"] - pairs["accuracy_a"]
    np.testing.assert_allclose(pairs["accuracy_difference"], difference)
    rows = pd.read_csv(tmp_path / "both.csv")
    assert {"accuracy", "selected_data"} <= set(rows["metric"])
    few = rows[(rows["metric"] == "accuracy") & (rows["axis"] == "top_k") & (rows["value"] == "1")]
    assert few["difference"].tolist() == pytest.approx([0.1])


def test_a_metric_is_chosen_by_name(pair, capsys):
    assert compare(pair, "--no-figure", "--metric", "selected_data") == 1
    assert "selected_data: B - A by method and axis" in capsys.readouterr().out
    assert not list(pair[0].parent.glob("*.csv"))
    assert compare(pair, "--no-figure", "--metric", "accurracy") == 2
    assert "'accurracy': no number of that name" in capsys.readouterr().err
