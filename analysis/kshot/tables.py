"""Tables of accuracy in the K-shot part, ours beside the published numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..statistics import Interval, mean_of_independent
from ..store import need
from ..sweep import in_order
from ..table import (
    NONE,
    PAPER,
    Cells,
    Table,
    number,
    numbers,
    percent,
    span,
    with_limits,
)
from .quantities import (
    CITATION,
    METHODS,
    MODELS,
    PAPER_TASKS,
    ExpertPart,
    paper,
    task_of,
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
AXIS_TABLES = (  # axis, file name stem, title
    ("signals", "table2_signals", "Table 2: what experts are selected by"),
    ("data_selection", "table3_data_selection", "Table 3: what open data are selected by"),
    ("shots", "table4_shots", "Table 4: K, examples that are known"),
    ("experts", "table6_experts", "Table 6: N, experts"),
    ("top_k", "table7_top_k", "Table 7: k, experts that a token goes to"),
)

CHANCE = (
    "In brackets 95 % limits: other draws of the shots (seeds averaged first; other seeds where "
    "there is one draw) and other test examples would give another value; from one draw and seed "
    "they tell of the examples alone. Averages take the tasks as independent."
)

# Of a row of the paper, by model: a number a task, or the average of all alone.
Scores = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Row:
    label: str
    points: pd.DataFrame
    paper: Scores  # empty: the paper has none


def method_table(part: ExpertPart) -> Table:
    """Table 1: every method at its first setting."""
    printed = paper("method")
    rows = [
        Row(label, part.first(method, "table 1"), printed.get(method, {}))
        for method, label, _ in in_order(part.points, "method", METHODS)
    ]
    need(rows, "table 1 needs a finished point")
    notes = [
        "Percent of test examples. likelihood: the right option has the largest, summed over its "
        "tokens.",
        "Random and MixLoRA have fresh experts; \u2020: with open data. Experts and data at random, "
        "LoRA, Uniform sum, upcycling, the untrained Arrow and a PHATGOOSE that sees nothing of the "
        "task are not in the paper's table. Source Best is chosen on the test set.",
        *_own_training(part),
    ]
    return _table(part, "table1_methods", "Table 1: methods", "method", rows, notes)


def _own_training(part: ExpertPart) -> list[str]:
    """How much each Expert LoRA has learnt: the paper's learnt the task's whole train set."""
    if "expert_lora" not in set(part.points["method"]) or part.of_bank.examples is None:
        return []
    owners, learnt = words(part.of_bank.task), part.learnt_examples()
    whole = dict(zip(part.tasks, part.of_tasks.train_examples, strict=True))
    counts = {task: learnt[owners.index(task)] for task in part.tasks if task in owners}
    shown = [
        f"{task} " + (f"{count} of {whole[task]}" if count >= 0 else "unknown, it was brought")
        for task, count in counts.items()
    ]
    return [
        "Examples that Expert LoRA learnt, of as many as the task has to train on (the paper's "
        f"learnt all): {'; '.join(shown)}."
    ]


def axis_table(part: ExpertPart, axis: str, name: str, title: str) -> Table:
    """Tables 2, 3, 4, 6, 7: `ours` by one axis, everything else as in its first setting."""
    what = title.partition(":")[0].lower()
    points, printed = part.along(axis, what), paper(axis)
    rows = [
        Row(value_label(axis, value), points[points[axis] == value], printed.get(str(value), {}))
        for value in _ordered(axis, points[axis].unique())
    ]
    if axis == "data_selection" and (plain := _without_deduplication(part)) is not None:
        rows.append(plain)
    need(len(rows) >= 2, f"{what} needs finished points of ours with two values of grid.{axis}")
    first = value_label(axis, part.first_value(axis))
    notes = [f"The other tables and table 1 have {axis} = {first}."]
    return _table(part, name, title, axis, rows, notes)


def _without_deduplication(part: ExpertPart) -> Row | None:
    points = part.along("tau", "table 3")
    points = points[(points["tau"] == 1) & (points["data_selection"] == "cosine")]
    if points.empty or part.first_value("tau") == 1:
        return None
    printed = paper("data_selection")["no_deduplication"]
    return Row("cosine, no dedup (\u03c4 = 1)", points, printed)


def value_label(axis: str, value: object) -> str:
    names = {"signals": SIGNALS, "data_selection": SELECTIONS}.get(axis)
    return str(names.get(value, value)) if names is not None else f"{value:g}"


def _ordered(axis: str, values: np.ndarray) -> list:
    names = {"signals": SIGNALS, "data_selection": SELECTIONS}.get(axis)
    return sorted(values) if names is None else sorted(values, key=list(names).index)


def _table(
    part: ExpertPart, name: str, title: str, head: str, rows: list[Row], notes: list
) -> Table:
    """The accuracy on each task and, where it has options, the one by likelihood."""
    every = pd.concat([row.points for row in rows])
    likely = list(part.accuracies(every, "accuracy_by_sum"))
    table = Table(name, f"{title} (percent)", *notes, CHANCE, _paper_note(part))
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
        return f"({number(float(np.mean(values)))})"
    chosen = [values[k] for k in common]
    return numbers(chosen) + (f" ({number(float(np.mean(chosen)))})" if len(chosen) > 1 else "")


def _paper_note(part: ExpertPart) -> str:
    tasks = [PAPER_TASKS[k] for k in _common(part)]
    shown = " / ".join(tasks) + (" (their mean)" if len(tasks) > 1 else "")
    shown += "; alone in brackets" if tasks else "in brackets"
    return f"paper: {CITATION}, {shown}: the mean of its six tasks."


def difference_table(part: ExpertPart) -> Table:
    """Is `ours` better than each other method, on the same examples?"""
    what = "ours against other methods"
    ours = part.first("ours", what)
    title = "Ours minus each other method of table 1 (percent points)"
    table, fewest = Table("ours_against", title), math.inf
    for method, label, _ in in_order(part.points, "method", METHODS):
        if method == "ours":
            continue
        other = part.first(method, what)
        found = [
            part.difference(ours[ours["task"] == task], other[other["task"] == task])
            for task in part.tasks
        ]
        known = [f.runs.degrees + 1 for f in found if math.isfinite(f.value)]
        fewest = min([fewest, *known])
        whole = mean_of_independent(found).interval
        table.row(
            ("method", label),
            *((t, with_limits(f.interval)) for t, f in zip(part.tasks, found, strict=True)),
            ("average", with_limits(whole)),
            ("ours is better", _verdict(whole)),
            *_paper(part, _published_difference(method)),
        )
    table.notes.append(
        "Paired by draw and test example. In brackets 95 % limits: half widths by the spread of "
        "the draws (Student's t) and by the spread of the examples, which all draws share, added "
        "in squares. The average takes the tasks as independent. holds: the limits are above 0; "
        "does not hold: below."
    )
    if fewest < 2:
        table.notes.append(
            "Where a method has finished one draw and seed only, limits tell of the examples alone."
        )
    table.notes.append(_paper_note(part))
    need(table.rows, f"{what} needs a finished point of another method")
    return table


def _verdict(value: Interval) -> str:
    return value.verdict if math.isfinite(value.value) else NONE


def _published_difference(method: str) -> Scores:
    printed = paper("method")
    if method not in printed:
        return {}
    return {m: np.subtract(printed["ours"][m], printed[method][m]) for m in MODELS}
