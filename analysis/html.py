"""The report as one HTML page that needs no other file and no network.

The script (page.js) draws figures by Plotly, whose library stands in the page whole; their files,
and the CSV of each table, are linked. Large data stand in the page compressed.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path

from plotly.offline import get_plotlyjs

from .table import PAPER, Cell, Table

MOST_ROWS = 200  # of a table at once; the script has the others, and all of one that is folded
SWEEP = "sweep"  # name of the packed data of points and stages
POINTER = (  # under the heading of a page with figures
    "In a figure the pointer tells values, and a click on one leads to the points behind it. "
    "Dragging zooms, a double click shows the whole. A click on an entry of a legend hides what it "
    "names, a double click all others."
)


@dataclass
class Section:
    """A heading and what is under it, in order."""

    title: str
    where: str = ""  # the part of the sweep that it shows; "" when the sweep has one only
    parts: list[str] = field(default_factory=list)
    contents: list[tuple[str, str]] = field(default_factory=list)  # anchor and title
    plots: bool = False  # whether there is a figure

    def figure(self, name: str, caption: str, plot: dict) -> None:
        """`name`: of its files; `plot`: data and layout for Plotly."""
        name, width, height = escape(name), plot["layout"]["width"], plot["layout"]["height"]
        files = "".join(
            f' <a class="small" href="{name}.{kind}">{kind.upper()}</a>'
            for kind in ("csv", "pdf", "png")
        )
        self.plots = True
        self.contents.append((name, _short(caption)))
        self.parts.append(
            f'<figure id="{name}"><div class="plot" data-plot="{name}.plot" '
            f'style="width:{width}px;height:{height}px"></div>'
            f"<figcaption>{escape(caption)}{files}</figcaption></figure>"
            + packed(f"{name}.plot", plot)
        )

    def table(self, table: Table, file: str, points: bool = False) -> None:
        """`file`: its CSV; `points`: it is that of points, whose rows the script has anyway."""
        classes = [_class(table, k) for k in range(len(table.columns))]
        heads = zip(table.columns, classes, strict=True)
        head = "".join(f"<th{of}>{_breakable(column)}</th>" for column, of in heads)
        there = 0 if table.folded else MOST_ROWS
        body = "".join(f"<tr>{''.join(map(_cell, row, classes))}</tr>" for row in table.rows[:there])
        data, rest = ' data-points=""' if points else "", ""
        if len(table.rows) > there:
            data += f' data-rest="{SWEEP if points else escape(file) + ".rest"}"'
            if not points:
                others = [[_plain(cell) for cell in row] for row in table.rows[there:]]
                rest = packed(f"{file}.rest", others)
        search = ""
        if len(table.rows) > 8:
            shown = f"{len(table.rows)} rows"
            shown += f", the first {MOST_ROWS} shown" if len(table.rows) > MOST_ROWS else ""
            hint = "filter: words, or column=1, column&lt;2, column&gt;3"
            search = f'<input type="search" placeholder="{hint}" title="{hint}; _ for a blank">'
            search += f'<span class="count">{shown}</span>'
        notes = "".join(f'<p class="small">{escape(note)}</p>' for note in table.notes)
        link = f' <a class="small" href="{escape(file)}.csv">CSV</a>'
        shown = (
            f'<div class="table">{search}<div class="scroll"><table{data}><thead><tr>{head}</tr>'
            f"</thead><tbody>{body}</tbody></table></div></div>{rest}{notes}"
        )
        title = escape(table.title)
        self.contents.append((f"{file}.table", _short(table.title)))
        self.parts.append(
            f'<details id="{escape(file)}.table"><summary>{title}</summary>{link}{shown}</details>'
            if table.folded
            else f'<h3 id="{escape(file)}.table">{title}{link}</h3>{shown}'
        )

    def lines(self, lines: list[str]) -> None:
        self.parts.append(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")

    def details(self, title: str, content: str) -> None:
        self.parts.append(
            f'<details id="{escape(title)}"><summary>{escape(title)}</summary>'
            f"<pre>{escape(content)}</pre></details>"
        )


def _class(table: Table, column: int) -> str:
    """How its cells look: published numbers, or words, which begin below each other."""
    if table.columns[column].startswith(PAPER):
        return ' class="paper"'
    cells = [row[column] for row in table.rows]
    is_words = any(not isinstance(cell, Cell) and re.search("[^\\W\\d_]", cell) for cell in cells)
    return ' class="words"' if is_words else ""


def _breakable(head: str) -> str:
    """Names such as accuracy_test_unknown_final may go on in the next line."""
    return escape(head).replace("_", "_<wbr>")


def _cell(cell: str, attributes: str) -> str:
    key = _key(cell)
    sorts = "" if key is None else f" data-v={key:.10g}"
    return f"<td{attributes}{sorts}>{escape(_lines(cell))}</td>"


def _key(cell: str) -> float | None:
    """What it sorts by."""
    known = isinstance(cell, Cell) and cell.found and math.isfinite(cell.found[0].value)
    return cell.found[0].value if known else None


def _plain(cell: str) -> str | list:
    shown = _lines(cell)
    return shown if (key := _key(cell)) is None else [shown, key]


def _lines(cell: str) -> str:
    """Where there is no room, limits stand on a line of their own under the value."""
    return re.sub(r"\[.*?\]", lambda limits: limits[0].replace(" ", "\u00a0"), cell)


def packed(name: str, data: object) -> str:
    """Data that the script unpacks when they are asked for; a text as it is."""
    if not isinstance(data, str):
        data = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    zipped = gzip.compress(data.encode(), compresslevel=5, mtime=0)
    content = base64.b64encode(zipped).decode("ascii")
    return f'<script type="application/gzip" id="{escape(name)}">{content}</script>'


def _in_script(text: str) -> str:
    return text.replace("</", "<\\/")


def _short(title: str) -> str:
    """The first sentence, or so much of it as stands well in the contents."""
    number, rest = re.match(r"(Figure \w+(?: \(.*?\))?\. )?(.*)", title, re.DOTALL).groups()
    first = rest.split(". ")[0].removesuffix(".")
    return (number or "") + textwrap.shorten(first, 64, placeholder=" ...")


def write_page(path: Path, title: str, sections: list[Section], data: Iterable[str]) -> None:
    """`data`: what the script reads, each made by `packed`."""
    folder = resources.files(__package__)
    css, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    shown = [section for section in sections if section.parts]
    contents, body = "", ""
    for k, section in enumerate(shown):
        links = "".join(
            f'<li><a href="#{escape(anchor)}">{escape(name)}</a></li>'
            for anchor, name in section.contents
        )
        heading = escape(section.title)
        contents += f'<li><a href="#part{k}">{heading}</a><ul>{links}</ul></li>'
        body += f'<section><h2 id="part{k}">{heading}</h2>{"".join(section.parts)}</section>'
    pointer, library = "", ""
    if any(section.plots for section in shown):
        pointer = f'<p class="small">{POINTER}</p>'
        library = packed("plotly", get_plotlyjs())
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{css}</style></head><body><nav><details open><summary>Contents</summary>"
        f"<ul>{contents}</ul></details></nav><main><h1>{escape(title)}</h1>{pointer}{body}"
        f"</main>{library}{''.join(data)}<script>{_in_script(script)}</script></body></html>\n",
        encoding="utf-8",
    )
