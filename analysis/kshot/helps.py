"""Which adapter does most, alone and in the mixture; whether shots and draws decide which are in
it; and what diversity kept out. Each in sentences (words.md), and all adapters in a table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from ..statistics import CrossedMean, crossed_mean
from ..store import UNSET, need
from ..table import NONE, Table, number, with_limits
from ..words import Finding, stated, words
from .quantities import AXES, ExpertPart, told, unit_of

SAME = [axis for axis in AXES if axis not in ("signals", "experts")] + ["draw", "seed"]


class Answers:
    """Of one task: the adapters that were tested, and the mixtures of `ours`."""

    def __init__(self, part: ExpertPart, task: int) -> None:
        self.part, self.task, self.name = part, task, part.tasks[task]
        right = part.tests.right[task]  # [model, example]
        asked = right[0] != UNSET
        self._right = 100.0 * (right[:, asked] == 1)
        tested = (right[:, asked] != UNSET).all(axis=1) & asked.any()
        self.tested = np.flatnonzero(tested[1:])  # rows of the bank
        points = part.points[part.points["task"] == self.name]
        self.points = points[points["method"] == "ours"]  # of every setting

    def over(self, adapter: int, other: int = -1) -> CrossedMean:
        """Percent points on the test, alone; -1: the base model."""
        return crossed_mean(self._right[[1 + adapter]] - self._right[[1 + other]])

    @cached_property
    def best(self) -> int:
        """Most right alone; the first where several are."""
        return max(self.tested, key=lambda k: self._right[1 + k].sum())

    def chosen(self, points: pd.DataFrame) -> np.ndarray:
        """[point, adapter] is an expert."""
        experts = self.part.selection.adapter[points.index.to_numpy()]
        return (experts[:, :, None] == np.arange(len(self.part.bank))).any(axis=1)

    @cached_property
    def first(self) -> pd.DataFrame:
        """The points of the first setting; without one of any, none."""
        if self.points.empty:
            return self.points
        points = self.part.first("ours", "what adapters do in the mixture")
        return points[points["task"] == self.name]

    @cached_property
    def in_mixture(self) -> dict[int, CrossedMean]:
        """By adapter, percent points of the mixtures with it less those without it that are equal
        in draw, seed and all of their setting but how, and how many, experts are selected. Without
        the adapters that all such mixtures have, or none.
        """
        chosen, unit = self.chosen(self.points), unit_of(self.points)
        verdicts = self.part.outcomes.right[self.points.index.to_numpy()]
        right = np.where(verdicts == UNSET, np.nan, 100.0 * (verdicts == 1))
        found: dict[int, dict[int, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
        for places in self.points.groupby(SAME, dropna=False).indices.values():
            key = self.points[unit].iloc[places[0]]
            for k in np.flatnonzero(chosen[places].any(axis=0) & ~chosen[places].all(axis=0)):
                has = chosen[places, k]
                less = right[places[has]].mean(axis=0) - right[places[~has]].mean(axis=0)
                found[k][key].append(less)
        means = {k: [np.mean(rows, axis=0) for rows in found[k].values()] for k in sorted(found)}
        return {k: crossed_mean(np.stack(rows)) for k, rows in means.items()}

    @cached_property
    def kept_out(self) -> dict[int, dict[int, int]]:
        """By adapter: the experts that diversity preferred to it, whose ranks by perplexity and
        accuracy sum to more, and in how many points of the first setting.
        """
        selection, found = self.part.selection, {}
        ranks = (selection.perplexity_rank, selection.accuracy_rank, selection.pool)
        if any(one is None for one in ranks):
            return {}
        for row in self.first.index[self.first["signals"] == "pad"]:
            by_perplexity, by_accuracy, pool = (one[row] for one in ranks)
            ranked = by_perplexity + by_accuracy
            experts = selection.experts(row)
            last = max(experts, key=lambda k: ranked[k])
            for k in np.flatnonzero((pool == 1) & (ranked < ranked[last])):
                if k not in experts:
                    of_adapter = found.setdefault(int(k), {})
                    of_adapter[last] = of_adapter.get(last, 0) + 1
        return found


def answers(part: ExpertPart) -> list[Answers]:
    """One a task. Missing without tests."""
    what = "which adapter does most"
    need(part.tests.right is not None, f"{what} needs /tests/right (bank.evaluate = true)")
    found = [Answers(part, task) for task in range(len(part.tasks))]
    found = [one for one in found if len(one.tested)]
    need(found, f"{what} needs an adapter that was tested (bank.evaluate = true)")
    return found


# --- In sentences -------------------------------------------------------------------------------


def sentences(part: ExpertPart) -> list[str]:
    """Task by task."""
    found = []
    for one in answers(part):
        lines = [*_alone(one), *_in_mixture(one), *_kept_out(one)]
        found += [stated("kshot", line) if isinstance(line, Finding) else line for line in lines]
    return found


def _alone(one: Answers) -> Iterator[Finding]:
    """The best of all is so by chance, too: its limits are those of the best of so many."""
    names, count = one.part.bank, len(one.tested)
    about = {"task": one.name, "adapter": names[one.best], "count": count}
    yield Finding("helps.alone", one.over(one.best).best_of(count), about)
    others = {k: one.over(one.best, k).best_of(count - 1) for k in one.tested if k != one.best}
    if others:  # the nearest of those that may be as good, else of all
        nearest = min(others, key=lambda k: (others[k].low > 0, others[k].value))
        yield Finding("helps.next", others[nearest], {**about, "other": names[nearest]})


def _in_mixture(one: Answers) -> Iterator[Finding | str]:
    if one.points.empty:
        return
    found, names = one.in_mixture, one.part.bank
    if found:
        best = max(found, key=lambda k: found[k].value)
        about = {"task": one.name, "adapter": names[best], "count": len(found)}
        yield Finding("helps.mixture", found[best].best_of(len(found)), about)
    else:
        yield from words("kshot", "helps.alike", task=one.name)
    yield _selected(one)


def _selected(one: Answers) -> str:
    """Whether shots and draws decide the experts."""
    points = one.part.along("shots", "the experts by K")
    points = points[points["task"] == one.name].drop_duplicates(["shots", "draw"])
    names, chosen = one.part.bank, one.chosen(points)
    counts = []
    for shots, places in points.groupby("shots").indices.items():
        times = chosen[places].sum(axis=0)
        listed = (f"{names[k]} in {times[k]} of {len(places)}" for k in np.flatnonzero(times))
        counts.append(f"K = {shots}: {', '.join(listed)}")
    which = "helps.same" if (chosen == chosen[0]).all() else "helps.differ"
    which = "helps.one" if len(points) == 1 else which
    return " ".join(words("kshot", which, task=one.name, counts="; ".join(counts)))


def _kept_out(one: Answers) -> Iterator[Finding | str]:
    """Of those that were tested: an adapter against the expert that took its place most often; in
    one sentence those of which nothing is decided.
    """
    names = one.part.bank
    found = []
    for adapter, places in one.kept_out.items():
        other = max(places, key=lambda k: places[k])
        if {adapter, other} <= set(one.tested):
            about = {"task": one.name, "adapter": names[adapter], "other": names[other]}
            about |= {"count": sum(places.values()), "points": len(one.first)}
            found.append(Finding("helps.kept_out", one.over(adapter, other).interval, about))
    open_ones = [f for f in found if f.found.direction == "undecided"]
    if len(open_ones) < 2:
        yield from found
        return
    yield from (f for f in found if f.found.direction != "undecided")
    adapters = ", ".join(str(f.values["adapter"]) for f in open_ones)
    yield from words("kshot", "helps.kept_out_open", task=one.name, adapters=adapters)


# --- In numbers ---------------------------------------------------------------------------------


def table(part: ExpertPart) -> Table:
    """Every adapter of every task."""
    found = told("helps")
    for one in answers(part):
        times = one.chosen(one.first).sum(axis=0)
        for k in one.tested:
            mixed, out = one.in_mixture.get(k), sum(one.kept_out.get(k, {}).values())
            found.row(
                ("task", one.name),
                ("adapter", part.bank[k]),
                ("alone - base", with_limits(one.over(k).interval)),
                ("points", number(len(one.first), 0)),
                ("selected in", number(times[k], 0)),
                ("kept out in", number(out, 0)),
                ("with - without", with_limits(mixed.interval) if mixed else NONE),
            )
    return found
