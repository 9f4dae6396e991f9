"""What `report` makes of a K-shot file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sweep import Sweep
from ..writer import Writer
from . import experts, figures, left_out, projection, tables
from .quantities import ExpertPart, part_of

TITLE = "K-shot"

ACCURACY = [
    tables.method_table,
    tables.difference_table,
    *(
        partial(tables.axis_table, axis=axis, name=name, title=title)
        for axis, name, title in tables.AXIS_TABLES
    ),
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

METHODS = [
    "\u00b1 and bars: 95 % Student interval of the mean over the draws of the shots, seeds "
    "averaged first; from one draw over seeds; none from a single value. They do not tell of the "
    "choice of test examples; the limits in brackets tell of both.",
    "Accuracy: share of test examples whose generated answer is right; by likelihood: the right "
    "option has the largest summed log-probability.",
    "Tables 2, 3, 4, 6, 7 and figure 9 change one axis at a time and keep the first value of every "
    "other in the deck's [grid].",
    "Columns named paper: published values of 7B models. Another model and other data give other "
    "levels: compare orderings and shapes.",
]


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    part = part_of(sweep)
    if part.points.empty:
        return [_not_used(part, writer)]  # may tell why
    accuracy, selection, shown = map(Section, ("Accuracy", "What was selected", "Figures"))
    writer.tables(accuracy, ACCURACY, part)
    writer.tables(selection, SELECTION, part)
    writer.figures(shown, FIGURES, part)
    return [accuracy, selection, _not_used(part, writer), shown]


def _not_used(part: ExpertPart, writer: Writer) -> Section:
    """What the sweep could not use; without parts where the file tells of nothing such."""
    section = Section("What could not be used")
    lines = [*left_out.unusable_adapters(part), *left_out.cut_points(part)]
    if lines:
        section.lines(lines)
        print("\n" + "\n".join(lines))
    writer.tables(section, [left_out.example_table, left_out.stopped_table], part)
    return section
