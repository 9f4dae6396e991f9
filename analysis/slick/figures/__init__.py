"""Figures of the SliCK study, and what they share: colours and the axis of unknown ratios."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from ... import style

COLOUR = {
    "known": style.BLUE,
    "highly_known": style.BLUE,
    "maybe_known": style.SKY,
    "weakly_known": style.GREEN,
    "unknown": style.VERMILLION,
    "early_stop": style.PURPLE,
    "final": style.BLACK,
}
MARKER = {"early_stop": "o", "final": "s"}


def ratio_axis(axes: Axes, ratios: np.ndarray) -> None:
    """x axis of unknown ratios in percent, one tick a ratio of the sweep."""
    axes.xaxis.set_major_locator(FixedLocator(100 * np.asarray(ratios)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("Unknown examples in $D$ (%)")
