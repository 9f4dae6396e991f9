"""Reads a results file of factsweep (docs/layout.md) into arrays and one table of points.

Knows names and fill values, not what the numbers mean. Never writes, and takes no file lock, so it
also reads the file of a job that still runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

LAYOUT_VERSION = 1
RESULTS = "factsweep results"
WEIGHTS = "factsweep weights"

STATUS = {0: "waiting", 1: "running", 2: "done", 3: "failed", 4: "blocked"}
DONE = 2
UNSET = 255  # fill value of every uint8 dataset

_BOOKKEEPING = {"point", "id", "stage", "status", "reason", "seconds", "rank"}
_COMMON_AXES = {"variant", "unknown_ratio", "seed"}
# Axes of studies whose deck names some elsewhere than in [grid]
_STUDY_AXES = {
    "flearning": ["method", "lambda", "layers", "preset", "model", "data_set", "records", "seed"],
    "kshot": ["task", "method", "shots", "experts", "top_k", "budget", "tau", "signals"]
    + ["data_selection", "draw", "seed"],
}
_METRIC = re.compile(r"(n_train|epoch_early_stop|accuracy_|answered_)")


class StoreError(Exception):
    """The file is not one this package can read; the message says where, what and what to do."""


class Missing(Exception):
    """A figure or table cannot be made from this file; the message says what it needs."""


@dataclass(frozen=True)
class Labels:
    """/labels/base: one row a question; `frame` holds the 1-D datasets, the others are arrays."""

    frame: pd.DataFrame
    category: np.ndarray  # uint8 [question], 255 where not labelled yet
    category_probability: np.ndarray | None  # [question, 4]
    greedy: np.ndarray | None  # uint8 [question, set]
    drawn: np.ndarray | None  # int32 [question, set]

    @property
    def labelled(self) -> np.ndarray:
        return self.category != UNSET

    def rows(self, split: str, role: str) -> np.ndarray:
        """Labelled rows of one split and role, as a mask."""
        chosen = (self.frame["split"] == split) & (self.frame["role"] == role)
        return chosen.to_numpy() & self.labelled


@dataclass(frozen=True)
class Predictions:
    """/predictions: row in /labels/base, and the verdict (0, 1, 2 = "I don't know") a point."""

    row: np.ndarray
    correct: dict[str, np.ndarray]  # when ("early_stop", "final") -> uint8 [point, question]


@dataclass(frozen=True)
class Results:
    path: Path
    attributes: dict[str, Any]
    points: pd.DataFrame  # every point, finished or not; the index is the row number
    units: dict[str, str]  # of the columns of points that have one
    axes: list[str]
    epochs: np.ndarray
    curves: dict[str, np.ndarray]  # metric -> [point, epoch]
    labels: Labels | None
    predictions: Predictions | None

    @property
    def done(self) -> pd.DataFrame:
        return self.points[self.points["status"] == DONE]

    @property
    def metrics(self) -> list[str]:
        return [c for c in self.points if c not in _BOOKKEEPING and c not in self.axes]


def open_file(path: Path, filetypes: tuple[str, ...]) -> h5py.File:
    """Opens `path` for reading once its filetype and layout version are right; else StoreError."""
    if not path.is_file():
        raise StoreError(f"{path}: no such file.")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise StoreError(f"{path}: not an HDF5 file, or damaged ({error}).") from error
    try:
        _check_kind(file, path, filetypes)
    except StoreError:
        file.close()
        raise
    return file


def _check_kind(file: h5py.File, path: Path, filetypes: tuple[str, ...]) -> None:
    filetype = text(file.attrs.get("filetype", ""))
    expected = " or ".join(f"'{name}'" for name in filetypes)
    if filetype not in filetypes:
        hint = " Give NAME.h5, not NAME.weights.h5." if filetype == WEIGHTS else ""
        raise StoreError(f"{path}: filetype is '{filetype}', expected {expected}.{hint}")
    version = int(file.attrs.get("layout_version", -1))
    if version != LAYOUT_VERSION:
        raise StoreError(
            f"{path}: layout_version is {version}, this package reads {LAYOUT_VERSION}. "
            "Use the analysis package of the factsweep version that wrote the file."
        )


def read(path: Path) -> Results:
    """The whole results file, the kept texts and the exemplars left out. StoreError."""
    with open_file(path, (RESULTS,)) as file:
        if "points/status" not in file:
            raise StoreError(f"{path}: no /points/status; the file was not laid out whole.")
        attributes = {name: _attribute(value) for name, value in file.attrs.items()}
        points = _columns(file["points"], len(file["points/status"]))
        curves = (
            {}
            if "curves" not in file
            else {
                name: data[()].astype(float)
                for name, data in file["curves"].items()
                if data.ndim == 2 and data.shape[0] == len(points)
            }
        )
        width = next((curve.shape[1] for curve in curves.values()), 0)
        return Results(
            path=path,
            attributes=attributes,
            points=points,
            units={
                n: text(d.attrs["units"]) for n, d in file["points"].items() if "units" in d.attrs
            },
            axes=_axes(points, attributes),
            epochs=file["curves/epoch"][()] if "curves/epoch" in file else np.arange(width),
            curves=curves,
            labels=_labels(file),
            predictions=_predictions(file),
        )


def read_group(path: Path, name: str) -> dict[str, np.ndarray]:
    """Every dataset below a group by its path there, text as str; empty where there is no group."""
    found: dict[str, np.ndarray] = {}
    with open_file(path, (RESULTS,)) as file:
        if name in file:
            file[name].visititems(
                lambda at, item: (
                    found.update({at: _values(item)}) if isinstance(item, h5py.Dataset) else None
                )
            )
    return found


def text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _attribute(value: Any) -> Any:
    if isinstance(value, (bytes, np.bytes_)):
        return text(value)
    return value.item() if isinstance(value, np.generic) else value


def _values(data: h5py.Dataset) -> np.ndarray:
    """A dataset's content, text decoded to str."""
    if h5py.check_string_dtype(data.dtype) is None:
        return data[()]
    return np.array([text(value) for value in data[()].ravel()], dtype=object).reshape(data.shape)


