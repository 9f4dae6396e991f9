"""What `report` makes of an F-Learning file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sweep import Sweep
from ..writer import Writer
from . import figures, orderings, tables, trainings
from .quantities import EditPart, parts
from .findings import FINDINGS
from .questions import packed_questions

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
    "figure4_norms_full": partial(figures.norms, how="full"),
    "figure5_norms_lora": partial(figures.norms, how="lora"),
    "figure6_forgetting_full": partial(figures.forgetting, how="full"),
    "figure7_forgetting_lora": partial(figures.forgetting, how="lora"),
    "learning_by_lambda": figures.learning,
    "cosine_by_layer": figures.cosine,
}


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    shown = writer.some(parts(sweep))
    if questions := packed_questions(sweep):
        writer.data.append(questions)
    return [*(_part(part, writer) for part in shown), _whole(sweep, writer)]


def _part(part: EditPart, writer: Writer) -> Section:
    section = writer.section(part.name)
    writer.tables(section, TABLES, part)
    writer.figures(section, FIGURES, part, findings=FINDINGS)
    return section


def _whole(sweep: Sweep, writer: Writer) -> Section:
    """What all parts share."""
    section = Section("Trainings and searches")
    wanted = [trainings.training_table, trainings.search_table, trainings.left_out_table]
    writer.tables(section, wanted, sweep)
    writer.figures(section, {"lambda_search": figures.lambda_search}, sweep)
    return section
