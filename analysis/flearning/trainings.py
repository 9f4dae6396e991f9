"""Tables of the whole sweep: what sharing trainings saved, searches for lambda, and the edits.

The journal (/stages) is set against separate runs of every point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..sources import Sources
from ..store import need
from ..sweep import Sweep, in_order
from ..table import NONE, Cell, Table, alone, duration, number
from .groups import Records, Search, Tuning
from .quantities import METHODS, told

TRAININGS = ("original", "delta", "learn")  # kinds of stages
LEFT_OUT_HEADS = ("questions left out", "repeated", "not measured", "not used")  # of edits alone
NO_SEARCH = "the search for lambda needs search.locality and a finished search"


@dataclass(frozen=True)
class Saving:
    """Trainings, and the seconds of their stages, of finished points."""

    label: str
    points: int
    alone: int
    alone_seconds: float
    shared: int
    shared_seconds: float


def savings(sweep: Sweep) -> list[Saving]:
    """A row a method that has finished points, then all of them together."""
    need(not sweep.done.empty, "the trainings need a finished point")
    groups = [(label, points) for _, label, points in in_order(sweep.done, "method", METHODS)]
    groups.append(("all together", sweep.done))
    return [_saving(label, points, sweep) for label, points in groups]


def _saving(label: str, points: pd.DataFrame, sweep: Sweep) -> Saving:
    alone: list[int] = []  # rows of /stages
    # an original model that is the model as it is takes no training
    as_it_is = {key for key, about in sweep.groups(Tuning).items() if about.seconds is None}
    trains = [
        kind in TRAININGS and not (kind == "original" and key in as_it_is)
        for kind, key in zip(sweep.stages["kind"], sweep.stages["key"], strict=True)
    ]
    for leaf in points["stage"]:
        needed = [*sweep.graph.all_needed(leaf), leaf]
        alone += [row for row in needed if trains[row]]

    def cost(rows: list[int]) -> tuple[int, float]:
        return len(rows), float(sum(sweep.stages["seconds"][rows]))

    return Saving(label, len(points), *cost(alone), *cost(sorted(set(alone))))


class Searched(NamedTuple):
    """A search for lambda that has finished."""

    title: str
    tried: np.ndarray  # lambdas
    locality: np.ndarray  # at each of them
    found: float


def searches(sweep: Sweep) -> list[Searched]:
    titles = dict(zip(sweep.stages["key"], sweep.stages["title"], strict=True))
    found = []
    for key, search in sweep.groups(Search).items():
        if not math.isnan(value := float(search.lambda_[0])):
            known = np.isfinite(search.tried_lambda)
            tried, locality = search.tried_lambda[known], search.tried_locality[known]
            title = titles.get(key, key).removeprefix("search ")
            found.append(Searched(title, tried, locality, value))
    return sorted(found, key=lambda search: search.title)


# --- Tables -----------------------------------------------------------------------------------


def training_table(sweep: Sweep) -> Table:
    """How many trainings the points took, and how many they would have taken one by one."""
    found = savings(sweep)
    table = told("trainings", shared=found[-1].shared, alone=found[-1].alone)
    for saving in found:
        table.row(
            ("method", saving.label),
            ("points", number(saving.points, 0)),
            ("alone", number(saving.alone, 0)),
            ("shared", number(saving.shared, 0)),
            ("time alone", duration(saving.alone_seconds)),
            ("time shared", duration(saving.shared_seconds)),
        )
    return table


def search_table(sweep: Sweep) -> Table:
    """What the searches for lambda tried and found."""
    table = told("searches")
    for title, tried, locality, found in searches(sweep):
        kept = locality[np.isclose(tried, found)] if found != 0 else [1.0]  # nothing forgotten
        pairs = zip(tried, locality, strict=True)
        table.row(
            ("search", title),
            ("\u03bb", Cell(f"{found:.4g}", alone(found))),
            ("locality", number(100 * kept[0]) if len(kept) else NONE),
            ("evaluations", number(len(tried), 0)),
            ("tried (\u03bb: locality)", ", ".join(f"{a:.3g}: {100 * b:.1f}" for a, b in pairs)),
        )
    need(table.rows, NO_SEARCH)
    return table


def left_out_table(sweep: Sweep) -> Table:
    """Records used, why others of the files were not, and what of the used ones is not."""
    table = told("edits")
    for name, records in sweep.groups(Records).items():
        table.row(
            ("data set", name),
            ("used", str(len(records.prompt))),
            (
                "left out of the file",
                _counted(records.left_out, records.left_out_reason, records.left_out_first),
            ),
            (
                "questions left out",
                _counted(
                    records.questions_left_out,
                    records.questions_left_out_reason,
                    records.questions_left_out_first,
                ),
            ),
            (
                "repeated",
                _counted(records.repeated, records.repeated_reason, records.repeated_first),
            ),
            ("not measured", _counted(records.not_measured, records.not_measured_reason)),
            ("not used", _counted(records.not_used, records.not_used_reason)),
        )
    tasks = sweep.group(Sources)
    for k, name in enumerate(() if tasks.name is None else tasks.name):
        told_first = _counted(*(column[k : k + 1] for column in (tasks.records, tasks.reason)))
        table.row(
            ("data set", str(name)),
            ("used", NONE),
            ("left out of the file", f"{told_first} ({tasks.first[k]})"),
            *((head, NONE) for head in LEFT_OUT_HEADS),
        )
    need(table.rows, "the records need /records")
    return table


def _counted(
    counts: np.ndarray | None, reasons: np.ndarray | None, first: np.ndarray | None = None
) -> str:
    if counts is None or reasons is None:
        return "none"
    places = [""] * len(counts) if first is None else [f" ({where})" for where in first]
    told = zip(counts, reasons, places, strict=True)
    return "; ".join(f"{count} {reason}{where}" for count, reason, where in told)
