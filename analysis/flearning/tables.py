"""Tables of the F-Learning study, ours beside the published numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ..after_training import abilities, ability_cell, base_ability, single_cell
from ..published import PaperTable
from ..store import need
from ..table import NONE, PAPER, Cell, Cells, Table, alone, number, numbers, percent, span
from .quantities import (
    FORGETS,
    LLAMA2,
    METHODS,
    OUTCOMES,
    EditPart,
    Variant,
    across_counts,
    nearest,
    told,
)

OLD = ("reliability_old", "generality_old")
TIMED = (1, 10, 100)  # edits of the paper's table 3
CASE_STUDY_LAMBDA = 0.3  # of the paper's tables 4 and 5


def outcome_table(part: EditPart) -> Table:
    """Every method's reliability, generality and locality, and portability where it is asked."""
    table = told("table1_outcomes", model=part.model, data_set=part.data_set)
    if part.paper:
        table.note("table1_outcomes.paper", data_set=part.paper)
    if part.edited < part.records:
        table.note("table1_outcomes.edited", edited=part.edited)
    for variant in part.variants():
        table.row(*_head(variant), *_outcomes(part, variant), *_paper(part, variant))
    return table


def subset_table(part: EditPart) -> Table | None:
    """Table 1 on the records that every method edited; None where these are all."""
    if part.edited == part.records:
        return None
    table = told("table1_subset", edited=part.edited)
    for variant in part.variants():
        table.row(*_head(variant, "edited at once"), *_outcomes(part, variant, part.edited))
    return table


def records_table(part: EditPart) -> Table | None:
    """Outcomes by the number of records edited at once; None where it is the same everywhere."""
    counts = sorted(part.points["records"].unique())
    if len(counts) == 1:
        return None
    table = told("records")
    for alike in across_counts(part):
        row = [("method", alike[max(alike)].label)]
        for outcome, count in product(part.outcomes_asked, counts):
            found = alike.get(count)
            cell = percent(part.mean(found, outcome)) if found else NONE
            row.append((f"{outcome} {count}", cell))
        table.row(*row)
    return table


def _paper(part: EditPart, variant: Variant) -> Cells:
    rows = part.published("outcomes") if variant.preset in ("", "paper") else {}
    found = rows.get(variant.method, {})
    return [
        (f"{PAPER} {model}", numbers(found.get(model), names=OUTCOMES))
        for model in part.published_models
    ]


def _head(variant: Variant, records: str = "records") -> Cells:
    return [
        ("method", variant.label),
        ("seeds", str(len(variant.points))),
        (records, span(variant.points["n_records"])),
    ]


def _outcomes(part: EditPart, variant: Variant, first: int | None = None) -> Cells:
    return [
        (head, percent(part.mean(variant, name, first)))
        for outcome in part.outcomes_asked
        for head, name in ((outcome, outcome), ("exact", f"{outcome}_exact"))
    ]


def old_table(part: EditPart) -> Table:
    """How much of the old knowledge is left: figures 6 and 7 in numbers, and after learning."""
    table = told("old_answers")
    for variant in part.variants():
        row = _head(variant)
        for outcome in OLD:
            row.append((outcome.removesuffix("_old"), percent(part.mean(variant, outcome))))
            row.append(("exact", percent(part.mean(variant, f"{outcome}_exact"))))
        table.row(*row, (PAPER, _published_old(part, variant)))
    return table


def _published_old(part: EditPart, variant: Variant) -> str:
    rows = part.published_of_zsre(f"forgetting {FORGETS.get(variant.method, 'full')}")
    if not rows or variant.method not in ("original", "forget_ft", "forget_lora"):
        return NONE
    forgets = variant.method != "original"
    lambdas, lambda_ = rows["lambda"][LLAMA2], variant.lambda_ if forgets else 0.0
    if lambda_ not in lambdas or (forgets and not variant.everywhere):
        return NONE
    found = [100 * rows[name][LLAMA2][lambdas.index(lambda_)] for name in OLD]
    return numbers(found, names=OLD)


