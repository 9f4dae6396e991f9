"""The report as one HTML page that needs no other file: figures are embedded, PDFs are linked."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from .table import PAPER, Table

STYLE = """
body { font: 15px/1.5 Georgia, serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3, th, td, .small { font-family: 'Helvetica Neue', Arial, sans-serif; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .82rem; }
table { font-variant-numeric: tabular-nums; border: solid #222; border-width: 2px 0; }
thead tr { border-bottom: 1px solid #222; }
th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.paper { color: #777; font-style: italic; }
.scroll { overflow-x: auto; }
.small { font-size: .8rem; color: #555; }
figure { margin: 1rem 0; }
img { max-width: 100%; }
pre { font-size: .75rem; overflow-x: auto; background: #f6f6f6; padding: .7rem; }
"""


@dataclass
class Section:
    """A heading and what is under it, in order."""

    title: str
    where: str = ""  # the part of the sweep that it shows; "" when the sweep has one only
    parts: list[str] = field(default_factory=list)

    def figure(self, png: Path, caption: str) -> None:
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

        body = "".join(row(cells, "td") for cells in table.rows)
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
    body = "".join(f"<h2>{escape(s.title)}</h2>{''.join(s.parts)}" for s in sections if s.parts)
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n",
        encoding="utf-8",
    )
