"""What the made-up results files of all studies have in common, in the layout of docs/layout.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

LAYOUT_VERSION = 2
WAITING, DONE, FAILED = 0, 2, 3  # status of a point or stage


def write_root(file: h5py.File, filetype: str = "factsweep results", **attributes) -> None:
    """What a file is, and further attributes of its root: study, deck, ..."""
    file.attrs["filetype"] = filetype
    file.attrs["layout_version"] = LAYOUT_VERSION
    file.attrs.update(attributes)


class Writer:
    """Datasets with dimension scales of the same group, as the program writes them."""

    def __init__(self, group: h5py.Group) -> None:
        self.group = group

    def scale(self, name: str, values) -> None:
        self._create(name, values).make_scale(name)

    def data(self, name: str, values, *scales: str) -> None:
        dataset = self._create(name, values)
        for k, scale in enumerate(scales):
            dataset.dims[k].attach_scale(self.group[scale])

    def _create(self, name: str, values) -> h5py.Dataset:
        values = np.asarray(values)
        if values.dtype.kind in "UO":
            encoded = np.char.encode(values.astype(str), "utf-8")
            length = max(1, encoded.dtype.itemsize)
            dtype = h5py.string_dtype("utf-8", length)
            return self.group.create_dataset(name, data=encoded.astype(dtype))
        return self.group.create_dataset(name, data=values)


def begin_points(
    file: h5py.File, ids: Sequence[str], done: np.ndarray, failure: str = ""
) -> Writer:
    """The group of points with the columns of every study.

    Points that are not done have failed for this reason; where none is given they still wait.
    """
    writer = Writer(file.create_group("points"))
    writer.scale("point", np.arange(len(ids)))
    writer.data("id", ids, "point")
    status = np.where(done, DONE, FAILED if failure else WAITING)
    writer.data("status", status.astype(np.uint8), "point")
    writer.data("reason", np.where(done, "", failure), "point")
    return writer


def fractions(points: h5py.Group, columns: Iterable[str]) -> None:
    """Says of columns that they are shares of questions."""
    for name in columns:
        points[name].attrs["units"] = "fraction"


@dataclass(frozen=True)
class Stage:
    """A row of the journal; `upstream`: rows of the stages that it needs."""

    kind: str
    title: str
    seconds: float = 1.0
    done: bool = True
    upstream: tuple[int, ...] = ()


def write_stages(file: h5py.File, stages: list[Stage]) -> None:
    count = len(stages)
    writer = Writer(file.create_group("stages"))
    writer.scale("stage", np.arange(count))
    writer.data("key", [f"{k:016x}" for k in range(count)], "stage")
    writer.data("kind", [stage.kind for stage in stages], "stage")
    writer.data("title", [stage.title for stage in stages], "stage")
    status = [DONE if stage.done else WAITING for stage in stages]
    writer.data("status", np.array(status, np.uint8), "stage")
    writer.data("seconds", [s.seconds if s.done else np.nan for s in stages], "stage")
    rank = [k % 4 if s.done else -1 for k, s in enumerate(stages)]
    writer.data("rank", np.array(rank, np.int32), "stage")
    writer.data("reason", [""] * count, "stage")
    begin = np.cumsum([0, *(len(stage.upstream) for stage in stages)])
    writer.data("upstream", np.array([row for s in stages for row in s.upstream], np.int64))
    writer.data("upstream_begin", begin.astype(np.int64))


def set_roles(points: h5py.Group, axes: Iterable[str], times: tuple[str, ...] = ()) -> None:
    """What each column of points is; the others are metrics."""
    known = dict.fromkeys(axes, "axis") | dict.fromkeys(("seconds", *times), "time")
    known |= {"id": "text", "reason": "text"}
    for name, column in points.items():
        column.attrs["role"] = known.get(name, "metric")
