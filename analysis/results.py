"""`factsweep.open`: the groups of results files as xarray data sets with named dimensions.

Values are read when they are used, and no file stays open, so a job may go on writing. Integers,
texts and NaN are as in the file: -1, 255, "" and NaN stand for what was not computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from .points import points_of
from .store import DONE, RESULTS, STATUS, StoreError, open_file, text
from .sweep import attributes_of

POINT, STAGE = "point", "stage"
_ATTRIBUTES = ("units", "long_name", "symbol", "role")
_FILL = {"f": np.nan, "i": -1, "u": 255, "O": ""}  # of rows that a file does not have


class Results(Mapping[str, xr.Dataset]):
    """The data sets of results files by the names of their groups, as in docs/layout.md.

    Data sets with the dimension `point` have the points' ids and axes as coordinates. Several files
    are joined along `point` and `stage` by the keys of stages: each piece of work is there once, a
    finished one before another. What has neither dimension has to be equal in all files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._points = points_of(paths)
        self.paths = self._points.paths
        self.conflicts = self._points.conflicts
        for conflict in self.conflicts:
            warnings.warn(conflict, stacklevel=3)
        self._groups = [_group_names(path) for path in self.paths]  # of each file
        self._found: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        if name not in self._found:
            holders = [k for k, names in enumerate(self._groups) if name in names]
            if not holders:
                where = ", ".join(map(str, self.paths))
                raise KeyError(f"{where}: no group '{name}'; there are: {', '.join(self)}.")
            self._found[name] = self._made(name, holders)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({name for names in self._groups for name in names}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} of {', '.join(map(str, self.paths))}"]
        lines += [f"  {name}: {dict(self[name].sizes)}" for name in self]
        return "\n".join(lines)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Of the root of the first file: study, deck, science, code_version, ..."""
        with open_file(self.paths[0], (RESULTS,)) as file:
            return attributes_of(file)

    @property
    def points(self) -> xr.Dataset:
        """Axes (coordinates), `state` in words, and what was found of each point."""
        return self["points"]

    @property
    def curves(self) -> xr.Dataset:
        return self["curves"]

    @property
    def labels(self) -> xr.Dataset:
        """Of SliCK: the labelled questions."""
        return self["labels/base"]

    @property
    def tests(self) -> xr.Dataset:
        """Of K-shot: every adapter of the bank on every task."""
        return self["tests"]

    @property
    def stages(self) -> xr.Dataset:
        return self["stages"]

    def _made(self, name: str, holders: list[int]) -> xr.Dataset:
        if name == "points":
            return self._of_points()
        if len(self.paths) == 1:
            return self._with_axes(_dataset(self.paths[0], name))
        parts = {k: _dataset(self.paths[k], name) for k in holders}
        if name == "stages":
            return _joined_stages(list(parts.values()))
        if any(POINT in part.dims for part in parts.values()):
            return self._with_axes(self._along_points(name, parts))
        return self._only(name, parts)

    def _of_points(self) -> xr.Dataset:
        table, points = self._points.table, self._points
        data = xr.Dataset(
            {c: (POINT, _plain(table[c])) for c in table if c != POINT},
            coords={POINT: np.arange(len(table))},
        )
        data["state"] = (POINT, _plain(table["status"].map(STATUS)))
        if len(self.paths) > 1:
            rows = {key: row for row, key in enumerate(self.stages["key"].values)}
            data[STAGE] = (POINT, np.array([rows[key] for key in table["stage_key"]]))
        for path in self.paths:
            for column, variable in _dataset(path, "points").variables.items():
                data[column].attrs = {**variable.attrs, **data[column].attrs}
        return data.set_coords(["id", *points.axes])

    def _with_axes(self, data: xr.Dataset) -> xr.Dataset:
        if data.sizes.get(POINT) != len(self._points.table):
            return data
        axes = {c: self.points[c] for c in ("id", *self._points.axes) if c not in data}
        return data.assign_coords(axes)

    # --- Several files -------------------------------------------------------------------------

    def _along_points(self, name: str, parts: dict[int, xr.Dataset]) -> xr.Dataset:
        """The kept rows of all files; narrower ones, and files without the group, are filled up."""
        along, rest = [], {}
        for k, part in parts.items():
            mine = np.flatnonzero(self._points.source == k)
            having = [v for v in part.data_vars if POINT in part[v].dims]
            chosen = part[having].isel({POINT: self._points.row[mine]})
            along.append(chosen.assign_coords({POINT: mine}))
            rest[k] = part[[v for v in part.data_vars if v not in having]]
        fill = {v: _FILL.get(part[v].dtype.kind, "") for part in along for v in part.data_vars}
        joined = xr.concat(along, POINT, join="outer", data_vars="all", fill_value=fill)
        joined = joined.reindex({POINT: np.arange(len(self._points.table))}, fill_value=fill)
        self._tell_of_others(name, joined, parts)
        shared = self._only(name, rest)
        return joined.assign({v: shared[v] for v in shared.data_vars})

    def _tell_of_others(self, name: str, joined: xr.Dataset, parts: dict[int, xr.Dataset]) -> None:
        """Warns where a file has other values of the same work than those that are kept."""
        for k, rows in self._points.again.groupby("source"):
            if k not in parts:
                continue
            theirs = parts[k].isel({POINT: rows["row"].to_numpy(int)})
            kept = joined.isel({POINT: rows["kept"].to_numpy(int)})
            unequal = {
                variable: _unequal_rows(kept[variable].values, theirs[variable].values)
                for variable in joined.data_vars
                if variable in theirs and POINT in theirs[variable].dims
            }
            names = [variable for variable, differs in unequal.items() if differs.any()]
            if names:
                count = np.any([unequal[variable] for variable in names], axis=0).sum()
                warnings.warn(
                    f"/{name} of {self.paths[k]} differs from that of an earlier file in {count} of "
                    f"{len(rows)} points that are the same work ({', '.join(names)}); the earlier "
                    "is kept."
                )

    def _only(self, name: str, parts: dict[int, xr.Dataset]) -> xr.Dataset:
        """What all files have alike; of a group of one stage, that of a file where it is done."""
        key = name.rpartition("/")[2]
        first = next(iter(parts))
        for k in parts:
            stages = _dataset(self.paths[k], "stages")
            if key in (keys := stages["key"].values):
                if stages["status"].values[list(keys).index(key)] == DONE:
                    return parts[k]
            elif not parts[k].equals(parts[first]):
                raise StoreError(
                    f"/{name} differs between {self.paths[first]} and {self.paths[k]}: open the "
                    "files one by one to read it."
                )
        return parts[first]


def _plain(column: Any) -> np.ndarray:
    """Texts as objects, whatever pandas has them in."""
    return column.to_numpy() if column.dtype.kind in "fiub" else column.to_numpy(dtype=object)


def _unequal_rows(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[row] differs in what both have; NaN equals NaN, and one may be padded."""
    both = tuple(slice(min(sizes)) for sizes in zip(one.shape, other.shape, strict=True))
    one, other = one[both], other[both]
    equal = (one == other) | ((one != one) & (other != other))
    return (~equal).reshape(len(one), -1).any(axis=1)


