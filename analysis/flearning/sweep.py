"""Tables of the whole sweep: what sharing trainings saved, searches for lambda, and the edits.

The journal (/stages) is set against separate runs of every point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..store import DONE, Missing, Results, read_group
from ..table import Table, number
from .quantities import FORGETS, LABEL


@dataclass(frozen=True)
class Saving:
    """Trainings, and the seconds of their stages, of finished points."""

    label: str
    points: int
    alone: int
    alone_seconds: float
    shared: int
    shared_seconds: float


def journal(results: Results) -> pd.DataFrame:
    """/stages. Missing without its kinds and titles."""
    found = read_group(results.path, "stages")
    if not {"kind", "title", "status", "seconds"} <= found.keys():
        raise Missing("the trainings need /stages/kind, title, status and seconds")
    return pd.DataFrame(found)


def upstream_titles(point: pd.Series) -> list[str]:
    """Titles of the trainings behind a point besides its leaf, as plan.cpp writes them."""
    place = f"{point['model']} {point['data_set']} n{point['records']} s{point['seed']}"
    titles = [f"original {place}"]
    if point["method"] in FORGETS:
        titles.append(f"delta {FORGETS[point['method']]} {place}")
    return titles


def savings(results: Results) -> list[Saving]:
    """A row a method that has finished points, in the order of LABEL, then all of them together."""
    stages, done = journal(results), results.done
    if done.empty:
        raise Missing("the trainings need a finished point")
    found = [
        _saving(label, points, stages)
        for method, label in LABEL.items()
        if not (points := done[done["method"] == method]).empty
    ]
    return [*found, _saving("all together", done, stages)]


def _saving(label: str, points: pd.DataFrame, stages: pd.DataFrame) -> Saving:
    seconds = stages.groupby("title")["seconds"].mean()  # equal: models of one name, two folders
    alone: list[float] = []
    shared: dict[str | int, float] = {}
    for _, point in points.iterrows():
        trained: dict[str | int, float] = {
            title: float(seconds.get(title, np.nan)) for title in upstream_titles(point)
        }
        leaf = stages.iloc[int(point["stage"])]
        if leaf["kind"] == "learn":
            trained[int(point["stage"])] = float(leaf["seconds"])
        alone += trained.values()
        shared |= trained
    return Saving(
        label,
        len(points),
        len(alone),
        sum(alone),
        len(shared),
        sum(shared.values()),
    )


def searches(results: Results) -> list[tuple[str, np.ndarray, np.ndarray, float]]:
    """Title, tried lambdas, their localities and the lambda found, of each finished search."""
    stored = read_group(results.path, "search")
    stages = pd.DataFrame(read_group(results.path, "stages"))
    found = []
    for key in sorted({name.partition("/")[0] for name in stored}):
        value = float(stored[f"{key}/lambda"][0])
        if math.isnan(value):
            continue
        tried = stored[f"{key}/tried_lambda"]
        known = np.isfinite(tried)
        titles = stages.loc[stages["key"] == key, "title"] if "key" in stages else []
        title = next(iter(titles), key).removeprefix("search ")
        found.append((title, tried[known], stored[f"{key}/tried_locality"][known], value))
    return sorted(found, key=lambda search: search[0])


def done_by_kind(results: Results) -> pd.DataFrame:
    """Kind -> finished stages and their seconds, in the order of the journal."""
    stages = journal(results)
    stages = stages[stages["status"] == DONE]
    return stages.groupby("kind", sort=False)["seconds"].agg(["size", "sum"])


# --- Tables -----------------------------------------------------------------------------------


def training_table(results: Results) -> Table:
    """How many trainings the points took, and how many they would have taken one by one."""
    found = savings(results)
    rows = [
        [
            saving.label,
            str(saving.points),
            str(saving.alone),
            str(saving.shared),
            _duration(saving.alone_seconds),
            _duration(saving.shared_seconds),
        ]
        for saving in found
    ]
    counted = ", ".join(
        f"{int(row['size'])} {kind} ({_duration(row['sum'])})"
        for kind, row in done_by_kind(results).iterrows()
    )
    return Table(
        "trainings",
        f"Trainings: {found[-1].shared} in place of {found[-1].alone}",
        ["method", "points", "alone", "shared", "time alone", "time shared"],
        rows,
        [
            "alone: each finished point by itself, the original model, delta_old and learning "
            "trained for it; shared: each training once among the points of the row. Times are of "
            "whole stages, evaluation included.",
            f"Stages that the journal has done: {counted}.",
        ],
    )


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def search_table(results: Results) -> Table:
    """What the searches for lambda tried and found."""
    rows = []
    for title, tried, locality, found in searches(results):
        kept = locality[np.isclose(tried, found)] if found != 0 else [1.0]  # nothing forgotten
        rows.append(
            [
                title,
                f"{found:.4g}",
                number(100 * kept[0]) if len(kept) else "-",
                str(len(tried)),
                ", ".join(
                    f"{at:.3g}: {100 * share:.1f}"
                    for at, share in zip(tried, locality, strict=True)
                ),
            ]
        )
    if not rows:
        raise Missing("the search for lambda needs search.locality and a finished search")
    return Table(
        "lambda_search",
        "Search for the largest \u03bb whose forgetting alone keeps the locality",
        ["search", "\u03bb", "locality", "evaluations", "tried (\u03bb: locality)"],
        rows,
        ["Evaluations only, no training: each is the original model minus \u03bb delta_old."],
    )


def left_out_table(results: Results) -> Table:
    """Records used, and why others of the files were not."""
    stored = read_group(results.path, "records")
    rows = []
    for name in sorted({path.partition("/")[0] for path in stored}):
        reasons = stored.get(f"{name}/left_out_reason", [])
        counts = stored.get(f"{name}/left_out", [])
        why = "; ".join(f"{c} {r}" for r, c in zip(reasons, counts, strict=True))
        rows.append([name, str(len(stored[f"{name}/prompt"])), why or "none"])
    if not rows:
        raise Missing("the records need /records")
    return Table("edits", "Edits", ["data set", "used", "left out of the file"], rows)
