"""A table as text for the terminal, as CSV, or as rows for HTML; and how numbers are written."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from .statistics import Interval, Mean

PAPER = "paper"  # columns that begin with it hold published numbers


@dataclass(frozen=True)
class Table:
    name: str  # file name stem
    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

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


def number(value: float, digits: int = 1) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def with_interval(m: Mean, digits: int = 1) -> str:
    if not math.isfinite(m.half):
        return number(m.value, digits)
    return f"{m.value:.{digits}f} \u00b1 {m.half:.{digits}f}"


def with_limits(value: Interval, digits: int = 1) -> str:
    """A difference: +1.2 [-0.3, +2.7]; the value alone where the limits are not known."""
    if not math.isfinite(value.value):
        return "-"
    shown = [f"{x:+.{digits}f}" for x in (value.value, value.low, value.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]" if math.isfinite(value.low) else shown[0]
