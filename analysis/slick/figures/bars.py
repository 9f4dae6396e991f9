"""Figure 4: which part of D is fitted at early stop, as stacked bars a ratio."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ... import style
from .. import published
from ..quantities import LabelledPart, fitted_share


def fitted_at_early_stop(part: LabelledPart) -> Figure:
    """Shares of |D|: Known fitted, Known not fitted, Unknown fitted, Unknown not fitted."""
    what = "figure 4"
    points = part.ratios()
    share = fitted_share(part, points, what)
    stop = part.column("epoch_early_stop", points, what).astype(int)
    at = np.clip(np.searchsorted(part.epochs, stop), 0, len(part.epochs) - 1)
    run = np.arange(len(points))
    ratios = np.unique(points["unknown_ratio"])

    figure, axes = style.panels(width=5.2, height=0.42 * len(ratios) + 1.1)
    for y, ratio in enumerate(ratios):
        chosen = (points["unknown_ratio"] == ratio).to_numpy()
        known, unknown = (
            100 * share[name][run, at][chosen].mean() for name in ("known", "unknown")
        )
        exact = (points["n_train_unknown"] / points["n_train"])[chosen].mean()  # X after rounding
        _bar(axes, y - 0.1, 0.5, exact, known, unknown, alpha=1.0)
        if ratio in published.FIG4:
            _bar(axes, y + 0.3, 0.18, ratio, *published.FIG4[ratio], alpha=0.45)
    axes.set_yticks(range(len(ratios)), [f"{100 * r:g}" for r in ratios])
    axes.set_ylim(len(ratios) - 0.5, -0.5)
    axes.set_ylabel("Unknown examples in $D$ (%)")
    axes.set_xlabel("Share of $D$ at early stop (%)")
    axes.set_xlim(0, 100)
    handles = [
        Patch(facecolor=style.BLUE, label="Known, fitted"),
        Patch(facecolor=_tint(style.BLUE), label="Known, not fitted"),
        Patch(facecolor=style.VERMILLION, label="Unknown, fitted"),
        Patch(facecolor=_tint(style.VERMILLION), label="Unknown, not fitted"),
        Patch(facecolor=style.GREY, alpha=0.45, label="thin bar: published"),
    ]
    style.legend_right(axes, handles=handles)
    return figure


def _tint(colour: str) -> tuple[float, ...]:
    """The colour thinned with white: the part that is not fitted."""
    value = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return tuple(value * 0.25 + 0.75)


def _bar(
    axes, y: float, height: float, ratio: float, known: float, unknown: float, alpha: float
) -> None:
    left = 0.0
    for width, colour in (
        (known, style.BLUE),
        (100 * (1 - ratio) - known, _tint(style.BLUE)),
        (unknown, style.VERMILLION),
        (100 * ratio - unknown, _tint(style.VERMILLION)),
    ):
        axes.barh(y, width, height, left=left, color=colour, alpha=alpha, linewidth=0)
        left += width
