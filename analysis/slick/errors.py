"""Tables of wrong answers: how near they come to the gold answer, and of what kind they are."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..published import PaperTable
from ..statistics import crossed_mean
from ..store import UNSET, need, text
from ..table import Table, number, percent
from .groups import CATEGORIES, KINDS, Errors, Labels
from .quantities import ENDS, LONG, LabelledPart, answers, data_sets, told, verdicts
from .questions import said


MOST_ANSWERS = 20  # of the different ones to a question


def f1_table(part: LabelledPart) -> Table:
    """Does exact match tell the same as word F1? (section 2, a footnote)"""
    what, rows, means = "exact match against word F1", [], []
    for label, points in data_sets(part):
        row = [("D", label), ("seeds", str(points["seed"].nunique()))]
        for short, when in ENDS.items():
            match = answers(part, points, when, "id", what)
            f1 = 100 * verdicts(part, points, "f1", when, "id", what)
            row += [(f"{short} EM", percent(crossed_mean(match)))]
            row += [(f"{short} F1", percent(crossed_mean(f1)))]
            means += [*zip(match.mean(axis=1), f1.mean(axis=1), strict=True)]
        rows.append(row)
    r = np.corrcoef(np.transpose(means))[0, 1] if len(means) > 2 else np.nan
    table = told("em_f1", count=len(means), r=number(r, 3))
    for row in rows:
        table.row(*row)
    return table


def kind_table(part: LabelledPart) -> Table:
    """What the fine-tuned models' wrong answers are."""
    table = told("error_kinds")
    for label, points in data_sets(part):
        for short, when in ENDS.items():
            kinds = verdicts(part, points, "kind", when, "id", "the table of errors").to_numpy()
            wrong = kinds > 0
            shares = (np.where(wrong, 100.0 * (kinds == k), np.nan) for k in range(1, len(KINDS)))
            table.row(
                ("D", label),
                ("at", short),
                ("wrong", percent(crossed_mean(100.0 * wrong))),
                *((n, percent(crossed_mean(s))) for n, s in zip(KINDS[1:], shares, strict=True)),
            )
    return table


def forgotten_table(part: LabelledPart) -> Table | None:
    """Test questions that the base model answered right and fine-tuned ones wrong, and how; None
    where answers are not kept.
    """
    labels, predictions = part.labels, part.predictions
    if labels.greedy_answer is None or labels.greedy is None:
        return None
    rows = predictions.row
    before = labels.labelled[rows] & (labels.greedy[rows, 0] == 1)
    found = []
    for label, points in data_sets(part):
        chosen = points.index.to_numpy()
        wrong = (predictions.correct_final[chosen] == 0) & before
        if (answers := said(part.sweep, "final", chosen)) is None:
            return None
        for k in np.flatnonzero(wrong.any(axis=0)):
            told_so = Counter(map(text, answers[wrong[:, k], k]))
            found.append((int(wrong[:, k].sum()), len(chosen), label, rows[k], told_so))
    asked = {row for *_, row, _ in found}
    table = told("forgotten", count=len(found), questions=len(asked))
    table.folded = True
    found = sorted(found, key=lambda one: (-one[0] / one[1], one[3]))
    for count, seeds, label, row, told_so in found:
        table.row(
            ("D", label),
            ("question", str(labels.question[row])),
            ("gold answer", str(labels.answer[row])),
            ("label", LONG[CATEGORIES[labels.category[row]]]),
            ("before", str(labels.greedy_answer[row])),
            ("after", "; ".join(answer for answer, _ in told_so.most_common(MOST_ANSWERS))),
            ("wrong in", f"{count} of {seeds}"),
        )
    return table if found else None


def base_table(errors: Errors, printed: PaperTable) -> Table:
    """Wrong few-shot answers of the base model, by kind."""
    kind = UNSET if errors.kind is None else errors.kind
    found = np.atleast_1d(kind != UNSET)
    need(found.any(), "table 7 needs wrong answers of the base model (errors.base_sample)")
    table = told("table7_base_errors")
    if printed:
        shares = [f"{name} {row['values'][0]:g} %" for name, row in printed.items()]
        table.note("table7_base_errors.paper", printed=", ".join(shares))
    for k, name in enumerate(KINDS[1:], start=1):
        greedy, sampled = (int((kind[errors.sampled == how] == k).sum()) for how in (0, 1))
        share = number(100 * (greedy + sampled) / found.sum())
        counts = ("greedy", number(greedy, 0)), ("sampled", number(sampled, 0))
        table.row(("kind", name), *counts, ("of all (%)", share))
    return table


def base_answers(errors: Errors, labels: Labels) -> Table | None:
    """The wrong answers themselves, to be read; None where there are none."""
    if errors.kind is None:
        return None
    table = told("base_errors")
    table.folded = True
    for k in np.flatnonzero(errors.row >= 0):
        row = errors.row[k]
        table.row(
            ("question", str(labels.question[row])),
            ("gold answer", str(labels.answer[row])),
            ("answer", str(errors.answer[k])),
            ("decoding", "sampled" if errors.sampled[k] else "greedy"),
            ("kind", KINDS[errors.kind[k]]),
            ("word F1", number(100 * float(errors.f1[k]))),
        )
    return table
