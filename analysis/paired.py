"""Points of two sweeps, paired by their axes: by how much do they differ, by method and axis?

Points that one sweep has copied from the other (run.reuse) are marked. They agree by construction
and tell nothing of another run, so no mean and no interval has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .statistics import mean_of_clusters
from .store import StoreError
from .sweep import Sweep
from .table import NONE, Table, number

RUNS = ("draw", "seed")  # axes whose values would be others in another study; -1: nothing is drawn
METHODS = ("method", "variant")  # axes within which the others are shown
COPIED = "copied"


def joined(a: Sweep, b: Sweep) -> pd.DataFrame:
    """Points finished in both files, joined by their axes; columns `NAME_a`, `NAME_b`, `copied`."""
    axes = [axis for axis in a.axes if axis in b.axes]
    sides = []
    for sweep in (a, b):
        done = sweep.done.assign(row=sweep.done.index)
        # NaN does not equal itself; as text the axes join, and -0.0 does not come from a deck.
        done["key"] = [repr(tuple(values)) for values in done[axes].astype(object).to_numpy()]
        if done["key"].duplicated().any():
            raise StoreError(f"{sweep.path}: two points have equal values on {', '.join(axes)}.")
        sides.append(done.assign(**_work(sweep, done)))
    points = sides[0].merge(sides[1], on="key", suffixes=("_a", "_b"))
    points[COPIED] = _copied(points, numeric_metrics(a, b))
    return points


def _work(sweep: Sweep, points: pd.DataFrame) -> dict[str, np.ndarray]:
    """Key of the stage that a point ends with, and how long it took."""
    if "stage" not in points:
        return {"work": np.full(len(points), ""), "took": np.full(len(points), np.nan)}
    stages = sweep.stages.iloc[points["stage"].to_numpy()]
    return {"work": stages["key"].to_numpy(), "took": stages["seconds"].to_numpy(float)}


def _copied(points: pd.DataFrame, metrics: list[str]) -> np.ndarray:
    """Equal work with equal results that took equally long, to the last bit: it was done once."""
    same = (points["work_a"] == points["work_b"]) & (points["took_a"] == points["took_b"])
    for name in metrics:
        one, other = points[f"{name}_a"], points[f"{name}_b"]
        same &= (one == other) | (one.isna() & other.isna())
    return same.to_numpy(bool)


def numeric_metrics(a: Sweep, b: Sweep) -> list[str]:
    """Metrics of both sweeps that are numbers."""
    both = [name for name in a.metrics if name in b.metrics]
    kinds = pd.api.types.is_numeric_dtype
    return [n for n in both if kinds(a.points[n]) and kinds(b.points[n])]


# --- By method and axis ------------------------------------------------------------------------


def by_axis(a: Sweep, b: Sweep, points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean difference of a metric, with limits over runs: of all points, methods and their axes.

    One row a group: method, axis, value, points, copied, runs, mean_a, mean_b, difference, low,
    high.
    """
    axes = [axis for axis in a.axes if axis in b.axes]
    shares = a.units.get(metric) == "fraction"
    bounds = (-1.0, 1.0) if shares else (-np.inf, np.inf)
    rows = []
    for method, axis, value, chosen in _groups(points, axes):
        row = {"method": method, "axis": axis, "value": value, "points": len(chosen)}
        rows.append(row | _difference(chosen, metric, axes, bounds))
    return pd.DataFrame(rows)


def _groups(
    points: pd.DataFrame, axes: list[str]
) -> Iterator[tuple[str, str, object, pd.DataFrame]]:
    """All points, those of each method, and of these those of each value of an axis that varies."""
    yield "", "", "", points
    by = next((axis for axis in METHODS if axis in axes), None)
    methods = points.groupby(f"{by}_a", sort=False) if by else [("", points)]
    for method, chosen in methods:
        if by:
            yield method, "", "", chosen
        for axis in axes:
            if axis in (by, *RUNS) or chosen[f"{axis}_a"].nunique(dropna=False) < 2:
                continue
            for value, group in chosen.groupby(f"{axis}_a", dropna=False, sort=True):
                yield method, axis, value, group


def _difference(
    chosen: pd.DataFrame, metric: str, axes: list[str], bounds: tuple[float, float]
) -> dict[str, float]:
    """Of the points that were not copied."""
    own = chosen[~chosen[COPIED]]
    first, second = (own[f"{metric}_{side}"].to_numpy(float) for side in "ab")
    known = np.isfinite(second - first)
    first, second = first[known], second[known]
    runs = _runs(own[known], axes)
    found = mean_of_clusters(second - first, runs, *bounds)
    return {
        COPIED: int(chosen[COPIED].sum()),
        "runs": len(set(runs)),
        "mean_a": first.mean() if len(first) else np.nan,
        "mean_b": second.mean() if len(second) else np.nan,
        "difference": found.value,
        "low": found.low,
        "high": found.high,
    }


def _runs(points: pd.DataFrame, axes: list[str]) -> np.ndarray:
    """What limits are over: the draws of shots, or the seeds where there is one draw.

    All points are of one run, so that there are no limits, where nothing is drawn for some of them.
    """
    for axis in [axis for axis in RUNS if axis in axes]:
        values = points[f"{axis}_a"].to_numpy()
        if len(set(values)) > 1:
            return values if values.min() >= 0 else np.zeros(len(values), int)
    return np.zeros(len(points), int)


def axis_table(rows: pd.DataFrame, metric: str) -> Table:
    """by_axis() to be read."""
    table = Table("by_axis", f"{metric}: B - A by method and axis, 95 % limits over runs")
    for row in rows.itertuples():
        shown = [number(x, 4) for x in (row.mean_a, row.mean_b)]
        limits = [number(x, 4, "+") for x in (row.difference, row.low, row.high)]
        value = NONE if pd.isna(row.value) else row.value
        what = "  ".join(filter(None, (row.method, row.axis and f"{row.axis} {value}")))
        table.row(
            ("points", what or "all"),
            ("joined", str(row.points)),
            (COPIED, str(row.copied)),
            ("runs", str(row.runs)),
            ("mean A", shown[0]),
            ("mean B", shown[1]),
            ("B - A", limits[0]),
            ("limits", f"[{limits[1]}, {limits[2]}]" if limits[1] != NONE else NONE),
        )
    if rows[COPIED].any():
        table.notes.append("Copied points are in no mean: they agree by construction.")
    return table


# --- Files -------------------------------------------------------------------------------------


def write_pairs(a: Sweep, b: Sweep, points: pd.DataFrame, path: Path) -> None:
    """One row a joined point: its axes, whether it was copied, and each metric on both sides."""
    axes = [axis for axis in a.axes if axis in b.axes]
    columns = {"id": points["id_a"], **{axis: points[f"{axis}_a"] for axis in axes}}
    columns[COPIED] = points[COPIED]
    for name in numeric_metrics(a, b):
        one, other = (points[f"{name}_{side}"] for side in "ab")
        columns |= {f"{name}_a": one, f"{name}_b": other, f"{name}_difference": other - one}
    pd.DataFrame(columns).to_csv(path, index=False)


def write_by_axis(a: Sweep, b: Sweep, points: pd.DataFrame, path: Path) -> None:
    """by_axis() of every metric."""
    tables = [by_axis(a, b, points, n).assign(metric=n) for n in numeric_metrics(a, b)]
    if tables:
        table = pd.concat(tables, ignore_index=True)
        table[["metric", *table.columns.drop("metric")]].to_csv(path, index=False)
