"""The points of one or several results files as one table, and `points FILE...`, which writes it.

Files of one study are joined by the keys of their stages: equal keys are equal work. A point that
several files have is one point. Where they disagree about it, the conflict is named, and the rows
that it is about are marked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from .store import DONE, RESULTS, STATUS, StoreError, open_file, values
from .sweep import AXIS, BOOKKEEPING, METRIC, attributes_of, check_whole, read_points, science_of

CONFLICT = "conflict"  # column of joined files; empty where they agree
IDENTITY = ["stage_key", "id"]  # a training may serve several points
_AGAIN = ["kept", "source", "row"]
_SHOWN = 5  # conflicts of a kind that are named one by one
_FILL = {"f": np.nan, "u": 255, "i": -1}  # as the file has it where nothing was computed


@dataclass(frozen=True, eq=False)
class Points:
    """Points of results files: row k of `table` is row `row[k]` of `paths[source[k]]`."""

    paths: list[Path]
    table: pd.DataFrame
    roles: dict[str, str]  # of the columns
    source: np.ndarray
    row: np.ndarray
    conflicts: list[str] = field(default_factory=list)
    # Finished rows of other files that are the same work as row `kept` of the table: source, row.
    again: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_AGAIN))

    @property
    def axes(self) -> list[str]:
        """Columns by which points were chosen, without `point`, their number."""
        return [c for c in self.table if self.roles.get(c) == AXIS and c != "point"]

    def written(self) -> pd.DataFrame:
        """Every column, in an order to read: what was asked, how far it is, what was found."""
        table = self.table.drop(columns=["point", "status", "stage"], errors="ignore")
        table["state"] = self.table["status"].map(STATUS)
        first = ["id", "file", CONFLICT, *self.axes, "state"]
        last = ["seconds", "rank", *IDENTITY[:1], "reason"]
        found = [c for c in table if c not in first and c not in last]
        return table[[c for c in (*first, *found, *last) if c in table]]


def points_of(paths: Sequence[Path]) -> Points:
    """Of several files: their points once each, with the file and the deck's keys that differ."""
    if not paths:
        raise StoreError("no results file was given.")
    files = [_read(path) for path in paths]
    return _joined(files) if len(files) > 1 else _single(files[0])


@dataclass(frozen=True, eq=False)
class _File:
    path: Path
    study: str
    science: dict[str, str]
    table: pd.DataFrame
    roles: dict[str, str]


def _read(path: Path) -> _File:
    with open_file(path, (RESULTS,)) as file:
        check_whole(file, path)
        study, science = str(attributes_of(file).get("study", "")), science_of(file)
        table, roles = read_points(file)
        if "stage" in table:
            table["stage_key"] = values(file["stages/key"])[table["stage"].to_numpy()]
    return _File(path, study, science, table, roles)


def _single(file: _File) -> Points:
    rows = np.arange(len(file.table))
    return Points([file.path], file.table, file.roles, np.zeros_like(rows), rows)


# --- Several files -----------------------------------------------------------------------------


def _joined(files: list[_File]) -> Points:
    _check_joinable(files)
    paths = [file.path for file in files]
    roles = {name: role for file in reversed(files) for name, role in file.roles.items()}
    differing = _differing_keys(files)
    roles |= dict.fromkeys(differing, AXIS)
    every = _stacked(files, differing)
    undone = (every["status"] != DONE).rename("undone")
    kept = every.loc[undone.sort_values(kind="stable").index]
    kept = kept.drop_duplicates(IDENTITY).sort_index().assign(**{CONFLICT: ""})
    again = _again(every, kept)
    conflicts = [*_few(_other_results(again, kept, roles)), *_few(_other_work(kept, roles))]
    source, row = (kept[name].to_numpy() for name in ("source", "row"))
    table = kept.drop(columns=["source", "row"]).reset_index(drop=True)
    table["point"] = np.arange(len(table))
    again["kept"] = kept.index.get_indexer(again["index"])
    return Points(paths, table, roles, source, row, conflicts, again[_AGAIN])


def _check_joinable(files: list[_File]) -> None:
    first = files[0]
    for k, file in enumerate(files):
        if file.study != first.study:
            raise StoreError(
                f"{first.path} holds study '{first.study}', {file.path} '{file.study}': "
                "only files of one study are joined."
            )
        if file.path.resolve() in (other.path.resolve() for other in files[:k]):
            raise StoreError(f"{file.path} is given twice.")
        if "stage_key" not in file.table:
            raise StoreError(f"{file.path}: no /points/stage, by which files are joined.")


