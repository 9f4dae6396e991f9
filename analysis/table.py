"""A table as text for the terminal, as CSV of numbers, or as rows for HTML; and its cells."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from .statistics import CrossedMean, Interval

PAPER = "paper"  # columns that begin with it hold published numbers
NONE = "-"  # a cell without a value

Cells = list[tuple[str, str]]  # of a row, each with the head of its column


class Cell(str):
    """What is shown of numbers, and the numbers, which the CSV has and the page sorts by."""

    found: tuple[Interval, ...]
    names: tuple[str, ...]  # of the numbers where there are several
    unit: str  # of the numbers, where what is shown has another one

    def __new__(
        cls, shown: str, *found: Interval, names: Sequence[str] = (), unit: str = ""
    ) -> Cell:
        cell = super().__new__(cls, shown)
        cell.found, cell.names, cell.unit = found, tuple(names), unit
        return cell

    def marked(self, mark: str) -> Cell:
        return Cell(self + mark, *self.found, names=self.names, unit=self.unit)


class Table:
    """Rows of cells, each column with its head; the notes are under the table."""

    def __init__(self, name: str, title: str, *notes: str) -> None:
        self.name = name  # file name stem
        self.title = title
        self.notes = list(notes)
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self.folded = False  # on the page, until it is clicked

    def row(self, *cells: tuple[str, str]) -> None:
        """Adds a row whose cells name their columns, which are the same in each."""
        self.columns = [head for head, _ in cells]
        self.rows.append([cell for _, cell in cells])

    def fill(self, **columns: Iterable[object]) -> None:
        """Rows of texts, by the heads of their columns; `_` stands for a blank."""
        self.columns = [head.replace("_", " ") for head in columns]
        self.rows += [list(map(str, row)) for row in zip(*columns.values(), strict=True)]

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

    def without_unpublished(self) -> None:
        """Columns and notes of published numbers go where the table has none of them."""
        kept = [
            k
            for k, head in enumerate(self.columns)
            if not head.startswith(PAPER) or any(row[k] != NONE for row in self.rows)
        ]
        self.columns = [self.columns[k] for k in kept]
        self.rows = [[row[k] for k in kept] for row in self.rows]
        if not any(head.startswith(PAPER) for head in self.columns):
            self.notes = [note for note in self.notes if not note.startswith(f"{PAPER}:")]

    def write_csv(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(self.csv_rows())

    def csv_rows(self) -> list[list[str]]:
        """A row a number, named by the texts of its row and the head of its column; a table of
        texts alone as it is.
        """
        of_numbers = [any(isinstance(row[k], Cell) for row in self.rows) for k in self._places]
        if not any(of_numbers):
            return [self.columns, *self.rows]
        keys = [k for k in self._places if not of_numbers[k]]
        heads, found = self._told_apart(), [[*(self.columns[k] for k in keys), *NUMBERS]]
        for row in self.rows:
            for k in self._places:
                if not of_numbers[k] or not isinstance(cell := row[k], Cell):
                    continue
                unit = f" ({cell.unit})" if cell.unit else ""
                names = [f" {name}" for name in cell.names] or [""] * len(cell.found)
                for name, one in zip(names, cell.found, strict=True):
                    quantity = heads[k] + name + unit
                    found.append([*(row[j] for j in keys), quantity, *plain_numbers(one)])
        return found

    @property
    def _places(self) -> range:
        return range(len(self.columns))

    def _told_apart(self) -> list[str]:
        """The heads; one that several columns have comes after that of the column it belongs to."""
        heads, of = [], ""
        for head in self.columns:
            several = self.columns.count(head) > 1
            of = of if several else head
            heads.append(f"{of} {head}" if several else head)
        return heads


# --- Cells -------------------------------------------------------------------------------------

NUMBERS = ("quantity", "mean", "low", "high", "n", "examples")  # columns of a CSV of numbers


def plain_numbers(found: Interval) -> list[str]:
    """As a CSV has them, after the quantity's name; empty where something is not known."""
    limits = (f"{x:.10g}" if math.isfinite(x) else "" for x in (found.value, found.low, found.high))
    return [*limits, *(str(count or "") for count in (found.runs, found.examples))]


def alone(value: float) -> Interval:
    """A number without limits."""
    return Interval(float(value), math.nan, math.nan)


def number(value: float | None, digits: int = 1, sign: str = "") -> Cell:
    """`sign` "+": positive numbers have theirs."""
    if value is None or not math.isfinite(value):
        return Cell(NONE)
    return Cell(f"{value:{sign}.{digits}f}", alone(value))


def numbers(
    values: Sequence[float | None] | None, digits: int = 1, names: Sequence[str] = ()
) -> Cell:
    """Several in one cell, with what each is; None: there are none."""
    if values is None:
        return Cell(NONE)
    shown = [number(value, digits) for value in values]
    known = [k for k, cell in enumerate(shown) if cell.found]
    names = [names[k] if names else str(k + 1) for k in known] if len(shown) > 1 else []
    return Cell(" / ".join(shown), *(shown[k].found[0] for k in known), names=names)


def span(values: Sequence[int] | np.ndarray) -> str:
    """3, or 1-3 where they differ."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}-{high}"


def between(value: Interval, digits: int = 1, sign: str = "") -> Cell:
    """62.0 [51.3, 71.7]; the value alone where the limits are not known."""
    if not math.isfinite(value.value):
        return Cell(NONE)
    shown = [number(x, digits, sign) for x in (value.value, value.low, value.high)]
    limits = f" [{shown[1]}, {shown[2]}]" if math.isfinite(value.low) else ""
    return Cell(shown[0] + limits, value)


def percent(m: CrossedMean, digits: int = 1) -> Cell:
    """A share of right answers over runs and examples."""
    return between(m.share, digits)


def with_limits(value: Interval, digits: int = 1) -> Cell:
    """A difference: +1.2 [-0.3, +2.7]."""
    return between(value, digits, "+")


def duration(seconds: float) -> Cell:
    if not math.isfinite(seconds):
        return Cell(NONE)
    minutes = f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
    return Cell(f"{seconds:.1f} s" if seconds < 120 else minutes, alone(seconds), unit="s")
