"""The test questions of each point, for the page: labels, and answers before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ..html import packed
from ..store import RESULTS, UNSET, open_file, text
from ..sweep import Sweep
from .groups import CATEGORIES, DataRead, Labels, Predictions
from .quantities import LONG, WHEN, Model

NAME = "questions"  # of the packed data
MOST_VERDICTS = 1_000_000  # of points, questions and ends that a page holds
VERDICTS = ["wrong", "right", "I don't know"]


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
    most = max(1, MOST_VERDICTS // max(1, len(predictions.row) * len(WHEN)))
    points: list[list | None] = [None] * len(sweep.points)
    heard: dict[bytes, int] = {}  # answers, each once
    for when, name in WHEN.items():
        right, answers = getattr(predictions, f"correct_{when}"), said(sweep, when, done[:most])
        if right is None:
            continue
        for k, row in enumerate(done[:most]):
            digits = np.minimum(right[row], 9) + ord("0")  # places in VERDICTS; 9: not asked
            of_end = {"name": name, "right": digits.astype(np.uint8).tobytes().decode()}
            if answers is not None:
                of_end["said"] = [heard.setdefault(a, len(heard)) for a in answers[k].tolist()]
            points[row] = (points[row] or []) + [of_end]
    otherwise = "This point has none: it is not done."
    if len(done) > most:
        otherwise = f"This page has those of the first {most} finished points. This prints them: "
        otherwise += f"factsweep questions {sweep.path.name} --point {{id}}"
    return packed(
        NAME,
        {
            "before": [_asked(model.labels, predictions.row) for model in models],
            "model": _places(sweep, models),
            "points": points,
            "said": [*map(text, heard)],
            "verdicts": VERDICTS,
            "otherwise": otherwise,
            "dev": _dev(sweep),
        },
    )


def _dev(sweep: Sweep) -> str:
    """What there is of the dev questions, which a reader may look for among the others."""
    asked = sweep.group(DataRead).dev_questions
    if asked is None:
        return ""
    return (
        f"Not among them are the {asked[0]} dev questions, which decide EARLY_STOP: the file has "
        "their accuracy by epoch (/curves/accuracy_dev), and no answers."
    )


def _places(sweep: Sweep, models: Sequence[Model]) -> list[int]:
    """Of each point's model in `models`."""
    if len(models) == 1:
        return [0] * len(sweep.points)
    return sweep.points["model"].map({model.name: k for k, model in enumerate(models)}).tolist()


def _asked(labels: Labels, rows: np.ndarray) -> dict:
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
            shown.append(VERDICTS[before] if labelled and before < len(VERDICTS) else "")
        found.append(shown)
    return {"columns": columns, "rows": found}


def _answers(labels: Labels, row: int) -> str:
    """The answer, and others that are right, too."""
    more = str(labels.aliases[row]) if labels.aliases is not None else ""
    return "; ".join([str(labels.answer[row]), *(json.loads(more) if more else [])])