def _differing_keys(files: list[_File]) -> list[str]:
    """Keys that decide results and that differ between the decks; those of grids are axes."""
    keys = sorted({key for file in files for key in file.science if not key.startswith("grid.")})
    return [key for key in keys if len({file.science.get(key) for file in files}) > 1]


def _stacked(files: list[_File], differing: list[str]) -> pd.DataFrame:
    """All rows; a column that a file lacks holds what stands for a value that was not computed."""
    kinds = {name: file.table[name].dtype for file in files for name in file.table}
    parts = []
    for k, file in enumerate(files):
        part = file.table.copy()
        for name in [name for name in kinds if name not in part]:
            part[name] = _FILL.get(kinds[name].kind, "")
        for key in differing:
            part[key] = file.science.get(key, "")
        parts.append(part.assign(file=str(file.path), source=k, row=np.arange(len(part))))
    return pd.concat(parts, ignore_index=True)


def _again(every: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Finished points whose work is done in another file, too, beside the `_kept` one, whose label
    is `index`.
    """
    done = every[every["status"] == DONE]
    again = done[done.duplicated(IDENTITY, keep=False) & ~done.index.isin(kept.index)]
    return again.merge(kept.reset_index(), on=IDENTITY, suffixes=("", "_kept"))


def _other_results(pairs: pd.DataFrame, kept: pd.DataFrame, roles: dict[str, str]) -> list[str]:
    """Points whose work is equal, by its key, and whose results are not; `kept` marks them."""
    found = []
    for name in [n for n in kept if roles.get(n) == METRIC and n not in BOOKKEEPING]:
        one, other = pairs[f"{name}_kept"], pairs[name]
        unequal = (one != other) & ~(one.isna() & other.isna())
        for _, pair in pairs[unequal].iterrows():
            found.append(
                f"{pair['file_kept']} and {pair['file']}: point '{pair['id']}' is the same work "
                f"(stage {pair['stage_key']}), but {name} is {pair[f'{name}_kept']} and "
                f"{pair[name]}; the first is kept."
            )
            kept.loc[pair["index"], CONFLICT] = f"other results in {pair['file']}"
    return found


def _other_work(kept: pd.DataFrame, roles: dict[str, str]) -> list[str]:
    """Points that are equal on every axis and key of the deck, and yet of other work; marked, too.
    """
    axes = [c for c in kept if roles.get(c) == AXIS and c != "point"]
    found = []
    alike = kept[kept.duplicated(axes, keep=False)] if axes else kept.iloc[:0]
    for _, group in alike.groupby(axes, dropna=False, sort=False):
        of_files = group.drop_duplicates("source")
        if len(of_files) < 2:
            continue
        for label, point in group.iterrows():
            others = of_files["file"][of_files["source"] != point["source"]]
            kept.loc[label, CONFLICT] = f"other work in {', '.join(others)}"
        one, other = of_files.iloc[0], of_files.iloc[1]
        found.append(
            f"{one['file']} and {other['file']}: point '{other['id']}' is equal on every axis and "
            f"key of the deck, but other work (stages {one['stage_key']} and "
            f"{other['stage_key']}): their models, data or code differ; both are kept."
        )
    return found


def _few(found: list[str]) -> Iterator[str]:
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"... and {len(found) - _SHOWN} more such conflicts."


# --- Writing -----------------------------------------------------------------------------------


def write_points(paths: Sequence[Path], output: Path | None) -> None:
    """One row a point, as CSV or Parquet by the name of `output`; None: CSV on standard output."""
    import pyarrow
    from pyarrow import csv, parquet

    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise StoreError(f"{output}: ends in neither .csv nor .parquet, which say what to write.")
    points = points_of(paths)
    for conflict in points.conflicts:
        print(f"conflict: {conflict}", file=sys.stderr)
    table = pyarrow.Table.from_pandas(points.written(), preserve_index=False)
    if output is None:
        csv.write_csv(table, sys.stdout.buffer)
        return
    write = parquet.write_table if output.suffix == ".parquet" else csv.write_csv
    write(table, output)
    print(f"{len(points.table)} points: {output}")
