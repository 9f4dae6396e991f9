"""Figures of the F-Learning study: what forgetting does, and how learning depends on lambda."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from ..drawn import tell
from ..store import need
from ..sweep import Sweep
from .quantities import (
    LEARNS,
    LLAMA2,
    METHODS,
    OUTCOMES,
    EditPart,
    Variant,
    by_lambda,
    cosines,
    forget_norms,
    nearest,
    paper,
)
from .trainings import NO_SEARCH, searches

MATRIX_COLOUR = {
    "q": style.BLUE,
    "k": style.SKY,
    "v": style.GREEN,
    "o": style.GREY,
    "gate": style.ORANGE,
    "up": style.VERMILLION,
    "down": style.PURPLE,
}
OUTCOME_COLOUR = {
    "reliability": style.BLUE,
    "generality": style.GREEN,
    "locality": style.VERMILLION,
}
MOST_NAMED = 24  # searches in a legend; the CSV and the page name all of them
WORDS = {"full": "full fine-tuning", "lora": "LoRA"}


def norms(part: EditPart, how: str) -> Figure:
    """Figures 4 and 5."""
    ours, theirs = forget_norms(part, how), part.published_of_zsre(f"norms {how}")
    colours = style.colours(list(ours), MATRIX_COLOUR)
    figure, panels = style.panels(1 + bool(theirs), width=3.6, height=2.8, squeeze=False)
    left, right = panels[0][0], panels[0][-1]
    for name, values in ours.items():
        layers = np.arange(values.shape[1])
        look = {"marker": ".", "label": name, "bounds": (0, np.inf)}
        style.mean_line(left, layers, values, colours[name], **look)
    if theirs:
        layers = theirs.pop("layer")[LLAMA2]
        for name, row in theirs.items():
            look = {"marker": "o", "markersize": 3, "color": MATRIX_COLOUR[name], "label": name}
            right.plot(layers, row[LLAMA2], **look)
        right.set_xlim(0, 31)
        style.panel_title(right, "b", f"published, {LLAMA2}")
    for axes in panels[0]:
        style.whole_axis(axes, "Layer")
        axes.set_ylim(0, None)
    left.set_ylabel("$\\|\\theta' - \\theta\\|_2\\,/\\,\\lambda$")
    style.panel_title(left, "a", f"{part.model}, {WORDS[how]}")
    style.legend_right(right, handles=left.get_legend_handles_labels()[0])
    return figure


def forgetting(part: EditPart, how: str) -> Figure:
    """Figures 6 and 7: old answers and locality."""
    method, what = {"full": ("forget_ft", "figure 6"), "lora": ("forget_lora", "figure 7")}[how]
    variants = part.variants(method)
    need(variants, f"{what} needs a finished point of {method}")
    ranges = list(dict.fromkeys(v.layers for v in variants))
    theirs = part.published_of_zsre(f"forgetting {how}")
    figure, panels = style.panels(len(ranges), width=5.4, height=2.8, sharey=True, squeeze=False)
    for axes, layers in zip(panels[0], ranges, strict=True):
        chosen = [v for v in variants if v.layers == layers]
        for outcome in ("reliability_old", "generality_old", "locality"):
            colour = OUTCOME_COLOUR[outcome.removesuffix("_old")]
            label = outcome.replace("_old", " (old)")
            _curve(axes, part, chosen, outcome, "original", label)
            if theirs and layers == "all":
                look = {"color": colour, "label": f"{label}, published", **style.PUBLISHED}
                axes.plot(theirs["lambda"][LLAMA2], 100 * np.array(theirs[outcome][LLAMA2]), **look)
        axes.set_xlabel("$\\lambda$")
        style.title(axes, f"{METHODS[method]}, layers: {layers}")
    panels[0][0].set_ylabel("Percent")
    whole = ranges.index("all") if "all" in ranges else 0  # its panel has the published curves
    handles = style.in_order(panels[0][whole])
    style.legend_right(panels[0][-1], handles=handles)
    return figure


def _curve(
    axes: Axes, part: EditPart, variants: list[Variant], outcome: str, at_zero: str, label: str
) -> None:
    """Outcome by lambda; a searched lambda as a star at the mean over seeds of what was found."""
    colour = OUTCOME_COLOUR[outcome.removesuffix("_old")]
    curve = by_lambda(part, variants, outcome, at_zero)
    if curve:
        look = {"color": colour, "marker": "o", "markersize": 3, "label": label}
        rows = [_rows(part, variants, lambda_, at_zero) for lambda_ in curve]
        found = [mean.share for mean in curve.values()]
        style.interval_bars(axes, list(curve), found, rows, **look)
    for variant in variants:
        if variant.searched:
            found = part.mean(variant, outcome).share
            look = {"color": colour, "markersize": 8}
            (star,) = axes.plot(variant.lambda_used, found.value, "*", **look)
            label = f"{label}, \u03bb of the search"
            tell(star, label=label, found=[found], rows=[variant.points.index])


def _rows(part: EditPart, variants: list[Variant], lambda_: float, at_zero: str) -> list[int]:
    """Points whose mean by_lambda shows at this lambda."""
    of = [v for v in variants if v.lambda_ == lambda_ and not v.searched]
    return [row for v in of or part.variants(at_zero) for row in v.points.index]


def learning(part: EditPart) -> Figure:
    groups = [
        (method, layers)
        for method in LEARNS
        for layers in dict.fromkeys(v.layers for v in part.variants(method))
    ]
    need(groups, "F-Learning by lambda needs a finished point of f_learning_*")
    figure, panels = style.wrapped(len(groups), width=3.1, height=2.7, sharey=True)
    for axes, (method, layers) in zip(panels, groups, strict=True):
        variants = [v for v in part.variants(method) if v.layers == layers]
        for outcome in OUTCOMES:
            colour = OUTCOME_COLOUR[outcome]
            _curve(axes, part, variants, outcome, LEARNS[method], outcome)
            for plain in part.variants(LEARNS[method]):
                level = part.mean(plain, outcome).value
                axes.axhline(level, color=colour, linestyle=":", linewidth=0.9)
        for value in sorted(set(part.published("lambda").get(method, {}).values())):
            look = {"color": style.GREY, "linewidth": 0.7, "alpha": 0.6}
            axes.axvline(value[0], label="_published", **look)
        axes.set_xlabel("$\\lambda$")
        where = "" if layers == "all" else f", layers {layers}"
        style.title(axes, f"{METHODS[method]}{where}")
    style.row_labels(panels, "Percent")
    style.legend_right(style.last_of_first_row(panels))
    return figure


def _swept(part: EditPart, method: str) -> list[Variant]:
    """Those that forget everywhere, at a lambda that the deck has; else all."""
    variants = part.variants(method)
    return [v for v in variants if v.everywhere and not v.searched] or variants


def shown_cosine(part: EditPart, method: str) -> Variant:
    """The one whose matrices are shown: at the lambda nearest to the paper's."""
    (lambda_,) = paper(f"lambda {part.paper or 'zsre'}")[method][LLAMA2]
    return nearest(_swept(part, method), lambda_)


