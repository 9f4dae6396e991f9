"""Figures of `deltas`: norm, effective rank and cosine by layer, a line a matrix."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from . import style

_PANELS = {
    "norm": "Norm of the delta",
    "effective_rank": "Effective rank",
    "cosine": "Cosine between points",
}


def draw(means: pd.DataFrame, folder: Path) -> list[Path]:
    """One figure for each kind of tensors, as PNG and PDF; returns the PNGs.

    `means`: one row a matrix, means over points; the early-stopped are drawn where no final are.
    """
    found = []
    for tensors, rows in means[means["layer"] >= 0].groupby("tensors"):
        when = "final" if (rows["when"] == "final").any() else "early_stop"
        figure = _figure(rows[rows["when"] == when])
        found.append(style.save(figure, folder / f"deltas_{tensors}.png"))
    return found


def _figure(rows: pd.DataFrame) -> Figure:
    shown = [name for name in _PANELS if rows[name].notna().any()]
    figure, panels = style.panels(len(shown), squeeze=False, width=3.0)
    colours = style.colours(list(rows["matrix"].unique()), {})
    for axes, letter, column in zip(panels.flat, "abc", shown, strict=False):
        for name, of_layer in rows.groupby("matrix", sort=False):
            line = of_layer.groupby("layer")[column].mean()  # over the experts of a mixture
            axes.plot(line.index, line, "o-", markersize=3, color=colours[name], label=name)
        style.layer_axis(axes)
        axes.set_ylabel(_PANELS[column])
        style.panel_title(
            axes, letter, "mean over pairs" if column == "cosine" else "mean over points"
        )
    style.legend_below(figure, style.in_order(panels.flat[0]))
    return figure
