"""A table as text for the terminal, as CSV, or as rows for HTML; and how numbers are written."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .statistics import CrossedMean, Interval

PAPER = "paper"  # columns that begin with it hold published numbers
NONE = "-"  # a cell without a value

Cells = list[tuple[str, str]]  # of a row, each with the head of its column


class Table:
    """Rows of cells, each column with its head; the notes are under the table."""

    def __init__(self, name: str, title: str, *notes: str) -> None:
        self.name = name  # file name stem
        self.title = title
        self.notes = list(notes)
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self.folded = False  # on the page, until it is clicked
        self.most: int | None = None  # rows on the page; the CSV has all of them

    def row(self, *cells: tuple[str, str]) -> None:
        """Adds a row whose cells name their columns, which are the same in each."""
        self.columns = [head for head, _ in cells]
        self.rows.append([cell for _, cell in cells])

    def text(self) -> str:
        """Aligned columns, the first flush left and the others flush right."""
        grid = [self.columns, *self.rows]
        widths = [max(len(row[k]) for row in grid) for k in range(len(self.columns))]
        lines = [self.title]
        for row in grid:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines + [f"  {note}" for note in self.notes])

    def write_csv(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self.columns, *self.rows])


# --- Cells -------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 1, sign: str = "") -> str:
    """`sign` "+": positive numbers have theirs."""
    return NONE if value is None or not math.isfinite(value) else f"{value:{sign}.{digits}f}"


def numbers(values: Sequence[float | None] | None, digits: int = 1) -> str:
    """Several in one cell; None: there are none."""
    return NONE if values is None else " / ".join(number(value, digits) for value in values)


def span(values: Sequence[int] | np.ndarray) -> str:
    """3, or 1-3 where they differ."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}-{high}"


def between(value: Interval, digits: int = 1, sign: str = "") -> str:
    """62.0 [51.3, 71.7]; the value alone where the limits are not known."""
    shown = [number(x, digits, sign) for x in (value.value, value.low, value.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]" if math.isfinite(value.low) else shown[0]


def percent(m: CrossedMean, digits: int = 1) -> str:
    """A share of right answers over runs and examples."""
    return between(m.share, digits)


def with_limits(value: Interval, digits: int = 1) -> str:
    """A difference: +1.2 [-0.3, +2.7]."""
    return between(value, digits, "+")


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return NONE
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
