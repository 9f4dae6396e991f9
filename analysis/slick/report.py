"""What `report` makes of a SliCK file, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..html import Section
from ..sweep import Sweep
from ..table import Table
from ..writer import Drawing, Writer
from . import tables
from .figures import bars, exposure, fit, ratio, unknown
from .labels import Labels
from .quantities import LabelledPart, parts

TITLE = "SliCK"

FIGURES = [
    Drawing(
        "figure1_fit",
        "Figure 1. Known examples are fitted first, Unknown ones slowly, and dev accuracy falls.",
        fit.known_and_unknown,
    ),
    Drawing(
        "figure3a_unknown_ratio",
        "Figure 3a. Test accuracy against the share of Unknown examples, by training duration.",
        partial(ratio.durations, test="test"),
    ),
    Drawing(
        "figure3b_known_only",
        "Figure 3b. D against D_Known, from which the Unknown examples were removed.",
        partial(ratio.known_only, test="test"),
    ),
    Drawing(
        "figure4_fitted_share",
        "Figure 4. What is fitted at early stop, as a share of D.",
        bars.fitted_at_early_stop,
    ),
    Drawing(
        "figure5_unknown_classifiers",
        "Figure 5. Accuracy after fine-tuning on D_Natural of the test questions called Unknown: "
        "SliCK with few and many exemplar sets, against P(True).",
        unknown.unknown_classifiers,
    ),
    Drawing(
        "figure7_fit_by_category",
        "Figure 7 (6 in v1). Figure 1 with the three Known categories apart.",
        fit.by_category,
    ),
    Drawing(
        "figure8_ood",
        "Figure 8 (7 in v1). Figure 3a on out-of-distribution relations.",
        partial(ratio.durations, test="ood"),
    ),
]
EXPOSURES = Drawing(
    "exposures",
    "Categories against the exposures of the fact in the training corpus; numbers of questions "
    "above the bars.",
    exposure.categories_by_exposure,
)

# Each with what the terminal shows of it.
TABLES: dict[Callable[[LabelledPart], Table], Callable[[Table], str] | None] = {
    tables.results_table: Table.text,
    tables.table1: Table.text,
    partial(tables.table2, when="early_stop"): None,
    partial(tables.table2, when="final"): None,
    tables.stop_table: None,
    tables.table3: Table.text,
    tables.order_table: lambda table: table.title,
}

METHODS = [
    "\u00b1 and shaded bands: 95 % Student interval of the mean over seeds; none from one seed.",
    "EARLY_STOP: the epoch of best dev accuracy; CONVERGENCE: the last epoch.",
    "Dashed and faint curves, thin bars, and columns named paper: published values (PaLM 2, "
    "EntityQuestions), those of figures read off the plots. Another model and other data give "
    "other levels: compare shapes.",
    "Figure 5: SliCK with n exemplar sets is the exact mean over all choices of n of the sets.",
]


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    labels = sweep.group(Labels)
    return [_labels(labels, writer), *(_part(p, writer) for p in parts(sweep, labels))]


def _labels(labels: Labels, writer: Writer) -> Section:
    section = Section("Labels")
    if labels.category is None:
        writer.leave_out("label summary needs /labels/base")
    else:
        for split, role in (("train", "id"), ("test", "id"), ("test", "ood")):
            writer.table(section, tables.label_table, labels, split, role, show=None)
    writer.figures(section, [EXPOSURES], labels)
    return section


def _part(part: LabelledPart, writer: Writer) -> Section:
    section = writer.section(part.name)
    if "variant" not in part.points:
        writer.leave_out(
            "every figure and table of results: the sweep fine-tunes nothing (labels only)"
        )
    elif not part.points.empty:
        for make, show in TABLES.items():
            writer.table(section, make, part, show=show)
        writer.figures(section, FIGURES, part)
    return section
