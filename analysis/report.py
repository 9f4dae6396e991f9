"""`report FILE`: every figure and table of the study, one HTML page, and a summary on stdout.

What the file cannot give yet is left out with a line that says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import html, tables
from .figures import bars, exposure, fit, ratio, style, unknown
from .slick import Missing, Setting, settings
from .store import STATUS, Results, StoreError, read

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

TABLES: list[Callable[[Setting], tables.Table]] = [
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


def report(path: Path, folder: Path | None) -> None:
    """Writes the report of `path` into `folder` (default: beside the file), prints the summary."""
    results = read(path)
    study = str(results.attributes.get("study", ""))
    if study != "slick":
        raise StoreError(
            f"{path}: holds study '{study}', the report knows 'slick'. `compare` reads any study."
        )
    folder = folder or path.with_name(path.stem + "_report")
    folder.mkdir(parents=True, exist_ok=True)

    overview = html.Section("Sweep")
    overview.lines(_state(results))
    print("\n".join(_state(results)))
    skipped: list[str] = []
    sections = [overview, _labels(results, folder, skipped)]
    for setting in settings(results):
        sections.append(_setting(setting, folder, skipped))

    left_out = html.Section("Left out")
    if skipped:
        left_out.lines(skipped)
        print("\nleft out:\n" + "\n".join(f"  {line}" for line in skipped))
    methods = html.Section("Methods")
    methods.lines(METHODS)
    for name in ("deck", "science", "library_versions"):
        if name in results.attributes:
            methods.details(name, _pretty(str(results.attributes[name])))
    page = folder / "index.html"
    html.write_page(page, f"SliCK: {path.name}", [*sections, left_out, methods])
    print(f"\nfigures and tables: {folder}\npage: {page}")


def _state(results: Results) -> list[str]:
    """What was run, and how much of it is finished."""
    counts = results.points["status"].value_counts()
    states = ", ".join(f"{counts[k]} {name}" for k, name in STATUS.items() if k in counts)
    done = len(results.done)
    lines = [f"{results.path}: {done} of {len(results.points)} points finished ({states})."]
    if done < len(results.points):
        lines.append("Unfinished points are left out of every figure and table.")
    seeds = results.done["seed"].nunique() if "seed" in results.points else 0
    if seeds == 1:
        lines.append("One seed only: no confidence intervals over seeds.")
    elif seeds > 1:
        lines.append(f"{seeds} seeds.")
    if "reason" in results.points:
        failed = results.points[results.points["status"] == 3]
        lines += [f"failed: {p['id']}: {p['reason']}" for _, p in failed.head(5).iterrows()]
        if len(failed) > 5:
            lines.append(f"... and {len(failed) - 5} more failed points (/points/reason).")
    attributes = results.attributes
    version = " ".join(
        str(attributes[n]) for n in ("code_version", "git_revision") if n in attributes
    )
    if version:
        lines.append(
            f"factsweep {version}; started {attributes.get('start_time', 'at an unknown time')}."
        )
    return lines


def _labels(results: Results, folder: Path, skipped: list[str]) -> html.Section:
    section = html.Section("Labels")
    if results.labels is None:
        skipped.append("label summary needs /labels/base")
    else:
        for split, role in (("train", "id"), ("test", "id"), ("test", "ood")):
            with _leaving_out(skipped):
                _add_table(section, tables.label_table(results.labels, split, role), folder, "")
    with _leaving_out(skipped):
        caption = (
            "Categories against the exposures of the fact in the training corpus; numbers of "
            "questions above the bars."
        )
        figure = exposure.categories_by_exposure(results.labels)
        _add_figure(section, figure, folder, "exposures", caption)
    return section


def _setting(setting: Setting, folder: Path, skipped: list[str]) -> html.Section:
    section = html.Section(setting.name or "Results")
    suffix = "_" + re.sub(r"[^\w.+-]+", "_", setting.name) if setting.name else ""
    if setting.name:
        print(f"\n[{setting.name}]")
    everything = "every figure and table of results"
    if setting.points.empty:
        skipped.append(f"{everything}: no point has finished")
        return section
    if "variant" not in setting.points:
        skipped.append(f"{everything}: the sweep fine-tunes nothing (labels only)")
        return section
    for make in TABLES:
        with _leaving_out(skipped, setting.name):
            _add_table(section, make(setting), folder, suffix)
    for name, caption, draw in FIGURES:
        with _leaving_out(skipped, setting.name):
            _add_figure(section, draw(setting), folder, name + suffix, caption)
    return section


@contextmanager
def _leaving_out(skipped: list[str], where: str = "") -> Iterator[None]:
    """What the file cannot give becomes a line of `skipped`, each reason once."""
    try:
        yield
    except Missing as missing:
        line = f"{where}: {missing}" if where else str(missing)
        if line not in skipped:
            skipped.append(line)


def _add_table(section: html.Section, table: tables.Table, folder: Path, suffix: str) -> None:
    path = table.write_csv(folder)
    if suffix:
        path.replace(path.with_name(path.stem + suffix + ".csv"))
    section.table(table)
    if table.name in PRINTED:
        print("\n" + table.text())
    elif table.name == "learning_order":
        print(f"\n{table.title}")


def _add_figure(section: html.Section, figure, folder: Path, name: str, caption: str) -> None:
    section.figure(style.save(figure, folder, name), caption)


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text
