"""Figures of `deltas`: norm, effective rank and cosine by layer, a line a matrix; and the section
of a report that shows them, where the run has kept weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import style
from .deltas import COSINES, DELTAS, opened, weights_path, write_tables
from .drawn import tell_caption
from .html import Section
from .store import StoreError
from .sweep import Sweep
from .table import Table, number
from .weights import Matrix
from .writer import Writer

MOST_WORK = 3e11  # multiplications that a report spends on deltas: some ten seconds of a core

_PANELS = {
    "norm": "Norm of the delta",
    "effective_rank": "Effective rank",
    "cosine": "Cosine between points",
}
_TOLD = {
    "norm": "Frobenius norm",
    "effective_rank": "effective rank",
    "cosine": "cosine between points",
}
_TENSORS = {"full": "whole models", "lora": "LoRA adapters", "mixture": "experts of mixtures"}


def draw(means: pd.DataFrame, folder: Path) -> list[Path]:
    """One figure for each kind of tensors, as PNG and PDF; returns the PNGs. `means`: one row a
    matrix, means over points.
    """
    made = []
    for tensors, rows in _by_tensors(means):
        drawn = figure(rows)
        made.append(style.save(drawn, folder / f"deltas_{tensors}.png"))
        plt.close(drawn)
    return made


def _by_tensors(means: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Of matrices in layers; the early-stopped where no final are."""
    for tensors, rows in means[means["layer"] >= 0].groupby("tensors"):
        when = "final" if (rows["when"] == "final").any() else "early_stop"
        yield tensors, rows[rows["when"] == when]


def figure(rows: pd.DataFrame) -> Figure:
    shown = [name for name in _PANELS if rows[name].notna().any()]
    drawn, panels = style.panels(len(shown), squeeze=False, width=3.0)
    colours = style.colours(list(rows["matrix"].unique()), {})
    for axes, letter, column in zip(panels.flat, "abc", shown, strict=False):
        for name, of_layer in rows.groupby("matrix", sort=False):
            line = of_layer.groupby("layer")[column].mean()  # over the experts of a mixture
            axes.plot(line.index, line, "o-", markersize=3, color=colours[name], label=name)
        style.whole_axis(axes, "Layer")
        axes.set_ylabel(_PANELS[column])
        style.panel_title(
            axes, letter, "mean over pairs" if column == "cosine" else "mean over points"
        )
    style.legend_below(drawn, style.in_order(panels.flat[0]))
    tensors, when = rows["tensors"].iloc[0], rows["when"].iloc[0].replace("_", " ")
    told = ", ".join(_TOLD[name] for name in shown)
    caption = f"{told} of what trainings changed in each matrix."
    tell_caption(drawn, [f"Deltas, {_TENSORS[tensors]} ({when}): {caption}"])
    return drawn


# --- In a report -------------------------------------------------------------------------------


def section(sweep: Sweep, writer: Writer) -> Section:
    """Without parts where the run has kept no deltas."""
    found = Section("What trainings changed")
    if not weights_path(sweep.path).is_file():
        return found
    try:
        with opened(sweep.path) as (matrices, stages):
            if matrices:
                _show(matrices, stages, found, writer)
    except (StoreError, OSError) as error:  # OSError: of a file that is being written
        writer.leave_out(f"figures of deltas: {error}")
    return found


def _show(matrices: list[Matrix], stages: pd.DataFrame, found: Section, writer: Writer) -> None:
    """As much as a report has time for."""
    command = "factsweep-report deltas makes them"
    for pairs, ranks, missing in (
        ("all", True, ""),
        ("all", False, "effective ranks"),
        ("none", False, "cosines and effective ranks"),
    ):
        if sum(matrix.work(pairs == "all", ranks) for matrix in matrices) <= MOST_WORK:
            break
    else:
        writer.leave_out(f"figures of deltas, as there are too many for a report: {command}")
        return
    if missing:
        writer.leave_out(f"{missing} of deltas, as these are too many for a report: {command}")
    names = (DELTAS, COSINES)[: 2 if pairs == "all" else 1]
    tables = [writer.written.path(name) for name in names]
    cosines = writer.folder / COSINES
    means = write_tables(matrices, stages, tables[0], cosines, pairs, ranks)
    drawings = {f"deltas_{t}": lambda rows=rows: figure(rows) for t, rows in _by_tensors(means)}
    writer.figures(found, drawings)
    writer.table(found, _table, means, names, show=None)


def _table(means: pd.DataFrame, names: tuple[str, ...]) -> Table:
    table = Table("deltas_by_matrix", "Deltas by matrix, means over layers and points")
    table.notes = [f"Of each matrix, layer and point: {' and '.join(names)} beside this page."]
    for (tensors, when, matrix), rows in means.groupby(["tensors", "when", "matrix"], sort=False):
        table.row(
            ("tensors", tensors),
            ("when", when),
            ("matrix", matrix),
            ("layers", number(rows["layer"].nunique(), 0)),
            *((name.replace("_", " "), number(rows[name].mean(), 4)) for name in _PANELS),
        )
    return table
