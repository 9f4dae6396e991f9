"""What `report` makes of an F-Learning file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sweep import Sweep
from ..writer import Drawing, Writer
from . import figures, tables, trainings
from .quantities import EditPart, parts

TITLE = "F-Learning"

TABLES = [
    tables.outcome_table,
    tables.subset_table,
    tables.verdict_table,
    tables.ordering_table,
    tables.old_table,
    tables.records_table,
    tables.time_table,
    tables.ability_table,
]
FIGURES = [
    Drawing(
        "figure4_norms_full",
        "Figure 4. How far forgetting by full fine-tuning moves each matrix, at \u03bb = 1.",
        partial(figures.norms, how="full"),
    ),
    Drawing(
        "figure5_norms_lora",
        "Figure 5. The same by LoRA; matrices without an adapter do not move.",
        partial(figures.norms, how="lora"),
    ),
    Drawing(
        "figure6_forgetting_full",
        "Figure 6. Forgetting alone by full fine-tuning: old answers and locality against \u03bb; "
        "a star is the \u03bb of the search.",
        partial(figures.forgetting, how="full"),
    ),
    Drawing(
        "figure7_forgetting_lora",
        "Figure 7. Forgetting alone by LoRA.",
        partial(figures.forgetting, how="lora"),
    ),
    Drawing(
        "learning_by_lambda",
        "F-Learning against \u03bb. Dotted: the same training without forgetting; vertical lines: "
        "the paper's \u03bb; star: the \u03bb of the search.",
        figures.learning,
    ),
    Drawing(
        "cosine_by_layer",
        "Cosine between delta_old and the change by learning. Above 0: learning moves back to "
        "where forgetting came from.",
        figures.cosine,
    ),
]
SEARCH = Drawing(
    "lambda_search",
    "Locality of forgetting alone at every \u03bb tried; dotted: the \u03bb found.",
    figures.lambda_search,
)

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


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    return [*(_part(part, writer) for part in parts(sweep)), _whole(sweep, writer)]


def _part(part: EditPart, writer: Writer) -> Section:
    section = writer.section(part.name)
    writer.tables(section, TABLES, part)
    writer.figures(section, FIGURES, part)
    return section


def _whole(sweep: Sweep, writer: Writer) -> Section:
    """What all parts share."""
    section = Section("Trainings and searches")
    wanted = [trainings.training_table, trainings.search_table, trainings.left_out_table]
    writer.tables(section, wanted, sweep)
    writer.figures(section, [SEARCH], sweep)
    return section
