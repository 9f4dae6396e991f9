"""The report as one HTML page that needs no other file: figures are embedded, PDFs are linked."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path

from .drawn import Series
from .table import PAPER, Table


@dataclass
class Section:
    """A heading and what is under it, in order."""

    title: str
    where: str = ""  # the part of the sweep that it shows; "" when the sweep has one only
    parts: list[str] = field(default_factory=list)

    def figure(self, png: Path, caption: str, shown: Sequence[Series]) -> None:
        data = base64.b64encode(png.read_bytes()).decode("ascii")
        self.parts.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
            f'<figcaption>{escape(caption)} <a class="small" href="{escape(png.stem)}.pdf">PDF</a>'
            "</figcaption></figure>"
        )

    def table(self, table: Table) -> None:
        published = [column.startswith(PAPER) for column in table.columns]

        def row(cells: list[str], tag: str) -> str:
            marked = (
                f'<{tag} class="paper">{escape(c)}</{tag}>' if p else f"<{tag}>{escape(c)}</{tag}>"
                for c, p in zip(cells, published, strict=True)
            )
            return f"<tr>{''.join(marked)}</tr>"

        body = "".join(row(cells, "td") for cells in table.rows[: table.most])
        if table.most is not None and len(table.rows) > table.most:
            more = len(table.rows) - table.most
            body += f"<tr><td>{more} more rows in {escape(table.name)}.csv</td></tr>"
        notes = "".join(f'<p class="small">{escape(note)}</p>' for note in table.notes)
        title = escape(table.title)
        shown = (
            f'<div class="scroll"><table><thead>{row(table.columns, "th")}</thead>'
            f"<tbody>{body}</tbody></table></div>{notes}"
        )
        self.parts.append(
            f"<details><summary>{title}</summary>{shown}</details>"
            if table.folded
            else f"<h3>{title}</h3>{shown}"
        )

    def lines(self, lines: list[str]) -> None:
        self.parts.append(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")

    def details(self, title: str, content: str) -> None:
        self.parts.append(
            f"<details><summary>{escape(title)}</summary><pre>{escape(content)}</pre></details>"
        )


def write_page(path: Path, title: str, sections: list[Section]) -> None:
    css = (resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    body = "".join(f"<h2>{escape(s.title)}</h2>{''.join(s.parts)}" for s in sections if s.parts)
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{css}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n",
        encoding="utf-8",
    )
