"""`compare A B`: are all results bit-identical, and by how much does every metric differ?

Points are paired by the values of their axes (paired.py). Left out of the verdict: what depends on
the run and not on the deck (times, ranks, where files lie, and the root attributes).
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from .paired import COPIED, axis_table, by_axis, joined, numeric_metrics, write_by_axis, write_pairs
from .store import RESULTS, WEIGHTS, StoreError, open_file, text
from .sweep import TIME, Sweep, read
from .table import NONE, Table

# Datasets, whatever their group: of the run, sums that are also of its seconds, and paths.
NOT_RESULTS = {
    *("seconds", "rank", "memory_bytes", "peak_bytes", "checksum", "weights_checksum"),
    *("place", "base_model"),
}
_SLICE_BYTES = 1 << 26


def compare(a: Path, b: Path, figure: Path | None, metric: str | None = None) -> bool:
    """Prints the comparison; True when the files are identical.

    Where they differ, it is drawn as `figure`, and tables are written beside it; None: neither.
    `metric`: what the table by method and axis shows; None: the first that differs.
    """
    with open_file(a, (RESULTS, WEIGHTS)) as first, open_file(b, (RESULTS, WEIGHTS)) as second:
        kinds = [text(f.attrs["filetype"]) for f in (first, second)]
        if kinds[0] != kinds[1]:
            raise StoreError(
                f"{a} holds {kinds[0]}, {b} {kinds[1]}: two files of one kind are needed."
            )
        names = [text(f.attrs.get("study", "")) for f in (first, second)]
        if names[0] != names[1]:
            raise StoreError(f"{a} holds study '{names[0]}', {b} '{names[1]}': nothing to compare.")
        science = science_differences(first, second)
        differing = differing_datasets(first, second)
        count = len(_datasets(first))
    for line in science:
        print(f"deck differs: {line}")
    if not differing:
        print(f"identical: all {count} datasets that hold results are equal to the last bit")
        return True
    print(f"different: {len(differing)} datasets, the first {differing[0]}")
    if kinds[0] == RESULTS:
        _differences(read(a), read(b), figure, metric)
    return False


def science_differences(first: h5py.File, second: h5py.File) -> list[str]:
    """Keys of the `science` attribute (the deck's keys that decide results) with unequal values."""
    found = []
    a, b = (json.loads(text(f.attrs.get("science", "{}"))) for f in (first, second))
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) != b.get(key):
            found.append(f"{key} = {a.get(key, 'absent')} in A, {b.get(key, 'absent')} in B")
    return found


def _datasets(file: h5py.File) -> list[str]:
    """Those that hold results: no rank, no time."""
    found: list[str] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and name.rpartition("/")[2] not in NOT_RESULTS:
            if text(item.attrs.get("role", "")) != TIME:
                found.append(name)

    file.visititems(visit)
    return sorted(found)


def differing_datasets(first: h5py.File, second: h5py.File) -> list[str]:
    """One line a dataset that only one file has, or that differs in shape, type or any bit."""
    a, b = set(_datasets(first)), set(_datasets(second))
    found = []
    for name in sorted(a | b):
        if name not in b:
            found.append(f"/{name} (only in A)")
        elif name not in a:
            found.append(f"/{name} (only in B)")
        elif reason := _difference(first[name], second[name]):
            found.append(f"/{name} ({reason})")
    return found


