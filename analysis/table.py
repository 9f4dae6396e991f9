"""A table as text for the terminal, as CSV, or as rows for HTML; and how numbers are written."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .statistics import Interval, Mean, mean

PAPER = "paper"  # columns that begin with it hold published numbers
NONE = "-"  # a cell without a value

Cells = list[tuple[str, str]]  # of a row, each with the head of its column


@dataclass(frozen=True)
class Table:
    name: str  # file name stem
    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, title: str, rows: Sequence[Cells], notes: Sequence[str] = ()) -> Table:
        """From rows that name their columns, which are the same in each."""
        heads = [head for head, _ in rows[0]] if rows else []
        return cls(name, title, heads, [[cell for _, cell in row] for row in rows], list(notes))

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


def number(value: float | None, digits: int = 1) -> str:
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def numbers(values: Sequence[float | None] | None, digits: int = 1) -> str:
    """Several in one cell; None: there are none."""
    return NONE if values is None else " / ".join(number(value, digits) for value in values)


def signed(value: float | None) -> str:
    return NONE if value is None else f"{value:+.1f}"


def span(values: Sequence[int] | np.ndarray) -> str:
    """3, or 1-3 where they differ."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}-{high}"


def with_interval(m: Mean, digits: int = 1) -> str:
    if not math.isfinite(m.half):
        return number(m.value, digits)
    return f"{m.value:.{digits}f} \u00b1 {m.half:.{digits}f}"


def mean_of(values: Sequence[float] | np.ndarray, digits: int = 1) -> str:
    return with_interval(mean(values), digits)


def with_limits(value: Interval, digits: int = 1) -> str:
    """A difference: +1.2 [-0.3, +2.7]; the value alone where the limits are not known."""
    if not math.isfinite(value.value):
        return NONE
    shown = [f"{x:+.{digits}f}" for x in (value.value, value.low, value.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]" if math.isfinite(value.low) else shown[0]


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return NONE
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


# --- Tables of papers --------------------------------------------------------------------------


def printed(text: str, key: type = str, value: type = float) -> dict:
    """A table as a paper prints it: row -> model -> its numbers, None where a `-` stands.

    The first line names the models between bars, each further line is a row. Models that leave a
    row empty are not in it.
    """
    (_, *models), *rows = (
        [part.strip() for part in line.split("|")] for line in text.strip("\n").splitlines()
    )
    return {
        key(name): {
            model: tuple(None if word == NONE else value(word) for word in cell.split())
            for model, cell in zip(models, cells, strict=True)
            if cell
        }
        for name, *cells in rows
    }