def _columns(group: h5py.Group, rows: int) -> pd.DataFrame:
    """The 1-D datasets of a group that are `rows` long, as a table."""
    data = {n: d for n, d in group.items() if isinstance(d, h5py.Dataset) and d.shape == (rows,)}
    return pd.DataFrame({name: _values(d) for name, d in data.items()})


def _labels(file: h5py.File) -> Labels | None:
    if "labels/base/category" not in file:
        return None
    group = file["labels/base"]

    def optional(name: str) -> np.ndarray | None:
        return group[name][()] if name in group else None

    return Labels(
        frame=_columns(group, len(group["category"])),
        category=group["category"][()],
        category_probability=optional("category_probability"),
        greedy=optional("greedy"),
        drawn=optional("drawn"),
    )


def _predictions(file: h5py.File) -> Predictions | None:
    group = file.get("predictions")
    if group is None or "row" not in group:
        return None
    correct = {
        when: group[f"correct_{when}"][()]
        for when in ("early_stop", "final")
        if f"correct_{when}" in group
    }
    return Predictions(row=group["row"][()], correct=correct) if correct else None


def _axes(points: pd.DataFrame, attributes: dict[str, Any]) -> list[str]:
    """The axis columns: those the deck's [grid] names, and the ones every sweep has.

    A file whose deck names no grid key is read by the metric names of docs/layout.md instead.
    """
    if axes := _STUDY_AXES.get(str(attributes.get("study", ""))):
        return [name for name in axes if name in points]
    known = _COMMON_AXES | grid_keys(str(attributes.get("deck", "")))
    by_deck = len(known) > len(_COMMON_AXES)
    return [
        name
        for name in points
        if name not in _BOOKKEEPING and (name in known or (not by_deck and not _METRIC.match(name)))
    ]


def grid_keys(deck: str) -> set[str]:
    """Names of the keys in a deck's [grid] section, or written `grid.name = ...`."""
    keys: set[str] = set()
    section = ""
    for line in deck.splitlines():
        if header := re.match(r"\s*\[(\w+)\]", line):
            section = header.group(1)
        elif key := re.match(r"\s*(?:(\w+)\.)?(\w+)\s*=", line):
            if (key.group(1) or section) == "grid":
                keys.add(key.group(2))
    return keys
