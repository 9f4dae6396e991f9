"""Tables of what was selected: experts on mixed cases, signals and accuracy, open data kept."""

from __future__ import annotations

import numpy as np

from ..statistics import mean
from ..store import Missing
from ..table import PAPER, Table, number, with_interval
from . import published
from .quantities import (
    Cases,
    Study,
    adapter_accuracy,
    cases,
    correlations,
    measured_tasks,
    over_draws,
)


def mixed_table(study: Study) -> Table:
    """Table 5: errors of the experts and of their mixture where some expert is right, some not."""
    found = cases(study)
    rows = []
    for task in study.tasks:
        of_task = [c for c in found if c.task == task]
        if not of_task:
            continue
        paper = "-"
        if published.task_of(task) == "arc_c":
            errors = published.MIXED_EXPERTS
            paper = " / ".join(
                [f"{published.MIXED_CASES}", *map(number, [np.mean(errors), min(errors)])]
                + [number(published.MIXED_MIXTURE)]
            )
        columns = [
            lambda c: c.counts[1],
            lambda c: c.expert_errors.mean(),
            lambda c: c.expert_errors.min(),
            lambda c: c.mixture_error,
            lambda c: c.expert_errors.min() - c.mixture_error,
        ]
        rows.append(
            [task, *(with_interval(over_draws(of_task, value)) for value in columns), paper]
        )
    return Table(
        "table5_mixed_cases",
        "Table 5: error on the mixed cases, which some experts have right and some wrong (percent)",
        ["task", "cases", "experts", "best expert", "mixture", "best - mixture", PAPER],
        rows,
        [
            "Experts as in the bank, before they are tuned in the mixture. Mean \u00b1 95 % "
            "Student interval over draws, each of which has its own experts and cases.",
            f"paper: {published.CITATION}, {published.MISTRAL}, cases / experts / best expert / "
            "mixture.",
        ],
    )


def expert_table(study: Study) -> Table:
    """The same draw by draw, with the experts' names."""
    rows = [
        [
            f"{c.task}, draw {c.draw}, seed {c.seed}",
            ", ".join(_named(c)),
            *map(str, c.counts),
            number(c.mixture_error),
        ]
        for c in cases(study)
    ]
    return Table(
        "experts",
        "Experts that were selected, and their error on the mixed cases (percent)",
        ["point", "experts", "all correct", "mixed", "all incorrect", "mixture's error"],
        rows,
    )


def _named(found: Cases) -> list[str]:
    pairs = zip(found.experts, found.expert_errors, strict=True)
    return [f"{name} {number(error)}" for name, error in pairs]


def correlation_table(study: Study) -> Table:
    """Figure 8 in numbers: do the perplexities tell which adapter is good at the task?"""
    rows = []
    for task in measured_tasks(study, "the correlations of figure 8"):
        known = int(np.isfinite(adapter_accuracy(study, task)).sum())
        values = [
            with_interval(mean(correlations(study, task, kind)), 2)
            for kind in ("perplexity", "reasoning_perplexity")
        ]
        rows.append([study.tasks[task], str(known), study.rationales[task], *values])
    return Table(
        "figure8_correlations",
        "Figure 8: Spearman correlation of the adapters' test accuracy and their perplexity",
        ["task", "adapters", "reasons", "vanilla", "reasoning"],
        rows,
        [
            "Mean over the draws of the shots \u00b1 95 % Student interval; negative: adapters of "
            "low perplexity are good. Where reasons are 'answer only' or 'own output', both are "
            "of one text. The paper shows a weak and a strong negative one, without numbers."
        ],
    )


def bank_table(study: Study) -> Table:
    """Tables 8 to 10: every adapter on every task."""
    if "accuracy" not in study.tests or not np.isfinite(study.tests["accuracy"]).any():
        raise Missing("tables 8 to 10 need /tests/accuracy (bank.evaluate = true)")
    accuracy = 100 * study.tests["accuracy"]  # [task, model]
    rows = [
        [name, *map(number, accuracy[:, k]), number(float(accuracy[:, k].mean()))]
        for k, name in enumerate(["base model", *study.bank])
    ]
    return Table(
        "table8_bank",
        "Tables 8 to 10: every adapter of the bank on every task (percent)",
        ["adapter", *study.tasks, "average"],
        rows,
    )


def kept_table(study: Study) -> Table:
    """What deduplication leaves of the open data, by C and tau."""
    rows = {}
    for axis in ("budget", "tau"):
        chosen = study.along(axis, "the open data kept")
        chosen = chosen[(chosen["selected_data"] > 0) & chosen["tau"].notna()]
        for (budget, tau), members in chosen.groupby(["budget", "tau"]):
            kept = members.groupby(["draw", "task"])["selected_data"].mean().unstack()
            kept = kept.reindex(columns=study.tasks)
            share = mean((100 * kept.mean(axis=1) / budget).to_numpy())
            paper = published.KEPT.get(float(tau))
            rows[budget, tau] = [
                f"{budget} at {tau:g}",
                *(with_interval(mean(kept[task])) for task in study.tasks),
                with_interval(share),
                number(paper, 0),
            ]
    if not rows:
        raise Missing("the open data kept need finished points of ours that deduplicate")
    return Table(
        "figure9_kept",
        "Open data that deduplication leaves (examples)",
        ["C at \u03c4", *study.tasks, "kept (%)", PAPER],
        [rows[key] for key in sorted(rows)],
        [f"paper: {published.CITATION}, section 4.6.2."],
    )
