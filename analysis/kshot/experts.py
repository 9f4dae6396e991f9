"""Tables of what was selected: experts on mixed cases, signals and accuracy, open data kept."""

from __future__ import annotations

import numpy as np

from ..statistics import mean
from ..store import Missing, need
from ..sweep import table_of_means
from ..table import NONE, PAPER, Cell, Table, between, number, numbers, percent, with_limits
from .quantities import (
    CASES,
    MODELS,
    Cases,
    ExpertPart,
    cases,
    over_draws,
    task_of,
    told,
    words,
)

MIXED = {  # column of table 5 -> its percentages by example
    "cases (%)": lambda c: 100.0 * (c.case == 1),
    "experts": lambda c: c.on_mixed((~c.alone).mean(axis=0)),
    "best expert": lambda c: c.on_mixed(~c.best),
    "mixture": lambda c: c.on_mixed(~c.mixture),
}


def gain(c: Cases) -> np.ndarray:
    """[example]: error of the best expert less that of the mixture."""
    return c.on_mixed((~c.best).astype(float) - ~c.mixture)


def mixed_table(part: ExpertPart) -> Table:
    """Table 5: errors of the experts and of their mixture where some expert is right, some not."""
    found, model = cases(part), MODELS[1]
    printed = _published_cases(part, model)
    table = told("table5_mixed_cases")
    for task in part.tasks:
        if of_task := [c for c in found if c.task == task]:
            table.row(
                ("task", task),
                ("cases", number(float(np.mean([c.counts[1] for c in of_task])))),
                *((h, percent(over_draws(of_task, v))) for h, v in MIXED.items()),
                ("best - mixture", with_limits(over_draws(of_task, gain).interval)),
                (PAPER, printed if task_of(task) == "arc_c" else NONE),
            )
    return table


def _published_cases(part: ExpertPart, model: str) -> str:
    if not (rows := part.published("mixed_cases")):
        return NONE
    count, errors, mixture = (row[model] for row in rows.values())
    names = ("cases", "experts", "best expert", "mixture")
    shown = numbers([*count, np.mean(errors), min(errors), *mixture], names=names)
    return Cell(shown.replace(".0 /", " /", 1), *shown.found, names=names)


def expert_table(part: ExpertPart) -> Table:
    """The same draw by draw, with the experts' names."""
    table = told("experts")
    for c in cases(part):
        named = zip(c.experts, c.expert_errors, strict=True)
        table.row(
            ("point", f"{c.task}, draw {c.draw}, seed {c.seed}"),
            ("experts", ", ".join(f"{name} {number(error)}" for name, error in named)),
            *((case, number(count, 0)) for case, count in zip(CASES, c.counts, strict=True)),
            ("mixture's error", number(c.mixture_error)),
        )
    return table


def correlation_table(part: ExpertPart) -> Table:
    """Figure 8 in numbers: do the perplexities tell which adapter is good at the task?"""
    table = told("figure8_correlations")
    reasons = words(part.of_tasks.rationales)
    for task in part.measured_tasks("the correlations of figure 8"):
        table.row(
            ("task", part.tasks[task]),
            ("adapters", str(int(np.isfinite(part.adapter_accuracy(task)).sum()))),
            ("reasons", reasons[task]),
            *(
                (head, between(mean(part.correlations(task, kind), -1, 1), 2))
                for head, kind in (("vanilla", "perplexity"), ("reasoning", "reasoning_perplexity"))
            ),
        )
    return table


def bank_table(part: ExpertPart) -> Table:
    """Tables 8 to 10: every adapter on every task."""
    accuracy = part.tests.accuracy  # [task, model]
    if accuracy is None or not np.isfinite(accuracy).any():
        raise Missing("tables 8 to 10 need /tests/accuracy (bank.evaluate = true)")
    table = told("table8_bank")
    for name, of_model in zip(["base model", *part.bank], 100 * accuracy.T, strict=True):
        table.row(
            ("adapter", name),
            *((task, number(value)) for task, value in zip(part.tasks, of_model, strict=True)),
            ("average", number(float(of_model.mean()))),
        )
    return table


def kept_table(part: ExpertPart) -> Table:
    """What deduplication leaves of the open data, by C and tau."""
    rows = {}
    for axis in ("budget", "tau"):
        chosen = part.along(axis, "the open data kept")
        chosen = chosen[(chosen["selected_data"] > 0) & chosen["tau"].notna()]
        for (budget, tau), members in chosen.groupby(["budget", "tau"]):
            kept = table_of_means(members["draw"], members["task"], members["selected_data"])
            kept = kept.reindex(columns=part.tasks)
            rows[budget, tau] = [
                ("C at \u03c4", f"{budget} at {tau:g}"),
                *((task, between(mean(kept[task], 0, budget))) for task in part.tasks),
                ("kept (%)", between(mean(100 * kept.mean(axis=1) / budget, 0, 100))),
                (PAPER, numbers(part.published("kept").get(f"{tau:g}", {}).get(MODELS[0]), 0)),
            ]
    table = told("figure9_kept")
    for key in sorted(rows):
        table.row(*rows[key])
    need(table.rows, "the open data kept need finished points of ours that deduplicate")
    return table