def time_table(part: EditPart) -> Table:
    """Table 3: wall time of the edits, and its ratio to full fine-tuning."""
    counts = sorted(part.points["records"].unique())
    published = part.published("seconds")
    table = told("table3_seconds")
    if published:
        table.note("table3_seconds.paper")
    for alike in across_counts(part):
        last = alike[max(alike)]
        if last.method == "original":
            continue
        row = [("method", last.label)]
        for count in counts:
            row += _times(part, alike.get(count), count)
            if published:
                at = count if count in TIMED else TIMED[-1]
                row.append((f"{PAPER} {at}", _published_time(published, last.method, at)))
        table.row(*row)
    need(table.rows, "table 3 needs a finished method that edits")
    return table


def _times(part: EditPart, variant: Variant | None, count: int) -> Cells:
    heads = (f"{count} edits: s", "s per edit", "x Full-FT")
    if variant is None:
        return [(head, NONE) for head in heads]
    whole = part.variants("ft", records=count)
    ratio = _per_edit(variant) / _per_edit(whole[0]) if whole else math.nan
    edited = int(variant.points["n_records"].max())
    seconds, each = float(variant.points["edit_seconds"].mean()), _per_edit(variant)
    shown = f"{seconds:.4g}" + (f" for {edited}" if edited != count else "")
    timed = replace(alone(seconds), examples=edited)
    cells = Cell(shown, timed), Cell(f"{each:.3g}", alone(each)), number(ratio, 2)
    return list(zip(heads, cells, strict=True))


def _per_edit(variant: Variant) -> float:
    return float((variant.points["edit_seconds"] / variant.points["n_records"]).mean())


def _published_time(published: PaperTable, method: str, at: int) -> str:
    if method not in published:
        return NONE
    seconds, whole = (published[m][LLAMA2][TIMED.index(at)] for m in (method, "ft"))
    both = seconds, seconds / whole
    return Cell(f"{seconds:g} ({both[1]:.2f})", *map(alone, both), names=("s", "ratio"))


def case_table(part: EditPart) -> Table:
    """Table 4: what the models answer to the first questions."""
    answers = part.cases.needed("answer", "table 4 needs (flearning.cases)")
    table = told("table4_cases")
    edits, cases = part.edits, range(answers.shape[1])

    def row(of: str, texts: Sequence[str]) -> None:
        told = [(str(edits.prompt[k]), str(texts[k]) or NONE) for k in cases]
        table.row(("answer of", of), *told)

    row("the old answer", edits.target_old)
    row("the new answer", edits.target_new)
    for method in METHODS:
        if found := part.variants(method):
            shown = nearest(found, CASE_STUDY_LAMBDA)
            row(shown.label, answers[shown.points.index[0]])
    return table


def ability_table(part: EditPart) -> Table:
    """Table 5: other abilities, where the file has columns ability_<task>."""
    tasks = abilities(part.sweep)
    need(tasks, "table 5 needs columns ability_<task> in /points")
    chosen: list[tuple[Variant, int | None]] = []  # with the column of the paper's table
    for column, method in enumerate(("original", "forget_ft", "f_learning_ft")):
        if found := part.variants(method):
            chosen.append((nearest(found, CASE_STUDY_LAMBDA), column))
    for variant in part.variants():
        if variant.method not in [v.method for v, _ in chosen]:
            chosen.append((variant, None))
    bases = {task: base_ability(part.sweep, task, part.model) for task in tasks}
    table = told("table5_abilities")
    for task in tasks:
        name = task.removeprefix("ability_")
        row = [("task", name)]
        if np.isfinite([*bases.values()]).any():
            row.append(("Base model", single_cell(part.sweep, task, bases[task])))
        for variant, column in chosen:
            row.append((variant.label, ability_cell(part.sweep, task, variant.points[task])))
            if column is not None:
                row.append((PAPER, _published_ability(part, name, column)))
        table.row(*row)
    return table


def _published_ability(part: EditPart, task: str, column: int) -> str:
    plain, known = re.sub(r"[^a-z0-9]+", "_", task.lower()), part.published_abilities
    fitting = [name for name in known if plain.endswith(name)]
    return number(known[max(fitting, key=len)][LLAMA2][column]) if fitting else NONE
