"""Figures of the SliCK study; those by the share of Unknown examples are in ratios.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .. import style
from ..drawn import Rows, tell, tell_caption
from ..statistics import crossed_mean, crossed_percent, mean_known
from ..store import need
from ..table import alone
from ..words import words
from .groups import CATEGORIES, Labels
from .quantities import (
    LONG,
    WHEN,
    LabelledPart,
    answers,
    beside_idk,
    fitted_share,
    set_knows,
    unknown_by_sets,
)

COLOUR = {
    "known": style.BLUE,
    "highly_known": style.BLUE,
    "maybe_known": style.SKY,
    "weakly_known": style.GREEN,
    "unknown": style.VERMILLION,
    "early_stop": style.PURPLE,
    "final": style.BLACK,
}
FEWEST = 20  # questions below a threshold from which the P(True) curve is drawn
MOST_EXPOSURES = [-1, 0, *(2**k for k in range(8)), math.inf]  # of each range, from -1 on
MANY_EXPOSURES = [-1, 0, *(10**k for k in range(7)), math.inf]  # the same of a large corpus


def fitting(part: LabelledPart, names: Sequence[str], what: str, reference: bool = False) -> Figure:
    """Figures 1 and 7: fitted share of each part of D, and dev accuracy, at X = 50 %."""
    ratio, points = part.half(what)
    dev = 100 * part.curve("accuracy_dev", points, what)
    stop = part.column("epoch_early_stop", points, what)
    need(np.isfinite(dev).any(), f"{what} needs dev accuracies (/curves/accuracy_dev)")
    heights = [1.25, 1]
    figure, (top, bottom) = style.panels(1, 2, 5.6, 2.2, sharex=True, height_ratios=heights)
    for name in names:
        curve = 100 * part.curve(f"fitted_{name}", points, what)
        look = {"label": LONG[name], "bounds": (0, 100)}
        style.mean_line(top, part.epochs, curve, COLOUR[name], points=points.index, **look)
    mean = _dev_line(bottom, part, points, dev)
    if reference and part.published("fit"):
        _published(part, top, bottom, float(np.nanmax(mean)))
    _zoom(bottom, part.epochs, dev if len(dev) == 2 else mean[None])
    _early_stop((top, bottom), stop, named=top)

    top.set_ylabel("Fitted training\nexamples (%)")
    top.set_ylim(-2, 102)
    seeds = f"{len(points)} seed{'s' * (len(points) > 1)}"
    style.title(top, f"{100 * ratio:g} % Unknown, {seeds}")
    style.legend_right(top)
    style.legend_right(bottom)
    bottom.set_ylabel("Dev accuracy (%)")
    style.whole_axis(bottom, "Epoch")
    bottom.set_xlim(0, part.epochs[-1])
    return figure


def _dev_line(
    axes: Axes, part: LabelledPart, points: pd.DataFrame, dev: np.ndarray
) -> np.ndarray:
    """The means of [seed, epoch], a band of seeds alone, and in words what the questions add: all
    epochs and seeds are asked the same, so that limits by them are of the level, not of the shape.
    """
    seeds = {1: "", 2: " (thin: both seeds)"}.get(len(dev), " (band: seeds)")
    label, asked = f"dev{seeds}", part.data.dev_questions
    centre = mean_known(dev.T)
    if asked is not None and np.isfinite(centre).any():
        best = crossed_percent(dev[:, int(np.nanargmax(centre))], int(asked[0])).share
        label += f";\nwith its {asked[0]} questions the best is"
        label += f"\n{best.value:.1f}, 95 % limits {best.low:.1f} and {best.high:.1f}"
    look = {"label": label, "bounds": (0, 100), "points": points.index}
    return style.mean_line(axes, part.epochs, dev, style.BLACK, **look)


def _published(part: LabelledPart, top: Axes, bottom: Axes, best: float) -> None:
    """The paper's curves; its dev accuracy is shifted to our maximum, so that shapes compare."""
    fit, dev = part.published("fit"), part.published("dev")
    epochs = fit.pop("epoch")["values"]
    for name, row in fit.items():
        label = f"{LONG[name]}, published"
        top.plot(epochs, row["values"], color=COLOUR[name], label=label, **style.PUBLISHED)
    accuracy = np.array(dev["accuracy"]["values"])
    shifted = accuracy - accuracy.max() + best
    label = "published, shifted to our maximum"
    bottom.plot(dev["epoch"]["values"], shifted, color=style.BLACK, label=label, **style.PUBLISHED)


def _zoom(axes: Axes, epochs: np.ndarray, lines: np.ndarray) -> None:
    """y limits around the trained epochs of lines [line, epoch]: the untrained model may lie far
    off.
    """
    trained = lines[(epochs > 0) & np.isfinite(lines)]
    if len(trained):
        # The first epochs may still be rising from the base model; the story is around the peak.
        low = np.percentile(trained, 4)
        margin = max(0.12 * (trained.max() - low), 0.5)
        axes.set_ylim(low - 2 * margin, trained.max() + 2 * margin)