def cosine(part: EditPart) -> Figure:
    methods = [method for method in LEARNS if part.variants(method)]
    need(methods, "the cosines need a finished point of f_learning_*")
    figure, panels = style.panels(
        2, len(methods), width=3.6, height=2.5, squeeze=False, sharey="row"
    )
    for (left, right), method in zip(panels, methods, strict=True):
        variants = _swept(part, method)
        shown = shown_cosine(part, method)
        by_module = cosines(part, shown)
        colours = style.colours(list(by_module), MATRIX_COLOUR)
        for name, values in by_module.items():
            layers = np.arange(values.shape[1])
            look = {"marker": ".", "markersize": 4, "bounds": (-1, 1)}
            rows = shown.points.index
            style.mean_line(left, layers, values, colours[name], label=name, points=rows, **look)
        shades = colormaps["cividis"](np.linspace(0.9, 0.1, len(variants)))
        for variant, shade in zip(variants, shades, strict=True):
            if every := cosines(part, variant):
                mean_of = np.nanmean(np.stack(list(every.values())), axis=(0, 1))
                label = f"$\\lambda$ = {variant.lambda_used:.3g}"
                right.plot(np.arange(len(mean_of)), mean_of, color=shade, label=label)
        for axes in (left, right):
            axes.axhline(0, color=style.GREY, linewidth=0.6)
            style.whole_axis(axes, "Layer")
            style.legend_right(axes)
        left.set_ylabel("Cosine")
        style.panel_title(left, "a", shown.label)
        style.panel_title(right, "b", "mean over matrices")
    return figure


def lambda_search(sweep: Sweep) -> Figure:
    found = searches(sweep)
    need(found, NO_SEARCH)
    named = found if len(found) <= MOST_NAMED else []
    figure, axes = style.panels(width=5.0, height=max(2.8, 0.17 * len(named) + 0.6))
    shades = colormaps["viridis"](np.linspace(0.05, 0.85, len(found)))
    for (title, tried, locality, value), shade in zip(found, shades, strict=True):
        order = np.argsort(tried)
        look = {"color": shade, "marker": "o", "markersize": 3, "label": title}
        axes.plot(tried[order], 100 * locality[order], **look)
        axes.axvline(value, color=shade, linewidth=0.7, linestyle=":")
    axes.set_xlabel("$\\lambda$ tried")
    axes.set_ylabel("Locality (%)")
    if named:
        style.legend_right(axes)
    return figure
