"""What `report` makes of a K-shot file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sweep import Sweep
from ..writer import Drawing, Writer
from . import experts, figures, left_out, projection, tables
from .quantities import ExpertPart, part_of

TITLE = "K-shot"

ACCURACY = [
    tables.method_table,
    tables.difference_table,
    *(
        partial(tables.axis_table, axis=axis, name=name, title=title, paper=paper)
        for axis, name, title, paper in tables.AXIS_TABLES
    ),
]
SELECTION = [
    experts.mixed_table,
    experts.expert_table,
    experts.correlation_table,
    experts.kept_table,
    experts.bank_table,
]
FIGURES = [
    Drawing(
        "figure2_tuning",
        "Figure 2. Adapters by reasoning perplexity and test accuracy; green: what training on "
        "D_K and D_A adds to the best one (Source Best SFT).",
        figures.tuned,
    ),
    Drawing(
        "figure7_activation",
        "Figure 7. Share of the choices of all test tokens that go to each expert, by layer; "
        "ours, first finished draw. Even shares are 1/N.",
        figures.activation,
    ),
    Drawing(
        "figure8_perplexity",
        "Figure 8. Test accuracy of every adapter against its perplexity on the shots, mean over "
        "draws; \u03c1: Spearman's rank correlation, mean over draws.",
        figures.perplexity,
    ),
    Drawing(
        "figure9_open_data",
        "Figure 9. Ours against \u03c4, above which near examples are dropped, and against C, the "
        "examples selected before.",
        figures.open_data,
    ),
    Drawing("figure10_selection", projection.caption, projection.projection),
    Drawing(
        "figure11_cases",
        "Figure 11. Test examples that all, some or none of the selected experts have right, and "
        "what their mixture makes of them.",
        figures.case_counts,
    ),
]

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
