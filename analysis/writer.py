"""Writes tables and figures of a report beside its page, and remembers what had to be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from matplotlib.figure import Figure

from . import style
from .html import Section
from .store import Missing
from .table import Table
from .words import words

T = TypeVar("T")


class Writer:
    def __init__(self, folder: Path, study: str) -> None:
        self.folder = folder
        self.study = study
        self.left_out: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def leave_out(self, reason: str, where: str = "") -> None:
        """Each reason is told once."""
        line = f"{where}: {reason}" if where else reason
        if line not in self.left_out:
            self.left_out.append(line)

    def section(self, name: str) -> Section:
        """The section of a part of the sweep, announced where there are several."""
        if name:
            print(f"\n[{name}]")
        return Section(name or "Results", where=name)

    def tables(
        self, section: Section, wanted: Iterable[Callable[..., Table | None]], *given
    ) -> None:
        for make in wanted:
            self.table(section, make, *given)

    def table(
        self,
        section: Section,
        make: Callable[..., Table | None],
        *given,
        show: Callable[[Table], str] | None = Table.text,
    ) -> None:
        """The table that `make(*given)` gives, as CSV, on the page, and on the terminal by `show`.

        A table that is Missing is left out with the reason; None: there is nothing to say.
        """
        if (table := self._made(section, make, *given)) is None:
            return
        table.write_csv(self.folder / f"{table.name}{_suffix(section.where)}.csv")
        section.table(table)
        if show is not None:
            print("\n" + show(table))

    def figures(
        self, section: Section, drawings: Mapping[str, Callable[..., Figure]], *given
    ) -> None:
        """The figures that `draw(*given)` gives by the stems of their files: PNG, PDF, the page."""
        for name, draw in drawings.items():
            if (figure := self._made(section, draw, *given)) is None:
                continue
            caption = str(figure.get_label()) or " ".join(words(self.study, name))
            png = style.save(figure, self.folder, name + _suffix(section.where))
            section.figure(png, caption)

    def _made(self, section: Section, make: Callable[..., T | None], *given) -> T | None:
        """What `make(*given)` gives; None where that is Missing, which is left out."""
        try:
            return make(*given)
        except Missing as missing:
            self.leave_out(str(missing), section.where)
            return None


def _suffix(where: str) -> str:
    return "_" + re.sub(r"[^\w.+-]+", "_", where) if where else ""
