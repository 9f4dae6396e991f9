"""Figures 3a, 3b and 8 (OOD): accuracy against the share of Unknown examples in D."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from .. import style
from ..drawn import tell
from ..statistics import Interval, crossed_mean
from ..store import need
from ..sweep import table_of_means
from ..table import alone
from .figures import COLOUR
from .quantities import WHEN, LabelledPart, answers, minus

MARKER = {"early_stop": "o", "final": "s"}
ROLE = {"test": "id", "ood": "ood"}  # of the questions of a test
TEST_NAME = {"test": "Test accuracy (%)", "ood": "OOD test accuracy (%)"}


def by_duration(part: LabelledPart, test: str, what: str) -> Figure:
    """Figures 3a and 8: EARLY_STOP, fixed numbers of epochs, and CONVERGENCE."""
    points = part.ratios()
    ratio = points["unknown_ratio"].to_numpy()
    series = {when: _by_ratio(part, points, ratio, when, ROLE[test], what) for when in WHEN}
    curve = 100 * part.curve(f"accuracy_{test}", points, what)
    fixed = _fixed_epochs(part.epochs)

    changes = all(0.0 in by_ratio and len(by_ratio) > 1 for by_ratio in series.values())
    figure, panels = style.panels(1 + changes, width=3.6, height=3.5, squeeze=False)
    left = panels[0][0]
    _draw(left, _shares(series["early_stop"]), "early_stop", points, label="EARLY_STOP")
    colours = colormaps["cividis"](np.linspace(0.85, 0.25, len(fixed)))
    for epoch, colour in zip(fixed, colours, strict=True):
        values = table_of_means(points["seed"], ratio, curve[:, part.epochs == epoch][:, 0])
        look = {"marker": ".", "markersize": 4, "linewidth": 1}
        look["label"] = f"{epoch} epoch{'s' * (epoch > 1)}"
        (line,) = left.plot(_percent(values), values.mean(), color=colour, **look)
        tell(line, rows=[points.index[ratio == x] for x in values.columns])
    label = f"CONVERGENCE ({part.epochs[-1]})"
    _draw(left, _shares(series["final"]), "final", points, label=label)
    left.set_ylabel(TEST_NAME[test])
    _ratio_axis(left, np.unique(ratio))
    style.panel_title(left, "a", "training duration")
    style.legend_under(left)

    if changes:
        right = panels[0][1]
        _change(part, right, series, points, test)
        _ratio_axis(right, np.unique(ratio))
        style.panel_title(right, "b", "change against 0 % Unknown")
    return figure


ByRatio = dict[float, pd.DataFrame]  # unknown ratio -> [seed, question] of `answers`


def _by_ratio(
    part: LabelledPart, points: pd.DataFrame, ratio: np.ndarray, when: str, role: str, what: str
) -> ByRatio:
    values = np.unique(ratio)
    return {x: answers(part, points[ratio == x], when, role, what) for x in values}


def _fixed_epochs(epochs: np.ndarray) -> list[int]:
    """About five epochs spread over the run, the last one (CONVERGENCE) left out."""
    last = int(epochs[-1])
    return sorted({round(last * k / 5) for k in range(1, 5)} - {0, last})


def _percent(values: pd.DataFrame) -> np.ndarray:
    """The unknown ratios of the columns."""
    return 100 * values.columns.to_numpy(dtype=float)


def _draw(
    axes: Axes, found: dict[float, Interval], when: str, points: pd.DataFrame, **keywords
) -> None:
    """Values and limits by unknown ratio, of these points."""
    look = {"color": COLOUR[when], "marker": MARKER[when], "markersize": 4}
    ratios = [100 * ratio for ratio in found]
    rows = [points.index[points["unknown_ratio"] == ratio] for ratio in found]
    style.interval_bars(axes, ratios, list(found.values()), rows, **look, **keywords)


def _shares(by_ratio: ByRatio) -> dict[float, Interval]:
    return {ratio: crossed_mean(found).share for ratio, found in by_ratio.items()}


def _differences(first: ByRatio, second: ByRatio) -> dict[float, Interval]:
    """At the ratios, seeds and questions that both have."""
    found = {x: crossed_mean(minus(first[x], second[x])).interval for x in first if x in second}
    return {x: difference for x, difference in found.items() if np.isfinite(difference.value)}


def _published(part: LabelledPart, name: str, when: str) -> dict[float, float]:
    """Unknown ratio -> accuracy, of a table of the paper; empty where it is not to be shown."""
    return {float(ratio): row[when][0] for ratio, row in part.published(name).items()}


def _draw_published(axes: Axes, curve: dict[float, float], when: str) -> None:
    if not curve:
        return
    look = {"color": COLOUR[when], "label": f"{WHEN[when]}, published", **style.PUBLISHED}
    axes.plot([100 * ratio for ratio in curve], list(curve.values()), **look)


def _ratio_axis(axes: Axes, ratios: np.ndarray) -> None:
    """x axis of unknown ratios in percent, one tick a ratio of the sweep; of ratios that are too
    close for their numbers the first has one.
    """
    percent, told = 100 * np.asarray(ratios), []
    for value in percent:
        if not told or value - told[-1] >= 8:
            told.append(value)
    axes.xaxis.set_major_locator(FixedLocator(told))
    axes.xaxis.set_minor_locator(FixedLocator(percent))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("Unknown examples in $D$ (%)")


def _change(
    part: LabelledPart, axes: Axes, series: dict[str, ByRatio], points: pd.DataFrame, test: str
) -> None:
    """Differences to X = 0 % of the same seed and question, beside the published ones."""
    for when, by_ratio in series.items():
        none = dict.fromkeys(by_ratio, by_ratio[0.0])
        change = _differences(by_ratio, none) | {0.0: alone(0.0)}  # by construction
        _draw(axes, change, when, points, label=WHEN[when])
        if test == "test":
            published = _published(part, "unknown_ratio", when)
            theirs = {ratio: y - published[0.0] for ratio, y in published.items()}
            _draw_published(axes, theirs, when)
    if test == "ood" and (printed := part.published("ood")):
        (drop,) = printed["largest_drop"]["values"]
        label = "largest drop, published"
        axes.axhline(-drop, color=style.GREY, label=label, **style.PUBLISHED)
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    axes.set_ylabel("Change in accuracy (points)")
    style.legend_under(axes)


def known_only(part: LabelledPart, test: str, what: str) -> Figure:
    """Figure 3b: D and D_Known, and their difference."""
    role = ROLE[test]
    points = part.ratios()
    ratio = points["unknown_ratio"].to_numpy()
    removed = part.variant("known_only", what)
    removed_ratio = removed["unknown_ratio"].to_numpy()
    both = pd.concat([points, removed])

    figure, (left, right) = style.panels(2, width=3.6, height=3.5)
    shared = False
    for when in WHEN:
        whole = _by_ratio(part, points, ratio, when, role, what)
        known = _by_ratio(part, removed, removed_ratio, when, role, what)
        if 0.0 in whole:
            known = {0.0: whole[0.0], **known}  # D_Known is D
        look = {"linestyle": ":", "markerfacecolor": "white"}
        _draw(left, _shares(whole), when, points, label=f"$D$, {WHEN[when]}")
        label = f"$D_\\mathrm{{Known}}$, {WHEN[when]}"
        _draw(left, _shares(known), when, removed, label=label, **look)
        mixed = {x: found for x, found in whole.items() if x != 0}
        effect = _differences(mixed, known)
        if not effect:
            continue
        shared = True
        _draw(right, effect, when, both, label=WHEN[when])
        if test == "test":
            published, removing = (
                _published(part, name, when) for name in ("unknown_ratio", "known_only")
            )
            _draw_published(right, {x: published[x] - y for x, y in removing.items()}, when)
    need(shared, f"{what} needs the same unknown ratios and seeds in D and D_Known")
    left.set_ylabel(TEST_NAME[test])
    style.legend_under(left)
    style.panel_title(left, "a", "with and without the Unknown examples")
    right.axhline(0, color=style.GREY, linewidth=0.6)
    right.set_ylabel("Difference in accuracy (points)")
    style.legend_under(right)
    style.panel_title(right, "b", "$D$ minus $D_\\mathrm{Known}$")
    for axes in (left, right):
        _ratio_axis(axes, np.unique(ratio))
    right.set_xlim(left.get_xlim())
    return figure