def _joined_stages(parts: list[xr.Dataset]) -> xr.Dataset:
    """Each key once, a finished stage before another; without the graph."""
    parts = [part[[v for v in part.data_vars if part[v].dims == (STAGE,)]] for part in parts]
    every = xr.concat(parts, STAGE, join="outer", data_vars="all")
    order = np.argsort(every["status"].values != DONE, kind="stable")
    _, first = np.unique(every["key"].values[order].astype(str), return_index=True)
    kept = every.isel({STAGE: np.sort(order[first])})
    return kept.assign_coords({STAGE: np.arange(kept.sizes[STAGE])})


# --- One file ----------------------------------------------------------------------------------


def _group_names(path: Path) -> set[str]:
    """Groups that hold datasets themselves."""
    names: set[str] = set()

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            names.add(name.rpartition("/")[0])

    with open_file(path, (RESULTS,)) as file:
        file.visititems(visit)
    return names


def _dataset(path: Path, group: str) -> xr.Dataset:
    """The datasets of a group; a dimension without a scale is called DATASET_AXIS."""
    with open_file(path, (RESULTS,)) as file:
        members = file[group].values()
        found = [_variable(path, data) for data in members if isinstance(data, h5py.Dataset)]
    return xr.Dataset(dict(found))


def _variable(path: Path, data: h5py.Dataset) -> tuple[str, xr.Variable]:
    base = data.name.rpartition("/")[2]
    scale = data.is_scale and data.ndim == 1
    dims = [base if scale else _dimension(data, base, k) for k in range(data.ndim)]
    attributes = {n: text(data.attrs[n]) for n in _ATTRIBUTES if n in data.attrs}
    stored = indexing.LazilyIndexedArray(_Stored(path, data))
    return base, xr.Variable(dims, stored, attributes)


def _dimension(data: h5py.Dataset, base: str, axis: int) -> str:
    scales = data.dims[axis].values()
    return scales[0].name.rpartition("/")[2] if scales else f"{base}_{axis}"


class _Stored(BackendArray):
    """A dataset that is read, without a lock, when values are asked for."""

    def __init__(self, path: Path, data: h5py.Dataset) -> None:
        self.path, self.name, self.shape = path, data.name, data.shape
        self.is_text = h5py.check_string_dtype(data.dtype) is not None
        self.dtype = np.dtype(object) if self.is_text else data.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        support = indexing.IndexingSupport.OUTER_1VECTOR
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        with open_file(self.path, (RESULTS,)) as file:
            data = file[self.name]
            return (data.asstr(errors="replace") if self.is_text else data)[key]
