"""What a sweep could not use: adapters, training examples, programs. Older files say less."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..sweep import in_order
from ..table import NONE, Table, number
from .quantities import METHODS, ExpertPart, told

PROGRAM = "code"  # the kind of a task whose answers are programs


def lines(part: ExpertPart) -> list[str]:
    """What no table tells."""
    return [*unusable_adapters(part), *cut_points(part)]


def unusable_adapters(part: ExpertPart) -> list[str]:
    """Each with the reason; it is in no selection."""
    bank, nothing = part.of_bank, [None] * len(part.bank)
    usable = nothing if bank.usable is None else bank.usable
    failures = nothing if bank.failure is None else bank.failure
    return [
        f"Adapter {name} is not usable: {failure or 'its training diverged'}."
        for name, ok, failure in zip(part.bank, usable, failures, strict=True)
        if ok == 0 or failure
    ]


# --- Training examples -------------------------------------------------------------------------


COUNTED = {  # head -> dataset of the bank, of the pools, or of both
    "prompt too long": "left_out",
    "cut at the end": "shortened",
    "asked in a test": "tested",
    "repeated": "repeated",
}


def example_table(part: ExpertPart) -> Table | None:
    """What the bank and the pools lost; None where nothing was left out or cut."""
    table = told("left_out")
    for kind, group in (("adapter", part.of_bank), ("pool", part.of_pools)):
        for k, name in enumerate(() if group.name is None else group.name):
            counts = {head: getattr(group, field, None) for head, field in COUNTED.items()}
            lost = {head: -1 if c is None else int(c[k]) for head, c in counts.items()}  # -1: ?
            if max(lost.values()) > 0:
                numbers = {"examples": int(group.examples[k]), **lost}
                cells = [(head, str(n) if n >= 0 else NONE) for head, n in numbers.items()]
                table.row(("data", f"{kind} {name}"), *cells)
    return table if table.rows else None


CUTS = {  # column of /points -> what became of examples of D_K and D_A
    "left_out": "not learnt, as the prompt alone reaches kshot.longest",
    "shortened": "cut at kshot.longest",
}


def cut_points(part: ExpertPart) -> list[str]:
    """A line a task whose points could not learn all of D_K and D_A as it is."""
    lines = []
    for task, points in part.points.groupby("task", sort=False):
        for column in [c for c in CUTS if c in points]:
            counts = points[column][points[column] > 0]
            if len(counts):
                low, high = counts.min(), counts.max()
                many = str(low) if low == high else f"{low} to {high}"
                where = f"in {len(counts)} of {len(points)} points"
                lines.append(f"{task}, {where}: {many} examples of D_K and D_A {CUTS[column]}.")
    return lines


# --- Programs ----------------------------------------------------------------------------------


def stopped_table(part: ExpertPart) -> Table | None:
    """Programs that a limit ended, of the tasks whose answers are programs; None without."""
    table = told("stopped_programs")
    kinds = part.of_tasks.kind
    for task, kind in enumerate(() if kinds is None else kinds):
        if kind != PROGRAM:
            continue
        for label, stopped in (*_of_points(part, task), *_of_bank(part, task)):
            programs = len(stopped) * int(part.of_tasks.test_examples[task])
            total = int(np.sum(stopped))
            table.row(
                ("task, method", f"{part.tasks[task]}, {label}"),
                ("tests", str(len(stopped))),
                ("programs", str(programs)),
                ("stopped", str(total)),
                ("stopped (%)", number(100 * total / programs if programs else np.nan)),
            )
    return table if table.rows else None


def _of_points(part: ExpertPart, task: int) -> Iterator[tuple[str, np.ndarray]]:
    """Each method, and how many were stopped in each of its finished points."""
    if "stopped" in part.points:
        points = part.points[part.points["task"] == part.tasks[task]]
        for _, label, members in in_order(points, "method", METHODS):
            yield label, members["stopped"].to_numpy()


def _of_bank(part: ExpertPart, task: int) -> Iterator[tuple[str, np.ndarray]]:
    """The tests of the base model and of all adapters together."""
    if part.tests.stopped is not None:
        tested = np.isfinite(part.tests.accuracy[task])
        if tested.any():
            yield "base and bank", part.tests.stopped[task][tested]