def _difference(a: h5py.Dataset, b: h5py.Dataset) -> str:
    """Why two datasets differ; empty when equal to the bit. In slices: weights are large."""
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    texts = [h5py.check_string_dtype(d.dtype) is not None for d in (a, b)]
    if texts[0] != texts[1] or (not texts[0] and a.dtype != b.dtype):
        return f"type {a.dtype} against {b.dtype}"
    row = a.dtype.itemsize * int(np.prod(a.shape[1:])) if a.shape else 1
    step = max(1, _SLICE_BYTES // max(1, row))
    for start in range(0, a.shape[0] if a.shape else 1, step):
        part = slice(start, start + step) if a.shape else ()
        left, right = a[part], b[part]
        if texts[0]:
            unequal = np.atleast_1d(left != right)
        else:
            raw = [
                np.ascontiguousarray(v).view(np.uint8).reshape(np.shape(v) + (-1,))
                for v in (left, right)
            ]
            unequal = np.atleast_1d((raw[0] != raw[1]).any(axis=-1))
        if unequal.any():
            place = np.argwhere(unequal)[0]
            if a.shape:
                place[0] += start
            return f"{int(unequal.sum())} values, the first at {place.tolist()}"
    return ""


# --- Differences of the metrics ----------------------------------------------------------------


def metric_table(a: Sweep, b: Sweep, points: pd.DataFrame) -> Table:
    """Difference B - A of every metric over the joined points."""
    title = f"{len(points)} points finished in both (A: {len(a.done)}, B: {len(b.done)})"
    if copied := int(points[COPIED].sum()):
        title += f", {copied} of them copied, which are left out"
        points = points[~points[COPIED]]
    table = Table("compare", title)
    table.columns = ["metric", "values", "mean A", "mean B", "mean B - A", "largest |B - A|", "at"]
    for name in numeric_metrics(a, b):
        first, second = (points[f"{name}_{side}"].to_numpy(float) for side in "ab")
        table.rows.append(_row(name, first, second, points["id_a"]))
    for name in sorted(a.curves.keys() & b.curves.keys()):
        width = min(a.curves[name].shape[1], b.curves[name].shape[1])
        first = a.curves[name][points["row_a"], :width]
        second = b.curves[name][points["row_b"], :width]
        where = [f"{p} epoch {e}" for p in points["id_a"] for e in a.epochs[:width]]
        table.rows.append(
            _row(f"curve {name}", first.ravel(), second.ravel(), pd.Series(where, dtype=object))
        )
    return table


def _row(name: str, a: np.ndarray, b: np.ndarray, where: pd.Series) -> list[str]:
    difference = np.abs(b - a)
    both = np.isfinite(difference)
    if not both.any():
        return [name, "0", *[NONE] * 4, ""]
    largest = int(np.nanargmax(difference))
    place = str(where.iloc[largest]) if difference[largest] > 0 else ""
    values = [a[both].mean(), b[both].mean(), (b - a)[both].mean(), difference[largest]]
    return [name, str(int(both.sum())), *(f"{value:.6g}" for value in values), place]


def _differences(a: Sweep, b: Sweep, figure: Path | None, metric: str | None) -> None:
    points = joined(a, b)
    if points.empty:
        print("no point is finished in both files with equal values on its axes")
        return
    own = points[~points[COPIED]]
    print(metric_table(a, b, points).text())
    if shown := _shown_metric(a, b, own, metric):
        print("\n" + axis_table(by_axis(a, b, points, shown), shown).text())
    if figure is None:
        return
    pairs, axes = figure.with_name(f"{figure.stem}_points.csv"), figure.with_suffix(".csv")
    write_pairs(a, b, points, pairs)
    write_by_axis(a, b, points, axes)
    print(f"\npaired points: {pairs}\nby method and axis: {axes}")
    if _fractions(a, b) and not own.empty:
        print(f"figure: {_draw(a, b, own, figure)}")
    else:
        print("no share to draw")


def _shown_metric(a: Sweep, b: Sweep, points: pd.DataFrame, metric: str | None) -> str | None:
    """What is asked for, or the first metric that differs, shares first; None: none does."""
    metrics = numeric_metrics(a, b)
    if metric is not None:
        if metric not in metrics:
            raise StoreError(
                f"--metric = '{metric}': no number of that name is among the metrics of both "
                f"files. These are: {', '.join(metrics)}."
            )
        return metric
    shares = _fractions(a, b)
    order = [*shares, *(name for name in metrics if name not in shares)]
    for name in order:
        one, other = (points[f"{name}_{side}"].to_numpy(float) for side in "ab")
        if not np.array_equal(one, other, equal_nan=True):
            return name
    return None


def _fractions(a: Sweep, b: Sweep) -> list[str]:
    """Metrics that are shares of questions, for the figure; the others have no common scale."""
    return [name for name in numeric_metrics(a, b) if a.units.get(name) == "fraction"]


def _draw(a: Sweep, b: Sweep, points: pd.DataFrame, path: Path) -> Path:
    from . import style  # matplotlib is imported only where figures are drawn

    names = _fractions(a, b)
    values = {n: 100 * points[[f"{n}_a", f"{n}_b"]].to_numpy(float) for n in names}
    values = {n: v for n, v in values.items() if np.isfinite(v).all(axis=1).any()}
    figure, (left, right) = style.panels(2, width=4.2, height=max(3.2, 0.17 * len(values) + 1))
    everything = np.concatenate(list(values.values()))
    low, high = np.nanmin(everything), np.nanmax(everything)
    left.plot([low, high], [low, high], color=style.GREY, linewidth=0.8)
    x, y = everything.T
    left.plot(x, y, "o", color=style.BLUE, markersize=3, alpha=0.6, linewidth=0)
    left.set_xlabel(f"A: {a.path.name} (%)")
    left.set_ylabel(f"B: {b.path.name} (%)")
    style.panel_title(left, "a", f"every share of {len(points)} paired points")
    for y, name in enumerate(values):
        row = by_axis(a, b, points, name).iloc[0]
        right.plot([100 * row["low"], 100 * row["high"]], [y, y], color=style.BLUE, linewidth=0.8)
        right.plot(100 * row["difference"], y, "o", color=style.BLUE, markersize=3)
    right.axvline(0, color=style.GREY, linewidth=0.8)
    right.set_yticks(range(len(values)), list(values), fontsize=6.5)
    right.invert_yaxis()
    right.set_xlabel("B minus A (percent points)")
    style.panel_title(right, "b", "mean, 95 % interval over runs")
    figure.savefig(path)
    return path
