"""Writes tables and figures of a report beside its page, and remembers what had to be left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from . import html, style
from .store import Missing
from .table import Table


class Writer:
    """`where` names the part of a sweep that a table or figure is of; "" when it has one only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def leave_out(self, reason: str, where: str = "") -> None:
        """Each reason is told once."""
        line = f"{where}: {reason}" if where else reason
        if line not in self.left_out:
            self.left_out.append(line)

    def table(
        self, section: html.Section, table: Callable[..., Table | None], *given, where: str = ""
    ) -> Table | None:
        """The table that `table(*given)` makes, as CSV and on the page.

        None if it is Missing, or if there is nothing to say: the latter is not told.
        """
        try:
            made = table(*given)
        except Missing as missing:
            self.leave_out(str(missing), where)
            return None
        if made is None:
            return None
        made.write_csv(self.folder / f"{made.name}{_suffix(where)}.csv")
        section.table(made)
        return made

    def figure(
        self,
        section: html.Section,
        name: str,
        caption: str,
        draw: Callable[..., Figure],
        *given,
        where: str = "",
    ) -> None:
        """The figure that `draw(*given)` makes, as PNG, PDF and on the page."""
        try:
            figure = draw(*given)
        except Missing as missing:
            self.leave_out(str(missing), where)
            return
        section.figure(style.save(figure, self.folder, name + _suffix(where)), caption)


def _suffix(where: str) -> str:
    return "_" + re.sub(r"[^\w.+-]+", "_", where) if where else ""
