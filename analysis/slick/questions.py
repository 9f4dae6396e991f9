"""The test questions of each point, for the page: labels, and answers before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ..questions import Questions, as_many_as_fit
from ..store import RESULTS, UNSET, open_file, text
from ..sweep import Sweep
from .groups import CATEGORIES, DataRead, Labels, Predictions
from .quantities import LONG, WHEN, Model

VERDICTS = {0: "wrong", 1: "right", 2: "I don't know"}


def said(sweep: Sweep, when: str, points: np.ndarray) -> np.ndarray | None:
    """[point, question] bytes of the answers of these points (ascending), of which a file may have
    hundreds of megabytes; None where they are not kept.
    """
    with open_file(sweep.path, (RESULTS,)) as file:
        answers = file.get(f"predictions/answer_{when}")
        return None if answers is None else answers[points]


def packed_questions(sweep: Sweep, models: Sequence[Model]) -> str | None:
    """None where no test question was asked of a fine-tuned model."""
    predictions = sweep.group(Predictions)
    if predictions.row is None or models[0].labels.category is None:
        return None
    done = sweep.done.index.to_numpy()
    shown, otherwise = as_many_as_fit(done, len(predictions.row) * len(WHEN))
    if len(shown) < len(done):
        otherwise += f" This prints them: factsweep questions {sweep.path.name} --point {{id}}"
    asked = Questions("Test questions", len(sweep.points), _dev(sweep))
    tables = {m.name: asked.table(*_asked(m.labels, predictions.row)) for m in models}
    for row in shown:
        asked.begin(row, tables[sweep.points["model"][row] if len(models) > 1 else ""])
    for when, name in WHEN.items():
        if (right := getattr(predictions, f"correct_{when}")) is None:
            continue
        answers = said(sweep, when, shown)
        for k, row in enumerate(shown):
            if answers is not None:
                asked.add(row, f"answer {name}", answers[k], text)
            asked.add(row, f"right {name}", right[row], lambda v: VERDICTS.get(v, ""))
    return asked.packed(otherwise)


def _dev(sweep: Sweep) -> str:
    """What there is of the dev questions, which a reader may look for among the others."""
    asked = sweep.group(DataRead).dev_questions
    if asked is None:
        return ""
    return (
        f"Not among them are the {asked[0]} dev questions, which decide EARLY_STOP: the file has "
        "their accuracy by epoch (/curves/accuracy_dev), and no answers."
    )


def _asked(labels: Labels, rows: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """What is the same for every point of a model."""
    columns = ["row", "question", "right answers", "relation", "questions", "label", "its p"]
    kept = labels.greedy_answer is not None and labels.greedy is not None
    columns += ["answer before", "right before"] if kept else []
    found = []
    for row in rows.tolist():
        category = int(labels.category[row])
        labelled = category != UNSET
        p = labels.category_probability
        shown = [
            str(row),
            str(labels.question[row]),
            _answers(labels, row),
            str(labels.relation[row]),
            str(labels.role[row]).upper(),
            LONG[CATEGORIES[category]] if labelled else "",
            f"{p[row, category]:.3g}" if labelled and p is not None else "",
        ]
        if kept:
            before = int(labels.greedy[row, 0])
            shown.append(str(labels.greedy_answer[row]))
            shown.append(VERDICTS.get(before, "") if labelled else "")
        found.append(shown)
    return columns, found


def _answers(labels: Labels, row: int) -> str:
    """The answer, and others that are right, too."""
    more = str(labels.aliases[row]) if labels.aliases is not None else ""
    return "; ".join([str(labels.answer[row]), *(json.loads(more) if more else [])])
