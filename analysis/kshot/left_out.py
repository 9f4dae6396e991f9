"""What a sweep could not use: adapters, training examples, programs. Older files say less."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..store import Data
from ..sweep import in_order
from ..table import NONE, Cells, Table, number
from .groups import Bank, Pools
from .quantities import METHODS, ExpertPart

PROGRAM = "code"  # the kind of a task whose answers are programs


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


def example_table(part: ExpertPart) -> Table | None:
    """What the bank and the pools lost; None where nothing was left out or cut."""
    bank, pools = part.of_bank, part.of_pools
    columns = {  # head -> where it is counted
        "prompt too long": (bank.left_out, None),
        "cut at the end": (bank.shortened, None),
        "asked in a test": (bank.tested, pools.tested),
        "repeated": (None, pools.repeated),
    }
    counted = {head: c for head, c in columns.items() if any(data is not None for data in c)}
    notes = [
        "examples: without those that repeat another one or ask what a test asks. What is counted "
        "and not shown lost nothing."
    ]
    if "prompt too long" in counted:
        notes.append(
            "An adapter did not learn examples whose prompt alone reaches kshot.longest; longer "
            "ones were cut."
        )
    table = Table("left_out", "Examples that were left out or cut", *notes)
    for k, (kind, group) in enumerate((("adapter", bank), ("pool", pools))):
        for row in _example_rows(kind, group, {head: c[k] for head, c in counted.items()}):
            table.row(*row)
    return table if table.rows else None


def _example_rows(kind: str, group: Bank | Pools, counts: dict[str, Data]) -> Iterator[Cells]:
    """Rows of the members that lost something; -1 is not known."""
    for k, name in enumerate(() if group.name is None else group.name):
        lost = {head: -1 if c is None else int(c[k]) for head, c in counts.items()}
        if any(n > 0 for n in lost.values()):
            numbers = {"examples": int(group.examples[k]), **lost}
            cells = [(head, str(n) if n >= 0 else NONE) for head, n in numbers.items()]
            yield [("data", f"{kind} {name}"), *cells]


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
    title = "Programs that a limit of time, memory, output or processes stopped"
    table = Table("stopped_programs", title, "A program that is stopped counts as wrong.")
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
