"""Figure 5: how well the label Unknown predicts failure after fine-tuning on D_Natural.

A good classifier leaves few right answers among many questions called Unknown. SliCK with 1 to N
exemplar sets is set against thresholds of P(True) (Kadavath et al. 2022).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import style
from ...statistics import mean_columns
from .. import published
from ..quantities import WHEN, LabelledPart, set_knows, unknown_by_sets, verdicts

FEWEST = 20  # questions below a threshold from which the P(True) curve is drawn


def unknown_classifiers(part: LabelledPart) -> Figure:
    what = "figure 5"
    points = part.variant("natural", what)
    knows = set_knows(part, what)
    figure, axes = style.panels(2, width=3.4, height=3.0, sharey=True)
    for panel, when, letter in zip(axes, WHEN, "ab", strict=True):
        runs = [verdicts(part, points.loc[[k]], when, "id", what) for k in points.index]
        _slick(panel, runs, knows)
        _p_true(panel, runs, part.labels.p_true)
        x, y = published.FIG5_CIRCLE[when]
        panel.plot(
            x,
            y,
            "o",
            color=style.GREY,
            markerfacecolor="none",
            markersize=7,
            label="SliCK, 10 sets, published",
        )
        panel.set_xlim(0, 100)
        panel.set_xlabel("Test questions called Unknown (%)")
        style.panel_title(panel, letter, WHEN[when])
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("Accuracy on them after\nfine-tuning on $D_\\mathrm{Natural}$ (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _slick(axes: Axes, runs: list[pd.Series], knows: np.ndarray) -> None:
    """One point an N_ex, the mean over all choices of N_ex of the sets."""
    sets = knows.shape[1]
    share, accuracy = np.zeros(sets), np.zeros((len(runs), sets))
    for n in range(1, sets + 1):
        for k, run in enumerate(runs):
            weight = unknown_by_sets(knows[run.index], n)
            share[n - 1] = 100 * weight.mean()
            total = weight.sum()
            accuracy[k, n - 1] = 100 * (weight @ run.to_numpy()) / total if total > 0 else np.nan
    mean, half = mean_columns(accuracy)
    label = f"SliCK, 1 to {sets} exemplar sets"
    axes.plot(share, mean, color=style.BLUE, marker=".", label=label)
    ends = [0, -1]  # the points between lie too close together for bars
    style.error_bars(
        axes, share[ends], mean[ends], half[ends], color=style.BLUE, marker="", linestyle=""
    )
    axes.plot(share[-1], mean[-1], "o", color=style.BLUE, markersize=7, label=f"SliCK, {sets} sets")
    axes.annotate(
        "1 set",
        (share[0], mean[0]),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=style.BLUE,
        fontsize=7,
    )


def _p_true(axes: Axes, runs: list[pd.Series], p_true: np.ndarray | None) -> None:
    """P(True) < T for every T, the mean over the runs."""
    if p_true is None:
        return
    value = p_true[runs[0].index].astype(float)
    if not np.isfinite(value).all():
        return
    order = np.argsort(value, kind="stable")
    below = np.arange(1, len(order) + 1)
    right = np.mean([run.to_numpy()[order] for run in runs if len(run) == len(order)], axis=0)
    accuracy = 100 * np.cumsum(right) / below
    drawn = below >= min(FEWEST, len(below))
    axes.plot(
        100 * below[drawn] / len(order),
        accuracy[drawn],
        color=style.ORANGE,
        label="P(True) below a threshold",
    )
