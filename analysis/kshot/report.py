"""What `report` makes of a K-shot file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sources import source_table
from ..sweep import Sweep
from ..writer import Writer
from . import experts, figures, helps, left_out, projection, tables
from .quantities import ExpertPart, part_of
from .findings import FINDINGS
from .questions import packed_questions

TITLE = "K-shot"

ACCURACY = [
    tables.method_table,
    tables.difference_table,
    tables.abilities,
    *(partial(tables.axis_table, axis=axis, name=n) for axis, n in tables.AXIS_TABLES.items()),
]
SELECTION = [
    experts.mixed_table,
    experts.expert_table,
    experts.correlation_table,
    experts.kept_table,
    experts.bank_table,
]
FIGURES = {
    "figure2_tuning": figures.tuned,
    "figure7_activation": figures.activation,
    "figure8_perplexity": figures.perplexity,
    "figure9_open_data": figures.open_data,
    "figure10_selection": projection.projection,
    "figure11_cases": figures.case_counts,
}


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    part = part_of(sweep)
    if part.points.empty:
        return [_not_used(part, writer)]  # may tell why
    if questions := packed_questions(part):
        writer.data.append(questions)
    accuracy, selection, shown = map(Section, ("Accuracy", "What was selected", "Figures"))
    answer = Section("Which adapters do most")
    writer.lines(answer, helps.sentences, part)
    writer.table(answer, helps.table, part)
    writer.tables(accuracy, ACCURACY, part)
    writer.tables(selection, SELECTION, part)
    writer.figures(shown, FIGURES, part, findings=FINDINGS)
    return [answer, accuracy, selection, _not_used(part, writer), shown]


def _not_used(part: ExpertPart, writer: Writer) -> Section:
    """What the sweep could not use; without parts where the file tells of nothing such."""
    section = Section("What could not be used")
    writer.lines(section, left_out.lines, part)
    writer.table(section, source_table, part.sweep)
    writer.tables(section, [left_out.example_table, left_out.stopped_table], part)
    return section
