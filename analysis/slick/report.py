"""What `report` makes of a SliCK file, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable

from .. import html
from ..store import Results
from ..table import Table
from ..writer import Writer
from . import tables
from .figures import bars, exposure, fit, ratio, unknown
from .quantities import Setting, settings

TITLE = "SliCK"

# file name stem, caption, figure of a setting
FIGURES: list[tuple[str, str, Callable]] = [
    (
        "figure1_fit",
        "Figure 1. Known examples are fitted first, Unknown ones slowly, and dev accuracy falls.",
        fit.known_and_unknown,
    ),
    (
        "figure3a_unknown_ratio",
        "Figure 3a. Test accuracy against the share of Unknown examples, by training duration.",
        lambda s: ratio.durations(s, "test"),
    ),
    (
        "figure3b_known_only",
        "Figure 3b. D against D_Known, from which the Unknown examples were removed.",
        lambda s: ratio.known_only(s, "test"),
    ),
    (
        "figure4_fitted_share",
        "Figure 4. What is fitted at early stop, as a share of D.",
        bars.fitted_at_early_stop,
    ),
    (
        "figure5_unknown_classifiers",
        "Figure 5. Accuracy after fine-tuning on D_Natural of the test questions called Unknown: "
        "SliCK with few and many exemplar sets, against P(True).",
        unknown.unknown_classifiers,
    ),
    (
        "figure7_fit_by_category",
        "Figure 7 (6 in v1). Figure 1 with the three Known categories apart.",
        fit.by_category,
    ),
    (
        "figure8_ood",
        "Figure 8 (7 in v1). Figure 3a on out-of-distribution relations.",
        lambda s: ratio.durations(s, "ood"),
    ),
]

TABLES: list[Callable[[Setting], Table]] = [
    tables.results_table,
    tables.table1,
    lambda s: tables.table2(s, "early_stop"),
    lambda s: tables.table2(s, "final"),
    tables.stop_table,
    tables.table3,
    tables.order_table,
]
PRINTED = {"results", "table1_linear_model", "table3_idk"}

METHODS = [
    "\u00b1 and shaded bands: 95 % Student interval of the mean over seeds; none from one seed.",
    "EARLY_STOP: the epoch of best dev accuracy; CONVERGENCE: the last epoch.",
    "Dashed and faint curves, thin bars, and columns named paper: published values (PaLM 2, "
    "EntityQuestions), those of figures read off the plots. Another model and other data give "
    "other levels: compare shapes.",
    "Figure 5: SliCK with n exemplar sets is the exact mean over all choices of n of the sets.",
]


def sections(results: Results, writer: Writer) -> list[html.Section]:
    return [_labels(results, writer), *(_setting(s, writer) for s in settings(results))]


def _labels(results: Results, writer: Writer) -> html.Section:
    section = html.Section("Labels")
    if results.labels is None:
        writer.leave_out("label summary needs /labels/base")
    else:
        for split, role in (("train", "id"), ("test", "id"), ("test", "ood")):
            writer.table(section, tables.label_table, results.labels, split, role)
    caption = (
        "Categories against the exposures of the fact in the training corpus; numbers of "
        "questions above the bars."
    )
    draw = exposure.categories_by_exposure
    writer.figure(section, "exposures", caption, draw, results.labels)
    return section


def _setting(setting: Setting, writer: Writer) -> html.Section:
    section = html.Section(setting.name or "Results")
    if setting.name:
        print(f"\n[{setting.name}]")
    everything = "every figure and table of results"
    if setting.points.empty:
        writer.leave_out(f"{everything}: no point has finished")
        return section
    if "variant" not in setting.points:
        writer.leave_out(f"{everything}: the sweep fine-tunes nothing (labels only)")
        return section
    for make in TABLES:
        table = writer.table(section, make, setting, where=setting.name)
        if table is not None and table.name in PRINTED:
            print("\n" + table.text())
        elif table is not None and table.name == "learning_order":
            print(f"\n{table.title}")
    for name, caption, draw in FIGURES:
        writer.figure(section, name, caption, draw, setting, where=setting.name)
    return section
