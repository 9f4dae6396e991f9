"""What `report` makes of an F-Learning file, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable

from .. import html
from ..store import Results
from ..table import Table
from ..writer import Writer
from . import figures, sweep, tables
from .quantities import Part, parts

TITLE = "F-Learning"

# file name stem, caption, figure of a part
FIGURES: list[tuple[str, str, Callable]] = [
    (
        "figure4_norms_full",
        "Figure 4. How far forgetting by full fine-tuning moves each matrix, at \u03bb = 1.",
        lambda part: figures.norms(part, "full"),
    ),
    (
        "figure5_norms_lora",
        "Figure 5. The same by LoRA; matrices without an adapter do not move.",
        lambda part: figures.norms(part, "lora"),
    ),
    (
        "figure6_forgetting_full",
        "Figure 6. Forgetting alone by full fine-tuning: old answers and locality against \u03bb; "
        "a star is the \u03bb of the search.",
        lambda part: figures.forgetting(part, "full"),
    ),
    (
        "figure7_forgetting_lora",
        "Figure 7. Forgetting alone by LoRA.",
        lambda part: figures.forgetting(part, "lora"),
    ),
    (
        "learning_by_lambda",
        "F-Learning against \u03bb. Dotted: the same training without forgetting; vertical lines: "
        "the paper's \u03bb; star: the \u03bb of the search.",
        figures.learning,
    ),
    (
        "cosine_by_layer",
        "Cosine between delta_old and the change by learning. Above 0: learning moves back to "
        "where forgetting came from.",
        figures.cosine,
    ),
]

METHODS = [
    "\u00b1, bars and shaded bands: 95 % Student interval of the mean over seeds; none from one "
    "seed. Limits in brackets: of seeds and records together.",
    "Reliability: the new answer to the question; generality: to its rephrasing; locality: the "
    "unrelated question answered as the original model does. A method is judged after all of its "
    "edits, on all of them.",
    "\u03bb: rate of forgetting, \u03b8' = \u03b8 - \u03bb delta_old. delta_old is the change by a "
    "second training on the old answers.",
    "Dashed and faint curves, and columns named paper: published values (7B models), those of "
    "figures read off the plots. Another model and other data give other levels: compare "
    "orderings and shapes.",
]


def sections(results: Results, writer: Writer) -> list[html.Section]:
    found = [_part(part, writer) for part in parts(results)]
    if not found:
        writer.leave_out("every figure and table of results: no point has finished")
    return [*found, _sweep(results, writer)]


def _part(part: Part, writer: Writer) -> html.Section:
    section = html.Section(part.name or "Results")
    if part.name:
        print(f"\n[{part.name}]")
    wanted: list[Callable[[Part], Table]] = [tables.outcome_table]
    if part.edited < part.records:
        wanted.append(tables.subset_table)
    wanted += [tables.verdict_table, tables.ordering_table, tables.old_table]
    if part.points["records"].nunique() > 1:
        wanted.append(tables.records_table)
    wanted += [tables.time_table, tables.ability_table]
    for make in wanted:
        _show(writer.table(section, make, part, where=part.name))
    for name, caption, draw in FIGURES:
        writer.figure(section, name, caption, draw, part, where=part.name)
    return section


def _sweep(results: Results, writer: Writer) -> html.Section:
    """Of all parts together."""
    section = html.Section("Trainings and searches")
    for make in (sweep.training_table, sweep.search_table, sweep.left_out_table):
        _show(writer.table(section, make, results))
    caption = "Locality of forgetting alone at every \u03bb tried; dotted: the \u03bb found."
    writer.figure(section, "lambda_search", caption, figures.lambda_search, results)
    return section


def _show(table: Table | None) -> None:
    if table is not None:
        print("\n" + table.text())
