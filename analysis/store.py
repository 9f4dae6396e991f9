"""Opens the files of a sweep (docs/layout.md) and reads groups of datasets into typed records.

Never writes, and takes no file lock, so it also reads the file of a job that still runs.
"""

from __future__ import annotations

from inspect import get_annotations
from pathlib import Path
from typing import ClassVar, TypeVar

import h5py
import numpy as np

LAYOUT_VERSION = 2
RESULTS = "factsweep results"
WEIGHTS = "factsweep weights"

STATUS = {0: "waiting", 1: "running", 2: "done", 3: "failed", 4: "blocked"}
DONE, FAILED = 2, 3
UNSET = 255  # fill value of every uint8 dataset


class StoreError(Exception):
    """The file is not one this package can read; the message says where, what and what to do."""


class Missing(Exception):
    """A figure or table cannot be made from this file; the message says what it needs."""


def need(condition: object, words: str) -> None:
    """Missing with these words unless the condition holds."""
    if not condition:
        raise Missing(words)


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
            f"{path}: layout_version is {version}, and this package reads {LAYOUT_VERSION}: run "
            "the sweep again, or use the analysis package of the factsweep that wrote the file."
        )


def text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def values(data: h5py.Dataset) -> np.ndarray:
    """A dataset's content, text decoded to str."""
    if h5py.check_string_dtype(data.dtype) is None:
        return data[()]
    return data.asstr(errors="replace")[()]


def known(numbers: np.ndarray) -> np.ndarray:
    """NaN in place of what is infinite: that is no value to compute with or to show."""
    if numbers.dtype.kind != "f" or not (infinite := np.isinf(numbers)).any():
        return numbers
    return np.where(infinite, numbers.dtype.type(np.nan), numbers)


def columns(group: h5py.Group, rows: int) -> dict[str, np.ndarray]:
    """The one-dimensional datasets of a group that are `rows` long."""
    return {
        name: values(data)
        for name, data in group.items()
        if isinstance(data, h5py.Dataset) and data.shape == (rows,)
    }


Data = np.ndarray | None  # of a field of a Group

G = TypeVar("G", bound="Group")


class Group:
    """The datasets of one group that a subclass annotates; None: the file has none such.

    A field whose dataset has a name that Python reserves ends in `_`.
    """

    PATH: ClassVar[str]

    def __init_subclass__(cls, path: str) -> None:
        cls.PATH = path

    def __init__(self, group: h5py.Group | None) -> None:
        for field in get_annotations(type(self)):
            name = field.rstrip("_")
            found = group is not None and name in group
            setattr(self, field, known(values(group[name])) if found else None)

    def needed(self, field: str, by: str) -> np.ndarray:
        """A dataset that `by` (with its verb: "figure 7 needs") can't do without. Missing."""
        found = getattr(self, field)
        if found is None:
            raise Missing(f"{by} /{self.PATH}/{field.rstrip('_')}")
        return found
