"""What the results files of all studies have in common: `Sweep`, and `Part` of it to be shown.

Knows names and fill values, not what the numbers of a study mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from .store import (
    DONE,
    FAILED,
    RESULTS,
    G,
    Group,
    Missing,
    StoreError,
    columns,
    known,
    open_file,
    text,
)

AXIS, METRIC, TIME = "axis", "metric", "time"  # roles of columns of points; others are text
Column = pd.Series | np.ndarray
BOOKKEEPING = {"point", "id", "stage", "status", "reason", "seconds", "rank"}


class Inputs(Group, path="inputs"):
    """What the sweep was read from."""

    name: np.ndarray
    place: np.ndarray


class Graph(Group, path="stages"):
    """Which stages need which: stage k needs rows upstream[begin[k] : begin[k + 1]]."""

    upstream: np.ndarray
    upstream_begin: np.ndarray

    def needs(self, stage: int) -> list[int]:
        """Rows of the stages that a stage needs directly."""
        return self.upstream[self.upstream_begin[stage] : self.upstream_begin[stage + 1]].tolist()

    def all_needed(self, stage: int) -> list[int]:
        """Rows of all stages without which a stage could not have run, ascending."""
        found: set[int] = set()
        waiting = self.needs(stage)
        while waiting:
            if (row := waiting.pop()) not in found:
                found.add(row)
                waiting += self.needs(row)
        return sorted(found)


@dataclass(frozen=True, eq=False)
class Sweep:
    """The points, curves and stages of a results file; rows are numbered as in the file."""

    path: Path
    attributes: dict[str, Any]  # of the root: deck, science, code_version, ...
    science: dict[str, str]  # science_of() the file
    points: pd.DataFrame  # every point, finished or not
    roles: dict[str, str]  # of the columns of points
    units: dict[str, str]  # of the columns of points that have one
    curves: dict[str, np.ndarray]  # metric -> [point, epoch]
    infinite: dict[str, int]  # dataset of points or curves -> infinite numbers, here NaN
    epochs: np.ndarray
    stages: pd.DataFrame  # the journal
    graph: Graph  # of the stages
    published: bool = False  # papers' numbers are shown beside whatever data it has

    @property
    def study(self) -> str:
        return str(self.attributes.get("study", ""))

    @property
    def done(self) -> pd.DataFrame:
        return self.points[self.points["status"] == DONE]

    @property
    def failed(self) -> pd.DataFrame:
        return self.points[self.points["status"] == FAILED]

    @property
    def axes(self) -> list[str]:
        """Columns by which points were chosen."""
        return self._columns(AXIS)

    @property
    def metrics(self) -> list[str]:
        """Columns that were found, besides times."""
        return self._columns(METRIC)

    @property
    def times(self) -> list[str]:
        """Columns of how long something took."""
        return ["seconds"] * ("seconds" in self.points) + self._columns(TIME)

    def _columns(self, role: str) -> list[str]:
        return [c for c in self.points if c not in BOOKKEEPING and self.roles.get(c) == role]

    def group(self, kind: type[G], path: str = "") -> G:
        """The datasets of the group of which `kind` is a record, or of another group of this kind;
        it may be empty.
        """
        with open_file(self.path, (RESULTS,)) as file:
            found = file.get(path or kind.PATH)
            return kind(found if isinstance(found, h5py.Group) else None)

    def groups(self, kind: type[G]) -> dict[str, G]:
        """The groups below that path by name, in the order of their names."""
        with open_file(self.path, (RESULTS,)) as file:
            below = file.get(kind.PATH, {})
            return {name: kind(below[name]) for name in sorted(below)}


def read(path: Path) -> Sweep:
    """What all studies have; a study's own groups are read when they are asked for. StoreError."""
    with open_file(path, (RESULTS,)) as file:
        check_whole(file, path)
        points, roles = read_points(file)
        curves = {
            name: data[()].astype(float)
            for name, data in file.get("curves", {}).items()
            if data.ndim == 2 and data.shape[0] == len(points)
        }
        numbers_of = {f"/points/{name}": c for name, c in points.select_dtypes("floating").items()}
        numbers_of |= {f"/curves/{name}": curve for name, curve in curves.items()}
        infinite = {name: int(np.isinf(numbers).sum()) for name, numbers in numbers_of.items()}
        width = next((curve.shape[1] for curve in curves.values()), 0)
        return Sweep(
            path=path,
            attributes=attributes_of(file),
            science=science_of(file),
            points=points.replace([np.inf, -np.inf], np.nan),
            roles=roles,
            units=_of_columns(file["points"], "units"),
            curves={name: known(curve) for name, curve in curves.items()},
            infinite={name: count for name, count in infinite.items() if count},
            epochs=file["curves/epoch"][()] if "curves/epoch" in file else np.arange(width),
            stages=read_stages(file),
            graph=Graph(file["stages"]),
        )


