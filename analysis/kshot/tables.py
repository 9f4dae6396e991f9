"""Tables of accuracy in the K-shot part, ours beside the published numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..after_training import ability_table
from ..statistics import Interval, mean_of_independent
from ..store import need
from ..sweep import in_order
from ..table import (
    NONE,
    PAPER,
    Cell,
    Cells,
    Table,
    number,
    numbers,
    percent,
    span,
    with_limits,
)
from ..words import ToldTable
from .quantities import (
    METHODS,
    MODELS,
    PAPER_TASKS,
    ExpertPart,
    task_of,
    told,
    words,
)

SIGNALS = {  # in the order of table 2
    "random": "random experts",
    "p": "R_P",
    "a": "R_A",
    "pa": "R_P + R_A",
    "pad": "R_P + R_A + R_D",
}
SELECTIONS = {  # in the order of table 3
    "none": "K-shot only",
    "random": "random D_A",
    "cosine": "cosine",
    "convex": "convex hull",
    "kde2": "KDE, \u03b3 = 2",
    "kde10": "KDE, \u03b3 = 10",
    "repr_filter": "cosine + Repr Filter",
    "centroid": "centroid (released code)",
}
NAMES = {"signals": SIGNALS, "data_selection": SELECTIONS}  # values of axes that are words
AXIS_TABLES = {
    "signals": "table2_signals",
    "data_selection": "table3_data_selection",
    "shots": "table4_shots",
    "experts": "table6_experts",
    "top_k": "table7_top_k",
}

# Of a row of the paper, by model: a number a task, or the average of all alone.
Scores = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Row:
    label: str
    points: pd.DataFrame
    paper: Scores  # empty: the paper has none


def first_settings(part: ExpertPart) -> list[tuple[str, pd.DataFrame]]:
    """Finished points of each method's first setting, by the method in words."""
    return [
        (label, part.first(method, "table 1"))
        for method, label, _ in in_order(part.points, "method", METHODS)
    ]


def abilities(part: ExpertPart) -> Table | None:
    """Of every method; None where nothing is asked besides the tasks."""
    return ability_table(part.sweep, first_settings(part), "method")


def method_table(part: ExpertPart) -> Table:
    """Every method at its first setting."""
    printed = part.published("method")
    rows = [
        Row(label, points, printed.get(points["method"].iloc[0], {}))
        for label, points in first_settings(part)
    ]
    need(rows, "table 1 needs a finished point")
    table = told("table1_methods")
    if learnt := _own_training(part):
        table.note("table1_methods.learnt", learnt="; ".join(learnt))
    return _filled(table, part, "method", rows)


def _own_training(part: ExpertPart) -> list[str]:
    """How much each Expert LoRA has learnt of the task's train set."""
    if "expert_lora" not in set(part.points["method"]) or part.of_bank.examples is None:
        return []
    owners, learnt = words(part.of_bank.task), part.learnt_examples()
    whole = dict(zip(part.tasks, part.of_tasks.train_examples, strict=True))
    counts = {task: learnt[owners.index(task)] for task in part.tasks if task in owners}
    return [
        f"{task} " + (f"{count} of {whole[task]}" if count >= 0 else "unknown, it was brought")
        for task, count in counts.items()
    ]


def axis_table(part: ExpertPart, axis: str, name: str) -> Table:
    """Tables 2, 3, 4, 6, 7: `ours` by one axis, everything else as in its first setting."""
    table = told(name)
    what = table.title.partition(":")[0].lower()
    points, printed = part.along(axis, what), part.published(axis)
    rows = [
        Row(value_label(axis, value), points[points[axis] == value], printed.get(str(value), {}))
        for value in _ordered(axis, points[axis].unique())
    ]
    if axis == "data_selection" and (plain := _without_deduplication(part)) is not None:
        rows.append(plain)
    need(len(rows) >= 2, f"{what} needs finished points of ours with two values of grid.{axis}")
    table.note("axis", axis=axis, first=value_label(axis, part.first_value(axis)))
    return _filled(table, part, axis, rows)


def _without_deduplication(part: ExpertPart) -> Row | None:
    points = part.along("tau", "table 3")
    points = points[(points["tau"] == 1) & (points["data_selection"] == "cosine")]
    if points.empty or part.first_value("tau") == 1:
        return None
    printed = part.published("data_selection").get("no_deduplication", {})
    return Row("cosine, no dedup (\u03c4 = 1)", points, printed)


