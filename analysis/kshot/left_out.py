"""What a sweep could not use: adapters, training examples, programs. Older files say less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..store import UNSET
from ..table import Table, number
from .quantities import METHODS, Study, words

PROGRAM = "code"  # the kind of a task whose answers are programs


def unusable_adapters(study: Study) -> list[str]:
    """Each with the reason; it is in no selection."""
    usable = study.of_bank.get("usable", np.full(len(study.bank), UNSET))
    failures = words(study.of_bank.get("failure", np.full(len(study.bank), "")))
    return [
        f"Adapter {name} is not usable: {failure or 'its training diverged'}."
        for name, ok, failure in zip(study.bank, usable, failures, strict=True)
        if ok == 0 or failure
    ]


# --- Training examples -------------------------------------------------------------------------


def example_table(study: Study) -> Table | None:
    """Of the bank and of the pools; None where nothing was left out or cut."""
    columns = {  # head -> where it is counted
        "prompt too long": (study.of_bank.get("left_out"), None),
        "cut at the end": (study.of_bank.get("shortened"), None),
        "asked in a test": (study.of_bank.get("tested"), study.of_pools.get("tested")),
        "repeated": (None, study.of_pools.get("repeated")),
    }
    columns = {head: c for head, c in columns.items() if any(part is not None for part in c)}
    rows = _example_rows("adapter", study.of_bank, [c[0] for c in columns.values()])
    rows += _example_rows("pool", study.of_pools, [c[1] for c in columns.values()])
    if not rows:
        return None
    notes = [
        "examples: without those that repeat another one or ask what a test asks. What is counted "
        "and not shown lost nothing."
    ]
    if "prompt too long" in columns:
        notes.append(
            "An adapter did not learn examples whose prompt alone reaches kshot.longest; longer "
            "ones were cut."
        )
    title = "Examples that were left out or cut"
    return Table("left_out", title, ["data", "examples", *columns], rows, notes)


def _example_rows(kind: str, group: dict[str, np.ndarray], counts: list) -> list[list[str]]:
    """Rows of the members that lost something."""
    rows = []
    for k, name in enumerate(group.get("name", ())):
        lost = [None if c is None or c[k] < 0 else int(c[k]) for c in counts]
        if any(lost):
            cells = ["-" if n is None else str(n) for n in lost]
            examples = group["examples"][k]
            rows.append([f"{kind} {name}", str(examples) if examples >= 0 else "-", *cells])
    return rows


CUTS = {  # column of /points -> what became of examples of D_K and D_A
    "left_out": "not learnt, as the prompt alone reaches kshot.longest",
    "shortened": "cut at kshot.longest",
}


def cut_points(study: Study) -> list[str]:
    """A line a task whose points could not learn all of D_K and D_A as it is."""
    lines = []
    for task, points in study.done.groupby("task", sort=False):
        for column in [c for c in CUTS if c in points]:
            counts = points[column][points[column] > 0]
            if len(counts):
                low, high = counts.min(), counts.max()
                many = str(low) if low == high else f"{low} to {high}"
                where = f"in {len(counts)} of {len(points)} points"
                lines.append(f"{task}, {where}: {many} examples of D_K and D_A {CUTS[column]}.")
    return lines


# --- Programs ----------------------------------------------------------------------------------


def stopped_table(study: Study) -> Table | None:
    """Programs that a limit ended, of the tasks whose answers are programs; None without."""
    kinds = words(study.of_tasks.get("kind", np.array([])))
    rows = []
    for task, kind in enumerate(kinds):
        if kind == PROGRAM:
            rows += _of_points(study, task) + _of_bank(study, task)
    if not rows:
        return None
    return Table(
        "stopped_programs",
        "Programs that a limit of time, memory, output or processes stopped",
        ["task, method", "tests", "programs", "stopped", "stopped (%)"],
        rows,
        ["A program that is stopped counts as wrong."],
    )


def _of_points(study: Study, task: int) -> list[list[str]]:
    """A row a method, over its finished points."""
    if "stopped" not in study.done:
        return []
    points = study.done[study.done["task"] == study.tasks[task]]
    return [
        _stopped_row(study, task, label, points["stopped"][points["method"] == method])
        for method, label in METHODS.items()
        if (points["method"] == method).any()
    ]


def _of_bank(study: Study, task: int) -> list[list[str]]:
    """One row: the tests of the base model and of all adapters."""
    if "stopped" not in study.tests:
        return []
    tested = np.isfinite(study.tests["accuracy"][task])
    stopped = study.tests["stopped"][task][tested]
    return [_stopped_row(study, task, "base and bank", stopped)] if tested.any() else []


def _stopped_row(study: Study, task: int, label: str, stopped: Sequence[int]) -> list[str]:
    count = len(stopped)
    programs, total = count * int(study.of_tasks["test_examples"][task]), int(np.sum(stopped))
    share = 100 * total / programs if programs else np.nan
    name = f"{study.tasks[task]}, {label}"
    return [name, str(count), str(programs), str(total), number(share)]