def _early_stop(panels: Sequence[Axes], stop: np.ndarray, named: Axes) -> None:
    """Where seeds stopped; in words in the legend of one panel."""
    stop = stop[stop >= 0]
    if not len(stop):
        return
    for axes in panels:
        look = {"color": style.GREY, "linestyle": ":", "linewidth": 1.1}
        label = "early stop" if axes is named else "_early stop"
        axes.axvline(np.median(stop), label=label, **look)
        if stop.min() < stop.max():
            axes.axvspan(stop.min(), stop.max(), color=style.GREY, alpha=0.12, linewidth=0)


def idk_curves(part: LabelledPart) -> Figure:
    what = "figure of D_IDK"
    ratio, beside = beside_idk(part, what)
    stop = part.column("epoch_early_stop", beside["idk"], what)
    figure, panels = style.panels(2, width=3.4, height=2.8, sharey=True)
    lines = {  # curve, of which D, colour
        "$D$, accuracy": ("accuracy", "unknown_ratio", style.BLACK),
        "$D_\\mathrm{IDK}$, accuracy": ("accuracy", "idk", style.VERMILLION),
        "$D_\\mathrm{IDK}$, right of all": ("right", "idk", style.BLUE),
        "$D_\\mathrm{IDK}$, answered": ("answered", "idk", style.GREY),
    }
    for axes, questions, letter in zip(panels, ("dev", "test"), "ab", strict=True):
        for label, (curve, name, colour) in lines.items():
            if (curve, questions) != ("answered", "dev"):  # of which the file has no curve
                values = 100 * part.curve(f"{curve}_{questions}", beside[name], what)
                look = {"label": label, "bounds": (0, 100), "points": beside[name].index}
                style.mean_line(axes, part.epochs, values, colour, **look)
        style.whole_axis(axes, "Epoch")
        style.panel_title(axes, letter, f"{questions} questions, {100 * ratio:g} % Unknown")
    _early_stop(panels, stop, named=panels[1])
    panels[0].set_ylabel("Percent of the questions")
    style.legend_right(panels[1])
    tell_caption(figure, words("slick", "table3_idk_curves", early_stop=part.early_stop))
    return figure


def fitted_at_early_stop(part: LabelledPart) -> Figure:
    what = "figure 4"
    points = part.ratios()
    share = fitted_share(part, points, what)
    stop = part.column("epoch_early_stop", points, what).astype(int)
    at = np.clip(np.searchsorted(part.epochs, stop), 0, len(part.epochs) - 1)
    run = np.arange(len(points))
    ratios, published = np.unique(points["unknown_ratio"]), part.published("fitted")

    figure, axes = style.panels(width=5.2, height=max(0.42 * len(ratios) + 1.1, 2.3))
    for y, ratio in enumerate(ratios):
        chosen = (points["unknown_ratio"] == ratio).to_numpy()
        known, unknown = (100 * share[n][run, at][chosen].mean() for n in ("known", "unknown"))
        exact = (points["n_train_unknown"] / points["n_train"])[chosen].mean()  # X after rounding
        rows = [points.index[chosen]]
        _bar(axes, y - 0.1, 0.5, exact, known, unknown, "", rows=rows, alpha=1.0)
        if printed := published.get(f"{ratio:g}"):
            _bar(axes, y + 0.3, 0.18, ratio, *printed["early_stop"], ", published", alpha=0.45)
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
    ]
    if published:
        handles.append(Patch(facecolor=style.GREY, alpha=0.45, label="thin bar: published"))
    style.legend_right(axes, handles=handles)
    return figure


def _tint(colour: str) -> tuple[float, ...]:
    """The colour thinned with white: the part that is not fitted."""
    return tuple(0.25 * np.array(to_rgb(colour)) + 0.75)


def _bar(
    axes: Axes,
    y: float,
    height: float,
    ratio: float,
    known: float,
    unknown: float,
    whose: str,
    rows: Rows = (),
    **look,
) -> None:
    """Known fitted, Known not fitted, Unknown fitted, Unknown not fitted, one after the other."""
    left = 0.0
    for part, width, colour in (
        ("Known, fitted", known, style.BLUE),
        ("Known, not fitted", 100 * (1 - ratio) - known, _tint(style.BLUE)),
        ("Unknown, fitted", unknown, style.VERMILLION),
        ("Unknown, not fitted", 100 * ratio - unknown, _tint(style.VERMILLION)),
    ):
        bar = axes.barh(y, width, height, left=left, color=colour, linewidth=0, **look)
        tell(bar, label=part + whose, names=[f"{100 * ratio:.3g} % Unknown"], rows=rows)
        left += width


