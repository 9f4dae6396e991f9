"""Numbers that papers print, from the file published.csv in the folder of each study.

A line of it is a row of a table: the paper on arXiv and the place in it, the name of the table
here, the row, and a cell for each further column, whose numbers have spaces between them, `-` where
one is missing. Lines that begin with # are remarks.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from .table import NONE

# Row -> column -> its numbers; a row is without the columns that it leaves empty.
PaperTable = dict[str, dict[str, tuple[Any, ...]]]


def paper_table(
    study: str, name: str, value: Callable[[str], float | str | None] | None = None
) -> PaperTable:
    """A table by its name, its numbers read by `value`; empty: the study's paper has no such."""
    read = value or _number
    return {
        row["row"]: {
            column: tuple(map(read, cell.split()))
            for column, cell in row.items()
            if cell and column not in ("arXiv", "place", "table", "row")
        }
        for row in _rows(study)
        if row["table"] == name
    }


def _number(word: str) -> float | None:
    return None if word == NONE else float(word)


@cache
def _rows(study: str) -> list[dict[str, str]]:
    file = resources.files(__package__) / study / "published.csv"
    text = file.read_text(encoding="utf-8")
    head, *lines = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    names = [name.strip() for name in head]
    return [dict(zip(names, map(str.strip, line), strict=True)) for line in lines]