def value_label(axis: str, value: object) -> str:
    return str(NAMES[axis].get(value, value)) if axis in NAMES else f"{value:g}"


def _ordered(axis: str, values: np.ndarray) -> list:
    return sorted(values, key=list(NAMES[axis]).index if axis in NAMES else None)


def _filled(table: ToldTable, part: ExpertPart, head: str, rows: list[Row]) -> Table:
    """With the accuracy on each task and, where it has options, the one by likelihood."""
    every = pd.concat([row.points for row in rows])
    likely = list(part.accuracies(every, "accuracy_by_sum"))
    for row in rows:
        ours = part.accuracies(row.points)
        by_sum = part.accuracies(row.points, "accuracy_by_sum")
        line = [(head, row.label), ("draws", _draws(row.points))]
        for task in part.tasks:
            line.append((task, percent(ours[task]) if task in ours else NONE))
            if task in likely:
                line.append(("likelihood", percent(by_sum[task]) if task in by_sum else NONE))
        line.append(("average", percent(part.average(row.points))))
        if likely:
            mean = part.average(row.points, "accuracy_by_sum", likely)
            line.append(("likelihood", percent(mean)))
        table.row(*line, *_paper(part, row.paper))
    _note_tasks(table, part)
    return table


def _draws(points: pd.DataFrame) -> str:
    """1-3: what the tasks have."""
    counts = points.groupby("task")["draw"].agg(lambda d: d[d >= 0].nunique())
    return NONE if counts.max() == 0 else span(counts)


def _common(part: ExpertPart) -> list[int]:
    """Places in the paper's tables of the tasks of this file."""
    known = [task_of(name) for name in part.tasks]
    return [PAPER_TASKS.index(task) for task in known if task is not None]


def _paper(part: ExpertPart, scores: Scores) -> Cells:
    cells = {model: _shown(part, scores[model]) if scores else NONE for model in MODELS}
    return [(f"{PAPER} {model}", cell) for model, cell in cells.items()]


def _shown(part: ExpertPart, values: Sequence[float]) -> str:
    """Tasks that are in this file, and their mean; else the mean of all alone."""
    common = _common(part)
    if len(values) == 1 or not common:
        mean = number(float(np.mean(values)))
        return Cell(f"({mean})", *mean.found)
    chosen = [values[k] for k in common]
    names = [PAPER_TASKS[k] for k in common]
    if len(chosen) == 1:
        return numbers(chosen)
    both = numbers([*chosen, float(np.mean(chosen))], names=[*names, "mean"])
    *each, mean = both.split(" / ")
    return Cell(f"{' / '.join(each)} ({mean})", *both.found, names=both.names)


def _note_tasks(table: ToldTable, part: ExpertPart) -> None:
    """Which tasks the columns of the paper are about."""
    tasks = [PAPER_TASKS[k] for k in _common(part)]
    shown = " / ".join(tasks) + (" (their mean)" if len(tasks) > 1 else "")
    table.note("tasks", shown=shown + ("; alone in brackets" if tasks else "in brackets"))


def difference_table(part: ExpertPart) -> Table:
    """Is `ours` better than each other method, on the same examples?"""
    what = "ours against other methods"
    ours = part.first("ours", what)
    table, fewest = told("ours_against"), math.inf
    for method, label, _ in in_order(part.points, "method", METHODS):
        if method == "ours":
            continue
        found = part.differences(ours, part.first(method, what), part.tasks)
        known = [f.runs.degrees + 1 for f in found if math.isfinite(f.value)]
        fewest = min([fewest, *known])
        whole = mean_of_independent(found).interval
        table.row(
            ("method", label),
            *((t, with_limits(f.interval)) for t, f in zip(part.tasks, found, strict=True)),
            ("average", with_limits(whole)),
            ("ours is better", _verdict(whole)),
            *_paper(part, _published_difference(part, method)),
        )
    if fewest < 2:
        table.note("ours_against.one")
    _note_tasks(table, part)
    need(table.rows, f"{what} needs a finished point of another method")
    return table


def _verdict(value: Interval) -> str:
    return value.verdict if math.isfinite(value.value) else NONE


def _published_difference(part: ExpertPart, method: str) -> Scores:
    printed = part.published("method")
    if method not in printed:
        return {}
    return {m: np.subtract(printed["ours"][m], printed[method][m]) for m in MODELS}