def unknown_classifiers(part: LabelledPart) -> Figure:
    # A good classifier leaves few right answers among many questions called Unknown.
    what = "figure 5"
    points = part.variant("natural", what)
    knows = set_knows(part, what)
    figure, axes = style.panels(2, width=3.4, height=3.0, sharey=True)
    for panel, when, letter in zip(axes, WHEN, "ab", strict=True):
        right = answers(part, points, when, "id", what).fillna(0)  # "I don't know" is wrong here
        _slick(panel, right, knows, part.variant("natural", what).index)
        _p_true(panel, right, part.labels.p_true)
        look = {"color": style.GREY, "markerfacecolor": "none", "markersize": 7}
        if printed := part.published("called_unknown"):
            panel.plot(*printed["natural"][when], "o", label="SliCK, 10 sets, published", **look)
        panel.set_xlim(0, 100)
        panel.set_xlabel("Test questions called Unknown (%)")
        style.panel_title(panel, letter, WHEN[when])
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("Accuracy on them after\nfine-tuning on $D_\\mathrm{Natural}$ (%)")
    style.legend_below(figure, style.in_order(axes[0]), columns=2)
    return figure


def _slick(axes: Axes, right: pd.DataFrame, knows: np.ndarray, points: pd.Index) -> None:
    """One point an N_ex, the mean over all choices of N_ex of the sets."""
    sets = knows.shape[1]
    weights = [unknown_by_sets(knows[right.columns.to_numpy()], n) for n in range(1, sets + 1)]
    share = 100 * np.array([weight.mean() for weight in weights])
    found = [crossed_mean(right.to_numpy(), weight).share for weight in weights]
    label = f"SliCK, 1 to {sets} exemplar sets"
    (line,) = axes.plot(share, [f.value for f in found], color=style.BLUE, marker=".", label=label)
    names = [f"{n} exemplar set{'s' * (n > 1)}" for n in range(1, sets + 1)]
    tell(line, found=found, names=names, rows=[points] * sets)
    # the points between lie too close together for bars
    look = {"color": style.BLUE, "marker": "", "linestyle": ""}
    style.interval_bars(axes, share[[0, -1]], [found[0], found[-1]], **look)
    last, label = found[-1].value, f"SliCK, {sets} sets"
    axes.plot(share[-1], last, "o", color=style.BLUE, markersize=7, label=label)
    look = {"va": "bottom", "color": style.BLUE}  # it may lie on the axis
    style.note(axes, "1 set", (share[0], found[0].value), (6, 0), **look)


def _p_true(axes: Axes, right: pd.DataFrame, p_true: np.ndarray | None) -> None:
    """P(True) < T (Kadavath et al. 2022) for every T, the mean over the runs."""
    if p_true is None:
        return
    value = p_true[right.columns.to_numpy()].astype(float)
    if not np.isfinite(value).all():
        return
    order = np.argsort(value, kind="stable")
    below = np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right.to_numpy().mean(axis=0)[order]) / below
    drawn = below >= min(FEWEST, len(below))
    share, label = 100 * below[drawn] / len(order), "P(True) below a threshold"
    axes.plot(share, accuracy[drawn], color=style.ORANGE, label=label)


def _range(bar: pd.Interval) -> str:
    """3\u20134: of the whole numbers in it; of large ones up to which power of ten."""
    if math.isinf(bar.right) and bar.left > MOST_EXPOSURES[-2]:
        return f"$> 10^{math.log10(bar.left):.0f}$"
    if math.isfinite(bar.right) and bar.right > MOST_EXPOSURES[-2]:
        return f"$\\leq 10^{math.log10(bar.right):.0f}$"
    if math.isinf(bar.right):
        return f"> {bar.left:g}"
    return f"{bar.right:g}" if bar.length == 1 else f"{bar.left + 1:g}\u2013{bar.right:g}"


def categories_by_exposure(labels: Labels) -> Figure:
    exposures = labels.needed("exposures", "the exposure curve needs")
    known = (exposures >= 0) & labels.labelled
    need(
        known.any(),
        "the exposure curve needs data.exposures, or a world that counts them (all are -1)",
    )
    ranges = MOST_EXPOSURES if exposures.max() < 1000 else MANY_EXPOSURES
    counts = pd.crosstab(pd.cut(exposures[known], ranges), labels.category[known])
    figure, axes = style.panels(width=6.0, height=2.7)
    x, bottom, total = np.arange(len(counts)), 0.0, counts.sum(axis=1)
    for k, name in enumerate(CATEGORIES):
        height = 100 * counts.get(k, 0 * total) / total
        bars = axes.bar(x, height, 0.8, bottom=bottom, color=COLOUR[name], label=LONG[name])
        shares = zip(height, total, strict=True)
        tell(bars, found=[replace(alone(share), examples=n) for share, n in shares])
        bottom += height
    for at, n in zip(x, total, strict=True):
        look = {"ha": "center", "va": "bottom", "fontsize": 6.5, "color": style.GREY}
        axes.text(at, 101, f"{n}", **look)
    axes.set_xticks(x, map(_range, counts.index), fontsize=7)
    axes.set_ylim(0, 100)
    axes.set_xlabel("Exposures of the fact in the training corpus")
    axes.set_ylabel("Share of questions (%)")
    style.legend_right(axes, reverse=True)
    return figure