def check_whole(file: h5py.File, path: Path) -> None:
    """StoreError unless the file has what all studies have."""
    for name in ("points/status", "stages/status", "stages/upstream_begin"):
        if name not in file:
            raise StoreError(f"{path}: no /{name}; the file was not laid out whole.")


def science_of(file: h5py.File) -> dict[str, str]:
    """The keys of the deck that decide results; of paths where what they name lay."""
    science = json.loads(text(file.attrs.get("science", "{}")))
    inputs = Inputs(file.get(Inputs.PATH))
    if inputs.name is None:
        return science
    return science | {name: place for name, place in zip(inputs.name, inputs.place) if place}


def attributes_of(file: h5py.File) -> dict[str, Any]:
    return {name: _attribute(value) for name, value in file.attrs.items()}


def read_points(file: h5py.File) -> tuple[pd.DataFrame, dict[str, str]]:
    """/points as a table, models of one name told apart, and the roles of its columns."""
    points, roles = _table(file["points"]), _of_columns(file["points"], "role")
    return told_apart(points, [name for name in points if roles.get(name) == AXIS]), roles


def read_stages(file: h5py.File) -> pd.DataFrame:
    """The journal, without the graph."""
    stages = _table(file["stages"])
    return stages.drop(columns=["upstream", "upstream_begin"], errors="ignore")


def told_apart(points: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Models of one name, in directories of their own, become NAME (1), NAME (2) as in the deck.

    Rows that are equal on every axis but come of different stages are points of such models: a
    grid has the values of an axis once each, and older files the last name of a model alone.
    """
    if "model" not in axes or points.empty or "stage" not in points:
        return points
    alike = points.groupby([*axes], dropna=False, sort=False)
    place, stages = alike.cumcount(), alike["stage"].transform("nunique")
    if not (stages > 1).any():
        return points
    twice = set(points["model"][stages > 1])
    names = [
        f"{name} ({k + 1})" if name in twice else name
        for name, k in zip(points["model"], place, strict=True)
    ]
    return points.assign(model=names)


def _attribute(value: Any) -> Any:
    if isinstance(value, (bytes, np.bytes_)):
        return text(value)
    return value.item() if isinstance(value, np.generic) else value


def _of_columns(group: h5py.Group, attribute: str) -> dict[str, str]:
    return {n: text(d.attrs[attribute]) for n, d in group.items() if attribute in d.attrs}


def _table(group: h5py.Group) -> pd.DataFrame:
    return pd.DataFrame(columns(group, len(group["status"])))


# --- Parts of a sweep --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Part:
    """Finished points that a section of the report shows together. Studies add their groups."""

    sweep: Sweep
    points: pd.DataFrame
    name: str  # "" when the sweep has one part only

    @property
    def epochs(self) -> np.ndarray:
        return self.sweep.epochs

    def curve(self, metric: str, points: pd.DataFrame, needed_by: str) -> np.ndarray:
        """[point, epoch] of a curve. Missing when the file has none."""
        if metric not in self.sweep.curves:
            raise Missing(f"{needed_by} needs /curves/{metric}")
        return self.sweep.curves[metric][points.index.to_numpy()]

    def column(self, name: str, points: pd.DataFrame, needed_by: str) -> np.ndarray:
        if name not in points:
            raise Missing(f"{needed_by} needs /points/{name}")
        return points[name].to_numpy(dtype=float)


def split(
    sweep: Sweep, axes: Sequence[str], words: Callable[[str, object], str]
) -> list[tuple[str, pd.DataFrame]]:
    """Finished points of equal values on these axes, and the values in words, in the file's order.

    Axes that the whole sweep has one value of are no reason to split it.
    """
    varied = [axis for axis in axes if sweep.points[axis].nunique(dropna=False) > 1]
    if not varied:
        return [("", sweep.done)]
    groups = sweep.done.groupby(varied, dropna=False, sort=False)
    return [(", ".join(map(words, varied, values)), points) for values, points in groups]


def in_order(
    points: pd.DataFrame, axis: str, names: Mapping[str, str]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Value, its words and its points, for each value that points have, in the order of `names`."""
    for value, words in names.items():
        if not (chosen := points[points[axis] == value]).empty:
            yield value, words, chosen


def table_of_means(rows: Column, columns: Column, values: Column) -> pd.DataFrame:
    """Means of the values of equal row and column; NaN where no point of both has finished."""
    table = pd.DataFrame({"row": rows, "column": columns, "value": values})
    return table.groupby(["row", "column"])["value"].mean().unstack()
