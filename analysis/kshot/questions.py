"""The test examples of each point, for the page: right or wrong, and by the base model before."""

from __future__ import annotations

import numpy as np

from ..questions import Questions, as_many_as_fit
from ..store import UNSET
from .quantities import ExpertPart

VERDICTS = {0: "wrong", 1: "right", 2: "no answer"}


def packed_questions(part: ExpertPart) -> str | None:
    """None where the file has no verdicts by example."""
    outcomes = part.outcomes
    if (right := outcomes.right) is None or part.points.empty:
        return None
    shown, otherwise = as_many_as_fit(part.points.index.to_numpy(), 3 * right.shape[1])
    asked = Questions(
        "Test examples",
        len(part.sweep.points),
        "Example: its record in the file of the task. Before: the base model.",
    )
    counts = [int(count) for count in part.of_tasks.test_examples]
    tables = [asked.table(*_examples(part, k, count)) for k, count in enumerate(counts)]
    for row in shown:
        task = part.tasks.index(part.points["task"][row])
        columns = {"before": _before(part, task), "after": right[row]}
        if outcomes.right_by_sum is not None:
            columns["by likelihood"] = outcomes.right_by_sum[row]
        asked.begin(row, tables[task])
        for when, verdicts in columns.items():
            if verdicts is not None and (verdicts != UNSET).any():
                verdicts = verdicts[: counts[task]]
                asked.add(row, f"right {when}", verdicts, lambda v: VERDICTS.get(v, ""))
    return asked.packed(otherwise)


def _before(part: ExpertPart, task: int) -> np.ndarray | None:
    """[example]: of the finished point of the base model, or as the bank's tests have it."""
    points = part.points
    base = points[(points["method"] == "base") & (points["task"] == part.tasks[task])]
    if len(base):
        return part.outcomes.right[base.index[0]]
    return None if part.tests.right is None else part.tests.right[task, 0]


def _examples(part: ExpertPart, task: int, count: int) -> tuple[list[str], list[list[str]]]:
    of = part.of_tasks
    rows = range(count) if of.test_row is None else of.test_row[task, :count]
    columns = {"example": rows}
    if of.gold is not None:
        columns["right answer"] = of.gold[task, :count]
    return [*columns], [list(map(str, row)) for row in zip(*columns.values(), strict=True)]
