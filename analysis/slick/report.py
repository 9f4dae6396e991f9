"""What `report` makes of a SliCK file, in the order of the page."""

from __future__ import annotations

from functools import partial

from ..html import Section
from ..sources import source_table
from ..sweep import Sweep
from ..table import Table
from ..writer import Writer
from . import errors, figures, ratios, tables
from .groups import CATEGORIES, DataRead
from .quantities import LabelledPart, Model, beside, models_of, parts
from .questions import packed_questions
from .findings import FINDINGS

TITLE = "SliCK"

FIGURES = {
    "figure1_fit": partial(
        figures.fitting, names=("known", "unknown"), what="figure 1", reference=True
    ),
    "figure3a_unknown_ratio": partial(ratios.by_duration, test="test", what="figure 3a"),
    "figure3b_known_only": partial(ratios.known_only, test="test", what="figure 3b"),
    "figure4_fitted_share": figures.fitted_at_early_stop,
    "figure5_unknown_classifiers": figures.unknown_classifiers,
    "figure7_fit_by_category": partial(figures.fitting, names=CATEGORIES, what="figure 7"),
    "figure8_ood": partial(ratios.by_duration, test="ood", what="the OOD figure"),
    "figure8_ood_known_only": partial(ratios.known_only, test="ood", what="figure 3b on OOD"),
    "table3_idk_curves": figures.idk_curves,
}

# Each with what the terminal shows of it.
TABLES = (
    (tables.results_table, Table.text),
    (tables.table1, Table.text),
    (partial(tables.table2, when="early_stop"), None),
    (partial(tables.table2, when="final"), None),
    (tables.stop_table, None),
    (tables.table3, Table.text),
    (errors.f1_table, None),
    (errors.kind_table, None),
    (errors.forgotten_table, None),
    (tables.abilities, None),
    (tables.order_table, lambda table: table.title),
)


def sections(sweep: Sweep, writer: Writer) -> list[Section]:
    models = models_of(sweep)
    shown = writer.some(parts(sweep, models))
    if questions := packed_questions(sweep, models):
        writer.data.append(questions)
    of_models = [_labels(sweep, model, writer) for model in writer.some(models, "models' labels")]
    data = Section("Data")
    writer.table(data, source_table, sweep)
    for name in tables.OF_DATA:
        writer.table(data, tables.data_table, sweep.group(DataRead), name)
    return [data, *of_models, *(_part(p, writer) for p in shown)]


def _labels(sweep: Sweep, model: Model, writer: Writer) -> Section:
    """What a model knew before."""
    title = f"Labels: {model.name}" if model.name else "Labels"
    section, labels = Section(title, where=model.name), model.labels
    if labels.category is None:
        writer.leave_out("label summary needs /labels/base")
    else:
        for split, role in (("train", "id"), ("test", "id"), ("test", "ood")):
            rule = sweep.science.get("slick.size_rule", "")
            make = partial(tables.label_table, split=split, role=role, size_rule=rule)
            writer.table(section, make, labels, beside(sweep, "categories"), show=None)
    wrong = model.errors
    writer.table(section, errors.base_table, wrong, beside(sweep, "errors"), show=None)
    writer.table(section, errors.base_answers, wrong, labels, show=None)
    writer.figures(section, {"exposures": figures.categories_by_exposure}, labels)
    return section


def _part(part: LabelledPart, writer: Writer) -> Section:
    section = writer.section(part.name)
    if "variant" not in part.points:
        writer.leave_out(
            "every figure and table of results: the sweep fine-tunes nothing (labels only)"
        )
    elif not part.points.empty:
        for make, show in TABLES:
            writer.table(section, make, part, show=show)
        writer.figures(section, FIGURES, part, findings=FINDINGS)
    return section
