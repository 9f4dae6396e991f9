"""Categories against how often a fact occurs in the training corpus of the embedded world."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from ... import style
from ...store import Missing
from ..labels import CATEGORIES, Labels
from ..quantities import LONG
from . import COLOUR

LAST_BIN = 128  # exposures beyond share one open range


def bins() -> list[tuple[float, float]]:
    """0, 1, 2, 3-4, 5-8, ... doubling up to LAST_BIN, then everything above."""
    found: list[tuple[float, float]] = [(0, 0), (1, 1)]
    while found[-1][1] < LAST_BIN:
        found.append((found[-1][1] + 1, 2 * found[-1][1]))
    return [*found, (LAST_BIN + 1, math.inf)]


def _name(low: float, high: float) -> str:
    if math.isinf(high):
        return f"> {low - 1}"
    return f"{low}" if low == high else f"{low}\u2013{high}"


def categories_by_exposure(labels: Labels) -> Figure:
    """Share of each category a range of exposures; numbers of questions above the bars."""
    exposures = labels.needed("exposures", "the exposure curve needs")
    known = (exposures >= 0) & labels.labelled
    if not known.any():
        raise Missing("the exposure curve needs a world that counts its exposures (all are -1)")
    ranges = [
        (low, high)
        for low, high in bins()
        if (known & (exposures >= low) & (exposures <= high)).any()
    ]
    figure, axes = style.panels(width=6.0, height=2.7)
    for x, (low, high) in enumerate(ranges):
        chosen = known & (exposures >= low) & (exposures <= high)
        share = 100 * labels.counts(chosen) / chosen.sum()
        bottom = 0.0
        for name, height in zip(CATEGORIES, share, strict=True):
            axes.bar(
                x,
                height,
                0.8,
                bottom=bottom,
                color=COLOUR[name],
                label=LONG[name] if x == 0 else None,
            )
            bottom += height
        axes.text(
            x, 101, f"{chosen.sum()}", ha="center", va="bottom", fontsize=6.5, color=style.GREY
        )
    axes.set_xticks(range(len(ranges)), [_name(*r) for r in ranges], fontsize=7)
    axes.set_ylim(0, 100)
    axes.set_xlabel("Exposures of the fact in the training corpus")
    axes.set_ylabel("Share of questions (%)")
    style.legend_right(axes, reverse=True)
    return figure
