"""Writes tables and figures of a report beside its page, and remembers what had to be left out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import drawn, style
from .html import Section
from .plotted import plotted
from .store import Missing
from .table import PAPER, Table
from .words import Finding, stated, words
from .written import Written

T = TypeVar("T")


class Writer:
    def __init__(self, folder: Path, study: str, most_parts: int) -> None:
        self.folder = folder
        self.written = Written(folder)
        self.study = study
        self.most_parts = most_parts
        self.left_out: list[str] = []
        self.data: list[str] = []  # of the page's script
        self.published = False  # something of a paper stands in the report

    def finish(self) -> None:
        """When all is drawn."""
        self.written.finish()

    def leave_out(self, reason: str, where: str = "") -> None:
        """Each reason is told once."""
        line = f"{where}: {reason}" if where else reason
        if line not in self.left_out:
            self.left_out.append(line)

    def some(self, parts: Sequence[T], what: str = "parts of the sweep") -> Sequence[T]:
        """As many parts as are wanted; of the others it is said that they are left out."""
        if (more := len(parts) - self.most_parts) > 0:
            told = f"{more} of {len(parts)} {what} (--parts {len(parts)} shows all)"
            self.leave_out(f"figures and tables of {told}; their points are among Points")
        return parts[: self.most_parts]

    def section(self, name: str) -> Section:
        """The section of a part of the sweep, announced where there are several."""
        if name:
            print(f"\n[{name}]")
        return Section(name or "Results", where=name)

    def lines(self, section: Section, make: Callable[..., list[str]], *given) -> None:
        """What `make(*given)` says, on the page and on the terminal."""
        if lines := self._made(section, make, *given):
            section.lines(lines)
            print("\n" + "\n".join(lines))

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
        table.without_unpublished()
        self.published |= any(head.startswith(PAPER) for head in table.columns)
        file = table.name + _suffix(section.where)
        table.write_csv(self.written.path(f"{file}.csv"))
        section.table(table, file)
        if show is not None:
            print("\n" + show(table))

    def figures(
        self,
        section: Section,
        drawings: Mapping[str, Callable[..., Figure]],
        *given,
        findings: Mapping[str, Sequence[Callable[..., Finding]]] = MappingProxyType({}),
    ) -> None:
        """The figures that `draw(*given)` gives by the stems of their files: PNG, PDF, CSV, the
        page. `findings`: what captions state, of a figure each that `find(*given)` gives.
        """
        for name, draw in drawings.items():
            if (figure := self._made(section, draw, *given)) is None:
                continue
            told = getattr(figure, "caption", None) or words(self.study, name)
            caption = drawn.true_of(figure, told)
            caption += self._stated(findings.get(name, ()), *given)
            self._figure(section, name + _suffix(section.where), figure, " ".join(caption))
            plt.close(figure)

    def _stated(self, finders: Sequence[Callable[..., Finding]], *given) -> Iterator[str]:
        """What the file has not enough for is not stated."""
        for find in finders:
            with contextlib.suppress(Missing):
                yield stated(self.study, find(*given))

    def _figure(self, section: Section, name: str, figure: Figure, caption: str) -> None:
        known = drawn.known_by_panel(figure)
        if not any(known.values()):
            self.leave_out(f"{name}: none of its values is known", section.where)
            return
        empty = [panel for panel, has in known.items() if not has]
        caption += "".join(f" Panel {panel}: none of its values is known." for panel in empty)
        png, pdf, csv = (self.written.path(f"{name}.{kind}") for kind in ("png", "pdf", "csv"))
        style.save_png(figure, png)
        section.figure(name, caption, plotted(figure))
        style.save_pdf(figure, pdf)
        self.published |= drawn.of_paper(figure)
        drawn.write_csv(csv, drawn.series(figure))

    def _made(self, section: Section, make: Callable[..., T | None], *given) -> T | None:
        """What `make(*given)` gives; None where that is Missing, which is left out."""
        try:
            return make(*given)
        except Missing as missing:
            self.leave_out(str(missing), section.where)
            return None


def _suffix(where: str) -> str:
    return "_" + re.sub(r"[^\w.+-]+", "_", where) if where else ""
