"""Tables of wrong answers: how near they come to the gold answer, and of what kind they are."""

from __future__ import annotations

import numpy as np

from ..statistics import crossed_mean
from ..store import UNSET, need
from ..table import Table, number, percent
from .groups import KINDS, Errors, Labels
from .quantities import CITATION, ENDS, LabelledPart, answers, data_sets, paper, verdicts
from .tables import CHANCE

BY_WORDS = (
    "Kinds are told by words, lower-cased, without punctuation and articles; an answer is of the "
    "first that fits. same words: the gold answer, written otherwise; longer, shorter: its words "
    "and more, or some of them in a row; shown: the gold answer to another question of the "
    "relation in {shown}; of relation: to another question of the data; similar: shares a word."
)


def f1_table(part: LabelledPart) -> Table:
    """Does exact match tell the same as word F1? (section 2, a footnote)"""
    what, pairs = "exact match against word F1", []
    table = Table("em_f1", "Exact match and word F1 on the test questions (percent)")
    for label, points in data_sets(part):
        row = [("D", label), ("seeds", str(points["seed"].nunique()))]
        for short, when in ENDS.items():
            match = answers(part, points, when, "id", what)
            f1 = 100 * verdicts(part, points, "f1", when, "id", what)
            row += [(f"{short} EM", percent(crossed_mean(match)))]
            row += [(f"{short} F1", percent(crossed_mean(f1)))]
            pairs.append(np.stack([match.mean(axis=1), f1.mean(axis=1)]))
        table.row(*row)
    both = np.concatenate(pairs, axis=1)
    table.notes += [
        f"Pearson correlation of the two over {both.shape[1]} evaluations of a run: "
        f"{number(np.corrcoef(both)[0, 1] if both.shape[1] > 2 else np.nan, 3)}. The paper says "
        "that they correlate strongly, without a number.",
        'Both are over the questions that were not answered "I don\'t know".',
        CHANCE,
    ]
    return table


def kind_table(part: LabelledPart) -> Table:
    """What the fine-tuned models' wrong answers are."""
    table = Table(
        "error_kinds",
        "Wrong test answers by kind (percent of the wrong ones)",
        BY_WORDS.format(shown="D"),
        CHANCE,
    )
    for label, points in data_sets(part):
        for short, when in ENDS.items():
            kinds = verdicts(part, points, "kind", when, "id", "the kinds of errors")
            wrong = kinds.where(kinds > 0)
            table.row(
                ("D", label),
                ("at", short),
                ("wrong", percent(crossed_mean(100.0 * (kinds > 0)))),
                *(
                    (name, percent(crossed_mean(100.0 * (wrong == k).where(wrong.notna()))))
                    for k, name in enumerate(KINDS)
                    if k > 0
                ),
            )
    return table


def base_table(errors: Errors) -> Table:
    """Table 7 (6 in v1): wrong few-shot answers of the base model, by kind."""
    kind = UNSET if errors.kind is None else errors.kind
    found = np.atleast_1d(kind != UNSET)
    need(found.any(), "table 7 needs wrong answers of the base model (errors.base_sample)")
    printed = ", ".join(f"{name} {value[0]:g} %" for name, value in _by_hand())
    table = Table(
        "table7_base_errors",
        "Table 7 (6 in v1): wrong few-shot answers of the base model, by kind",
        BY_WORDS.format(shown="the prompt's exemplars"),
        f"paper: {CITATION}, of 50 greedy and 50 sampled answers, told apart by reading them: "
        f"{printed}. A paraphrase is among same words, similar and other; another granularity "
        "among longer, shorter and of relation. The next table is to be read for that.",
    )
    for k, name in enumerate(KINDS):
        if k == 0:
            continue
        at = found & (kind == k)
        table.row(
            ("kind", name),
            ("greedy", str(int((at & (errors.sampled == 0)).sum()))),
            ("sampled", str(int((at & (errors.sampled == 1)).sum()))),
            ("of all (%)", number(100 * at.sum() / found.sum())),
        )
    return table


def _by_hand() -> list[tuple[str, tuple[float, ...]]]:
    return [(name, row["values"]) for name, row in paper("errors").items()]


def base_answers(errors: Errors, labels: Labels) -> Table | None:
    """The wrong answers themselves, to be read; None where there are none."""
    if errors.kind is None:
        return None
    table = Table("base_errors", "The wrong few-shot answers of the base model")
    table.folded = True
    for row, kind, sampled, answer, f1 in zip(
        errors.row, errors.kind, errors.sampled, errors.answer, errors.f1, strict=True
    ):
        if row >= 0:
            table.row(
                ("question", str(labels.question[row])),
                ("gold answer", str(labels.answer[row])),
                ("answer", str(answer)),
                ("decoding", "sampled" if sampled else "greedy"),
                ("kind", KINDS[kind]),
                ("word F1", number(100 * float(f1))),
            )
    return table if table.rows else None
