"""Figures 2, 7, 8, 9 and 11 of the K-shot study; figure 10 is in projection.py."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .. import style
from ..drawn import Rows
from ..statistics import CrossedMean, mean
from ..store import need
from .quantities import CASES, ExpertPart, cases, over_draws

LOOKS = tuple((colour, marker) for marker in "osD^vPX*" for colour in style.PALETTE)
KINDS = {"perplexity": "Vanilla perplexity", "reasoning_perplexity": "Reasoning perplexity"}


def activation(part: ExpertPart) -> Figure:
    part.shares.needed("share", "figure 7 needs")
    points = part.first("ours", "figure 7")
    chosen = points.drop_duplicates("task").set_index("task")
    tasks = [task for task in part.tasks if task in chosen.index]
    rows = {task: points.index[points["task"] == task][0] for task in tasks}
    shares = {task: _by_layer(part, row) for task, row in rows.items()}
    known = [share[np.isfinite(share)] for share in shares.values()]
    most = float(np.concatenate(known).max(initial=0))
    figure, panels = style.wrapped(len(tasks), width=2.3, height=3.0)
    image = None
    for axes, task in zip(panels, tasks, strict=True):
        share = shares[task]
        image = axes.imshow(share, aspect="auto", cmap="viridis", vmin=0, vmax=most)
        names = [part.bank[k] for k in part.selection.experts(rows[task])]
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
        axes.yaxis.get_major_locator().set_params(integer=True)
        style.title(axes, f"{task}, even: {1 / len(names):.2f}")
    style.row_labels(panels, "Layer")
    figure.colorbar(image, ax=panels, label="Share of choices")
    return figure


def _by_layer(part: ExpertPart, row: int) -> np.ndarray:
    """[layer, expert]: mean over the adapted modules of a layer; NaN where the mixture has none."""
    experts = len(part.selection.experts(row))
    share, layers = part.shares.share[row][:, :experts], part.shares.layer
    known = np.isfinite(share).all(axis=1)
    means = [share[known & (layers == layer)] for layer in np.unique(layers)]
    return np.stack([m.mean(axis=0) if len(m) else np.full(experts, np.nan) for m in means])


def perplexity(part: ExpertPart) -> Figure:
    tasks = part.measured_tasks("figure 8")
    size = {"width": 3.1, "height": 2.6, "squeeze": False, "sharey": "row"}
    figure, panels = style.panels(2, len(tasks), **size)
    for task, row in zip(tasks, panels, strict=True):
        for axes, kind in zip(row, KINDS, strict=True):
            rho = mean(part.correlations(task, kind), -1, 1)
            _scatter(axes, part, task, kind)
            limits = f" [{rho.low:.2f},\u00a0{rho.high:.2f}]" if np.isfinite(rho.low) else ""
            value = f"= {rho.value:.2f}{limits}" if np.isfinite(rho.value) else "undefined"
            style.title(axes, f"{part.tasks[task]}, $\\rho$ {value}")
        row[0].set_ylabel("Test accuracy (%)")
    _name_adapters(figure, part)
    return figure


def tuned(part: ExpertPart) -> Figure:
    measured = part.measured_tasks("figure 2")
    points = part.first("source_best_sft", "figure 2")
    tasks = [task for task in measured if part.tasks[task] in set(points["task"])]
    need(tasks, "figure 2 needs a finished point of source_best_sft of a task with signals")
    ours = part.accuracies(points)
    figure, panels = style.wrapped(len(tasks), width=2.9, height=2.6)
    for task, axes in zip(tasks, panels, strict=True):
        name = part.tasks[task]
        _scatter(axes, part, task, "reasoning_perplexity")
        row = points.index[points["task"] == name][0]  # the best is the same in every draw
        _arrow(axes, part, task, part.selection.experts(row)[0], ours[name].value)
        style.title(axes, name)
    style.row_labels(panels, "Test accuracy (%)")
    _name_adapters(figure, part)
    return figure


def _name_adapters(figure: Figure, part: ExpertPart) -> None:
    """Below the panels, those that some panel has; of larger banks the CSV and the page do it."""
    handles = {
        handle.get_label(): handle
        for axes in figure.axes
        for handle in axes.get_legend_handles_labels()[0]
    }
    named = [handles[name] for name in part.bank if name in handles]
    if len(named) <= len(LOOKS):
        style.legend_below(figure, named)


def _arrow(axes: Axes, part: ExpertPart, task: int, best: int, after: float) -> None:
    """From the best adapter to what tuning makes of it; its name on the side with more room."""
    at = mean(part.perplexities(task, "reasoning_perplexity")[:, best]).value
    before = part.adapter_accuracy(task)[best]
    if not np.isfinite([at, before, after]).all():
        return
    look = {"arrowstyle": "->", "color": style.GREEN}
    axes.annotate("", (at, after), (at, before), arrowprops=look)
    axes.plot(at, after, marker="*", color=style.GREEN, markersize=8)
    words = f"{part.bank[best]} {after - before:+.1f}"  # the caption has its limits
    low, high = axes.transData.transform([(end, after) for end in axes.get_xlim()])[:, 0]
    to_right = axes.transData.transform((at, after))[0] < (low + high) / 2
    offset, side = ((6, 3), "left") if to_right else ((-6, 3), "right")
    style.note(axes, words, (at, after), offset, horizontalalignment=side)


def _scatter(axes: Axes, part: ExpertPart, task: int, kind: str) -> None:
    """Adapters by mean perplexity over the draws."""
    accuracy, drawn = part.adapter_accuracy(task), part.perplexities(task, kind)
    known = np.isfinite(drawn).any(axis=0) & np.isfinite(accuracy)
    at = np.full(len(accuracy), np.nan)
    at[known] = np.nanmean(drawn[:, known], axis=0)
    for k in np.flatnonzero(known):
        colour, marker = LOOKS[k % len(LOOKS)]
        look = {"color": colour, "marker": marker, "markersize": 4, "linestyle": ""}
        axes.plot(at[k], accuracy[k], label=part.bank[k], **look)
    if known.any() and np.nanmax(at) > 10 * np.nanmin(at):
        axes.set_xscale("log")
        if np.nanmax(at) < 100 * np.nanmin(at):  # powers of ten alone would be one or two
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(KINDS[kind])


def open_data(part: ExpertPart) -> Figure:
    along = {axis: part.along(axis, "figure 9") for axis in ("tau", "budget")}
    along["tau"] = along["tau"][along["tau"]["tau"].notna()]
    shown = {axis: p for axis, p in along.items() if p[axis].nunique() > 1}
    need(shown, "figure 9 needs finished points of ours with two values of grid.budget or grid.tau")
    figure, panels = style.panels(len(shown), width=3.4, height=2.7, squeeze=False, sharey=True)
    symbols = {"tau": "$\\tau$", "budget": "$C$"}
    for letter, axes, (axis, points) in zip("ab", panels[0], shown.items(), strict=False):
        values = np.sort(points[axis].unique())
        of_value = [points[points[axis] == value] for value in values]
        found = [part.accuracies(chosen) for chosen in of_value]
        # as many as the paper has tasks; a colour map's for more
        fixed = dict(zip(part.tasks, style.PALETTE, strict=False))
        colours = style.colours(part.tasks, fixed if len(part.tasks) <= len(fixed) else {})
        for task, colour in colours.items():
            there = [k for k, shares in enumerate(found) if task in shares]
            means = [found[k][task] for k in there]
            rows = [of_value[k].index[of_value[k]["task"] == task] for k in there]
            _curve(axes, values[there], means, rows, color=colour, label=task)
        if len(part.tasks) > 1:
            means = [part.average(chosen) for chosen in of_value]
            rows = [chosen.index for chosen in of_value]
            _curve(axes, values, means, rows, color=style.BLACK, label="average", linewidth=2)
        axes.set_xlabel(symbols[axis])
        style.panel_title(axes, letter, f"by {symbols[axis]}")
    panels[0][0].set_ylabel("Accuracy (%)")
    style.legend_right(panels[0][-1])
    return figure


def _curve(axes: Axes, x: np.ndarray, means: list[CrossedMean], rows: Rows, **keywords) -> None:
    shares = [mean.share for mean in means]
    style.interval_bars(axes, x, shares, rows, marker="o", markersize=3, **keywords)


def case_counts(part: ExpertPart) -> Figure:
    found = cases(part)
    tasks = [task for task in part.tasks if any(c.task == task for c in found)]
    figure, panels = style.wrapped(len(tasks), width=2.3, height=2.7, sharey=True)
    for axes, task in zip(panels, tasks, strict=True):
        of_task = [c for c in found if c.task == task]
        shares = [over_draws(of_task, _share(k)).share for k in range(len(CASES))]
        right = [over_draws(of_task, _share(k, right=True)).value for k in range(len(CASES))]
        wrong = [share.value - of_it for share, of_it in zip(shares, right, strict=True)]
        at = np.arange(len(CASES))
        axes.bar(at, right, color=style.GREEN, label="mixture right")
        axes.bar(at, wrong, bottom=right, color=style.VERMILLION, label="mixture wrong")
        look = {"color": style.BLACK, "linestyle": ""}
        style.interval_bars(axes, at, shares, name="all of them", **look)
        axes.set_xticks(at, [name.replace(" ", "\n") for name in CASES])
        style.title(axes, task)
    style.row_labels(panels, "Test examples (%)")
    panels[0].set_ylim(bottom=0)  # an interval may reach below
    style.legend_below(figure, style.in_order(panels[0]))
    return figure


def _share(case: int, right: bool = False):
    """[example]: 100 where it is such a case, or where the mixture has it right besides."""
    return lambda c: 100.0 * ((c.case == case) & (c.mixture if right else True))
