"""What `report` makes of a K-shot file, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .. import html
from ..store import Results
from ..writer import Writer
from . import experts, figures, left_out, projection, tables
from .quantities import Study, study_of

TITLE = "K-shot"

# file name stem, caption (or what makes it), figure of the study
FIGURES: list[tuple[str, str | Callable[[], str], Callable[[Study], object]]] = [
    (
        "figure2_tuning",
        "Figure 2. Adapters by reasoning perplexity and test accuracy; green: what training on "
        "D_K and D_A adds to the best one (Source Best SFT).",
        figures.tuned,
    ),
    (
        "figure7_activation",
        "Figure 7. Share of the choices of all test tokens that go to each expert, by layer; "
        "ours, first finished draw. Even shares are 1/N.",
        figures.activation,
    ),
    (
        "figure8_perplexity",
        "Figure 8. Test accuracy of every adapter against its perplexity on the shots, mean over "
        "draws; \u03c1: Spearman's rank correlation, mean over draws.",
        figures.perplexity,
    ),
    (
        "figure9_open_data",
        "Figure 9. Ours against \u03c4, above which near examples are dropped, and against C, the "
        "examples selected before.",
        figures.open_data,
    ),
    ("figure10_selection", projection.caption, projection.projection),
    (
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


def sections(results: Results, writer: Writer) -> list[html.Section]:
    study = study_of(results)
    if results.done.empty:
        writer.leave_out("every figure and table of results: no point has finished")
        return [_not_used(study, writer)]  # may tell why
    accuracy, selection, shown = map(html.Section, ("Accuracy", "What was selected", "Figures"))
    _tables(study, writer, accuracy, [tables.method_table, tables.difference_table])
    wanted = [
        partial(tables.axis_table, axis=axis, name=name, title=title, paper=paper)
        for axis, name, title, paper in tables.AXIS_TABLES
    ]
    _tables(study, writer, accuracy, wanted)
    wanted = [experts.mixed_table, experts.expert_table, experts.correlation_table]
    _tables(study, writer, selection, [*wanted, experts.kept_table, experts.bank_table])
    for name, caption, draw in FIGURES:
        words = caption if isinstance(caption, str) else caption()
        writer.figure(shown, name, words, draw, study)
    return [accuracy, selection, _not_used(study, writer), shown]


def _not_used(study: Study, writer: Writer) -> html.Section:
    """What the sweep could not use; without parts where the file tells of nothing such."""
    section = html.Section("What could not be used")
    lines = [*left_out.unusable_adapters(study), *left_out.cut_points(study)]
    if lines:
        section.lines(lines)
        print("\n" + "\n".join(lines))
    _tables(study, writer, section, [left_out.example_table, left_out.stopped_table])
    return section


def _tables(study: Study, writer: Writer, section: html.Section, wanted: list[Callable]) -> None:
    for make in wanted:
        if (table := writer.table(section, make, study)) is not None:
            print("\n" + table.text())
