"""What `report` makes of an F-Learning file, in the order of the page."""

from __future__ import annotations

from ..html import Section
from ..sweep import Sweep
from ..writer import Writer
from . import figures, orderings, tables, trainings
from .quantities import EditPart, parts

TITLE = "F-Learning"

TABLES = [
    tables.outcome_table,
    tables.subset_table,
    orderings.verdict_table,
    orderings.ordering_table,
    tables.old_table,
    tables.records_table,
    tables.time_table,
    tables.case_table,
    tables.ability_table,
]
FIGURES = {
    "figure4_norms_full": figures.norms_full,
    "figure5_norms_lora": figures.norms_lora,
    "figure6_forgetting_full": figures.forgetting_full,
    "figure7_forgetting_lora": figures.forgetting_lora,
    "learning_by_lambda": figures.learning,
    "cosine_by_layer": figures.cosine,
}

METHODS = [
    "Limits in brackets and bars: 95 %, over seeds (Student's t) and records (Wilson's of a "
    "share, Student's t of a difference), whose distances from the value add in squares, as "
    "other seeds and other records would give another value; from one seed of the records alone. "
    "Shaded bands, of norms and cosines: of the mean over seeds.",
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
    writer.figures(section, {"lambda_search": figures.lambda_search}, sweep)
    return section
