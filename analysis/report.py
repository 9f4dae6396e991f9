"""`report FILE`: every figure and table of the study, one HTML page, and a summary on stdout.

What all studies have is shown here: what was run and how long it took, points, failures, the deck.
A study with a folder of its own adds its sections; what the file cannot give yet is left out with
a line that says why.
"""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pandas as pd

from . import delta_figures, html
from .after_training import rose_table
from .store import DONE, STATUS
from .sweep import Sweep, read
from .table import NONE, PAPER, Table, duration
from .words import words
from .writer import Writer

# The studies that have a folder here, with words.md, and report.py with TITLE and sections().
STUDIES = ("flearning", "kshot", "slick")
MOST_ROWS = 200  # of the points on the terminal; the page and the CSV have them all


def report(path: Path, folder: Path | None, published: bool, parts: int) -> None:
    """Writes the report of `path` into `folder` (default: beside the file), prints the summary."""
    sweep = replace(read(path), published=published)
    study = study_of(sweep)
    writer = Writer(folder or path.with_name(path.stem + "_report"), sweep.study, parts)
    overview = html.Section("Sweep")
    overview.lines(_state(sweep))
    print("\n".join(_state(sweep)))
    show = None if study else Table.text
    writer.table(overview, times_table, sweep, show=show)
    writer.table(overview, rose_table, sweep)

    sections = study.sections(sweep, writer) if study else []
    if sweep.done.empty:
        writer.leave_out("every figure and table of results: no point has finished")
    sections.append(delta_figures.section(sweep, writer))
    sections.append(_points(sweep, writer, folded=study is not None))
    if writer.left_out:
        left_out = html.Section("Left out")
        left_out.lines(writer.left_out)
        sections.append(left_out)
        print("\nleft out:\n" + "\n".join(f"  {line}" for line in writer.left_out))
    page = writer.written.path("index.html")
    title = study.TITLE if study else sweep.study
    sections = [overview, *sections, _methods(sweep, study, writer)]
    html.write_page(page, f"{title}: {path.name}", sections, writer.data)
    writer.finish()
    print(f"\nfigures and tables: {writer.folder}\npage: {page}")


def study_of(sweep: Sweep) -> ModuleType | None:
    """What the study's folder adds; None: it has no folder here."""
    if sweep.study not in STUDIES:
        return None
    return importlib.import_module(f".{sweep.study}.report", __package__)


def _state(sweep: Sweep) -> list[str]:
    """What was run, and how much of it is finished."""
    counts = sweep.points["status"].value_counts()
    states = ", ".join(f"{counts[k]} {name}" for k, name in STATUS.items() if k in counts)
    done, attributes = len(sweep.done), sweep.attributes
    lines = [f"{sweep.path}: {done} of {len(sweep.points)} points finished ({states})."]
    if done < len(sweep.points):
        lines.append("Unfinished points are left out of every figure and table.")
    if sweep.infinite:
        told = ", ".join(f"{count} of {name}" for name, count in sweep.infinite.items())
        lines.append(f"Infinite numbers are taken for unknown: {told}.")
    # -1: nothing is drawn
    seeds, draws = (len({v for v in sweep.done.get(n, ()) if v >= 0}) for n in ("seed", "draw"))
    if seeds == 1:
        drawn = "the draws of the shots and of " * (draws > 1)
        lines.append(
            f"One seed only: limits tell of {drawn}the test examples, not of the seeds, and curves "
            "that have limits by seeds alone have none."
        )
    elif seeds > 1:
        thin = " Curves show both as thin lines, where more would have a band of limits."
        lines.append(f"{seeds} seeds.{thin * (seeds == 2)}")
    if "reason" in sweep.points:
        lines += [f"failed: {p['id']}: {p['reason']}" for _, p in sweep.failed.head(5).iterrows()]
        if len(sweep.failed) > 5:
            lines.append(f"... and {len(sweep.failed) - 5} more failed points (/points/reason).")
    names = ("code_version", "git_revision")
    if version := " ".join(str(attributes[name]) for name in names if name in attributes):
        started = attributes.get("start_time", "at an unknown time")
        lines.append(f"factsweep {version}; started {started}.")
    return lines


def times_table(sweep: Sweep) -> Table:
    """How long the stages took, by kind."""
    table = Table("times", "Time by kind of stage, summed over ranks")
    for kind, members in sweep.stages.groupby("kind", sort=False):
        finished = members[members["status"] == DONE]
        table.row(
            ("kind of stage", str(kind)),
            ("stages", str(len(members))),
            ("finished", str(len(finished))),
            ("time", duration(finished["seconds"].sum())),
            ("longest", duration(finished["seconds"].max())),
        )
    return table


def _points(sweep: Sweep, writer: Writer, folded: bool) -> html.Section:
    section = html.Section("Points")
    table = points_table(sweep)
    table.folded = folded
    shown = sweep.points[table.columns].assign(status=_status(sweep.points))
    shown.to_csv(writer.written.path(f"{table.name}.csv"), index=False)
    table.notes = ["A click on an id shows the stages of the point: where they ran, how long."]
    section.table(table, table.name, points=True)
    writer.data.append(html.packed(html.SWEEP, _of_points(sweep, table)))
    if not folded:
        if len(table.rows) > MOST_ROWS:
            table.notes = [f"The first {MOST_ROWS}; {table.name}.csv has all {len(table.rows)}."]
            table.rows = table.rows[:MOST_ROWS]
        print("\n" + table.text())
    return section


def points_table(sweep: Sweep) -> Table:
    """Every point: its axes, how far it is, what was found, and how it ran."""
    points = sweep.points
    wanted = ["id", *sweep.axes, "status", *sweep.metrics, *sweep.times, "rank", "reason"]
    table = Table("points", "Points")
    table.columns = [name for name in dict.fromkeys(wanted) if name in points]
    columns = [_texts(points[name]) for name in table.columns]
    columns[table.columns.index("status")] = list(_status(points))
    table.rows = [list(row) for row in zip(*columns, strict=True)]
    return table


def _status(points: pd.DataFrame) -> pd.Series:
    return points["status"].map(STATUS).fillna(NONE)


def _texts(column: pd.Series) -> list[str]:
    if column.dtype.kind == "f":
        return [NONE if math.isnan(value) else f"{value:.6g}" for value in column.tolist()]
    return [*map(str, column.tolist())]


STAGE = ("kind", "title", "status", "seconds", "rank", "reason")  # of a stage, on the page


def _of_points(sweep: Sweep, table: Table) -> dict:
    """What the page tells of a point and its stages."""
    stages = sweep.stages
    shown = [name for name in STAGE if name in stages]
    columns = [list(_status(stages)) if n == "status" else _texts(stages[n]) for n in shown]
    return {
        "columns": table.columns,
        "points": table.rows,
        "stage_of": sweep.points["stage"].tolist() if "stage" in sweep.points else [],
        "stage_columns": shown,
        "stages": [*zip(*columns, strict=True)],
        "upstream": [sweep.graph.needs(k) for k in range(len(stages))],
    }


def _methods(sweep: Sweep, study: ModuleType | None, writer: Writer) -> html.Section:
    section = html.Section("Methods")
    if study:
        told = words(sweep.study, "methods")
        section.lines([w for w in told if writer.published or not w.startswith(f"{PAPER}:")])
    for attribute in ("deck", "science", "library_versions"):
        if attribute in sweep.attributes:
            section.details(attribute, _pretty(str(sweep.attributes[attribute])))
    return section


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text
