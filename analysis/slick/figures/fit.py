"""Figures 1 and 6/7: how fast each part of D is fitted, and dev accuracy, at X = 50 % Unknown."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import style
from .. import published
from ..labels import CATEGORIES
from ..quantities import LONG, LabelledPart
from . import COLOUR


def known_and_unknown(part: LabelledPart) -> Figure:
    """Figure 1: train accuracy of the Known and Unknown parts (top), dev accuracy (bottom)."""
    return _figure(part, ("known", "unknown"), "figure 1", reference=True)


def by_category(part: LabelledPart) -> Figure:
    """Figure 6 (v1), 7 (v3): figure 1 with the three Known categories apart."""
    return _figure(part, CATEGORIES, "figure 7", reference=False)


def _figure(part: LabelledPart, names: tuple[str, ...], what: str, reference: bool) -> Figure:
    ratio, points = part.half(what)
    dev = 100 * part.curve("accuracy_dev", points, what)
    stop = part.column("epoch_early_stop", points, what)
    figure, (top, bottom) = style.panels(
        rows=2, width=5.6, height=2.2, sharex=True, height_ratios=[1.25, 1]
    )
    for name in names:
        curve = 100 * part.curve(f"fitted_{name}", points, what)
        style.mean_line(top, part.epochs, curve, COLOUR[name], label=LONG[name])
    mean = style.mean_line(bottom, part.epochs, dev, style.BLACK, label="dev")
    if reference:
        _published(top, bottom, float(np.nanmax(mean)))
    _zoom(bottom, part.epochs, mean)
    _early_stop(top, bottom, stop)

    top.set_ylabel("Fitted training\nexamples (%)")
    top.set_ylim(-2, 102)
    top.set_title(
        f"{100 * ratio:g} % Unknown, {len(points)} seed{'s' * (len(points) > 1)}", loc="left"
    )
    style.legend_right(top)
    bottom.set_ylabel("Dev accuracy (%)")
    bottom.set_xlabel("Epoch")
    bottom.set_xlim(0, part.epochs[-1])
    return figure


def _published(top: Axes, bottom: Axes, best: float) -> None:
    """The paper's curves; its dev accuracy is shifted to our maximum, so that shapes compare."""
    for name, values in (
        ("known", published.FIG1_FITTED_KNOWN),
        ("unknown", published.FIG1_FITTED_UNKNOWN),
    ):
        top.plot(
            published.FIG1_EPOCH,
            values,
            color=COLOUR[name],
            label=f"{LONG[name]}, published",
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
