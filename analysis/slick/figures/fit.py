"""Figures 1 and 6/7: how fast each part of D is fitted, and dev accuracy, at X = 50 % Unknown."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import style
from ...statistics import mean_columns
from .. import published
from ..quantities import CATEGORIES, LONG, Setting


def known_and_unknown(setting: Setting) -> Figure:
    """Figure 1: train accuracy of the Known and Unknown parts (top), dev accuracy (bottom)."""
    return _figure(setting, ("known", "unknown"), "figure 1", reference=True)


def by_category(setting: Setting) -> Figure:
    """Figure 6 (v1), 7 (v3): figure 1 with the three Known categories apart."""
    return _figure(setting, CATEGORIES, "figure 7", reference=False)


def _figure(setting: Setting, parts: tuple[str, ...], what: str, reference: bool) -> Figure:
    ratio, points = setting.half(what)
    dev = 100 * setting.curve("accuracy_dev", points, what)
    stop = setting.column("epoch_early_stop", points, what)
    figure, (top, bottom) = style.panels(
        rows=2, width=5.6, height=2.2, sharex=True, height_ratios=[1.25, 1]
    )
    for part in parts:
        curve = 100 * setting.curve(f"fitted_{part}", points, what)
        colour = style.COLOUR[part]
        mean, half = mean_columns(curve)
        top.plot(setting.epochs, mean, color=colour, label=LONG[part])
        style.band(top, setting.epochs, mean, half, colour)
    mean, half = mean_columns(dev)
    bottom.plot(setting.epochs, mean, color=style.BLACK, label="dev")
    style.band(bottom, setting.epochs, mean, half, style.BLACK)
    if reference:
        _published(top, bottom, setting, float(np.nanmax(mean)))
    _zoom(bottom, setting.epochs, mean)
    _early_stop(top, bottom, stop)

    top.set_ylabel("Fitted training\nexamples (%)")
    top.set_ylim(-2, 102)
    top.set_title(
        f"{100 * ratio:g} % Unknown, {len(points)} seed{'s' * (len(points) > 1)}", loc="left"
    )
    style.legend_right(top)
    bottom.set_ylabel("Dev accuracy (%)")
    bottom.set_xlabel("Epoch")
    bottom.set_xlim(0, setting.epochs[-1])
    return figure


def _published(top: Axes, bottom: Axes, setting: Setting, best: float) -> None:
    """The paper's curves; its dev accuracy is shifted to our maximum, so that shapes compare."""
    for part, values in (
        ("known", published.FIG1_FITTED_KNOWN),
        ("unknown", published.FIG1_FITTED_UNKNOWN),
    ):
        top.plot(
            published.FIG1_EPOCH,
            values,
            color=style.COLOUR[part],
            label=f"{LONG[part]}, published",
            **style.PUBLISHED,
        )
    epoch, dev = np.array(published.FIG1_DEV).T
    bottom.plot(
        epoch,
        dev - dev.max() + best,
        color=style.BLACK,
        label="published, shifted to our maximum",
        **style.PUBLISHED,
    )
    bottom.legend(loc="best")


def _zoom(axes: Axes, epochs: np.ndarray, mean: np.ndarray) -> None:
    """y limits around the trained epochs: the untrained model may lie far off."""
    trained = mean[(epochs > 0) & np.isfinite(mean)]
    if len(trained):
        # The first epochs may still be rising from the base model; the story is around the peak.
        low = np.percentile(trained, 4)
        margin = max(0.12 * (trained.max() - low), 0.5)
        axes.set_ylim(low - 2 * margin, trained.max() + 2 * margin)


def _early_stop(top: Axes, bottom: Axes, stop: np.ndarray) -> None:
    stop = stop[stop >= 0]
    if not len(stop):
        return
    for axes in (top, bottom):
        axes.axvline(np.median(stop), color=style.GREY, linestyle=":", linewidth=1.1)
        if stop.min() < stop.max():
            axes.axvspan(stop.min(), stop.max(), color=style.GREY, alpha=0.12, linewidth=0)
    top.annotate(
        "early stop",
        (np.median(stop), 50),
        xytext=(3, 0),
        textcoords="offset points",
        color=style.GREY,
        fontsize=7,
        rotation=90,
        va="center",
    )
