"""Tables of the SliCK study, ours beside the published numbers; as text, CSV or rows for HTML."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ..statistics import Mean, chunk_test, mean, stars
from ..store import Labels, Missing
from ..table import PAPER, Table, number, with_interval
from . import published
from .quantities import (
    CATEGORIES,
    LONG,
    SHORT,
    WHEN,
    Setting,
    learning_order,
    linear_model,
    verdicts,
)


def _percent(setting: Setting, points: pd.DataFrame, column: str, needed_by: str) -> Mean:
    return mean(100 * setting.column(column, points, needed_by))


def results_table(setting: Setting) -> Table:
    """Accuracy at EARLY_STOP and CONVERGENCE for each unknown ratio (the ends of figure 3a)."""
    what = "the table of results"
    columns = ["unknown in D", "seeds", "early stop epoch"]
    columns += ["ES test", PAPER, "CONV test", PAPER, "ES - CONV", "ES OOD", "CONV OOD"]
    rows = []
    for ratio, points in setting.ratios().groupby("unknown_ratio"):
        paper = {
            when: dict(zip(published.RATIOS, published.FIG3A[when], strict=True)).get(float(ratio))
            for when in WHEN
        }
        test = {w: setting.column(f"accuracy_test_{w}", points, what) for w in WHEN}
        ood = {w: setting.column(f"accuracy_ood_{w}", points, what) for w in WHEN}
        rows.append(
            [
                f"{100 * ratio:g} %",
                str(points["seed"].nunique()),
                number(mean(setting.column("epoch_early_stop", points, what)).value),
                with_interval(mean(100 * test["early_stop"])),
                number(paper["early_stop"]),
                with_interval(mean(100 * test["final"])),
                number(paper["final"]),
                with_interval(mean(100 * (test["early_stop"] - test["final"]))),
                with_interval(mean(100 * ood["early_stop"])),
                with_interval(mean(100 * ood["final"])),
            ]
        )
    return Table(
        "results",
        "Accuracy by unknown ratio (percent; ES: early stop, CONV: last epoch)",
        columns,
        rows,
        [
            f"paper: {published.CITATION}, figure 3a, read off the plot. "
            "The OOD curves have no published numbers."
        ],
    )


def table1(setting: Setting) -> Table:
    """Table 1: the linear model of Eq. 1, in distribution and out of it."""
    rows = []
    for test, label in (("test", "ID"), ("ood", "OOD")):
        fit = linear_model(setting, test)
        paper = published.TABLE1[test]
        for k, name in enumerate(("b0", "b_kn", "b_unk")):
            limits = f"[{number(fit.low[k])}, {number(fit.high[k])}]"
            rows.append(
                [f"{label} {name}", number(fit.coefficients[k]), limits, number(paper[name])]
            )
        limits = f"[{number(fit.r2_low, 2)}, {number(fit.r2_high, 2)}]"
        rows.append([f"{label} R2", number(fit.r2, 2), limits, number(paper["r2"], 2)])
    return Table(
        "table1_linear_model",
        "Table 1: Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (percent points)",
        ["coefficient", "ours", "95 % interval", PAPER],
        rows,
        [
            f"Least squares over {fit.observations} epochs of {fit.clusters} unknown-ratio runs. "
            "Intervals: percentiles of 2000 bootstrap resamples of whole runs, as the epochs of a "
            "run are not independent; too narrow where the runs are few."
        ],
    )


def _single_category(setting: Setting) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Finished points a row of table 2, and what stands in for something else."""
    found, notes = {}, []
    for name in (*CATEGORIES, "natural"):
        points = setting.points[setting.points["variant"] == name]
        if points.empty and name == "unknown":
            whole = setting.points[setting.points["variant"] == "unknown_ratio"]
            points = whole[whole["unknown_ratio"] == 1.0]
            if not points.empty:
                notes.append("D_Unknown: the unknown-ratio point with X = 100 %, the same data.")
        if not points.empty:
            found[name] = points
    if not found:
        raise Missing("table 2 needs single-category variants (highly_known, ..., natural)")
    return found, notes


def _marks(
    setting: Setting, variants: dict[str, pd.DataFrame], when: str, columns: list[str | None]
) -> dict[tuple[str, str | None], str]:
    """Stars of each cell of table 2 against the best of its column (appendix I)."""
    labels = setting.results.labels
    share = {}
    for name, points in variants.items():
        share[name] = verdicts(setting, points, when, "id", "significance in table 2")
    common = sorted(set.intersection(*(set(s.index) for s in share.values())))
    found = {}
    for column in columns:
        rows = [
            row
            for row in common
            if column is None or labels.category[row] == CATEGORIES.index(column)
        ]
        if len(rows) < 2:
            continue
        best = max(share, key=lambda name: share[name][rows].mean())
        for name in share:
            p = chunk_test(share[name][rows].to_numpy(), share[best][rows].to_numpy())
            found[name, column] = stars(p)
    return found


def table2(setting: Setting, when: str) -> Table:
    """Table 2: single-category variants against the categories of the test questions."""
    variants, notes = _single_category(setting)
    columns: list[str | None] = [None, *CATEGORIES]
    try:
        marks = _marks(setting, variants, when, columns)
        notes.append(
            "* p < 0.05, ** p < 0.01 against the best of the column: paired t-test over 100 chunks "
            "of the test questions (fewer where there are fewer questions), the verdicts averaged "
            "over seeds."
        )
    except Missing as missing:
        marks = {}
        notes.append(f"No significance: {missing}.")
    rows = []
    for name, points in variants.items():
        row = [f"D_{LONG[name]}", str(points["seed"].nunique())]
        for k, column in enumerate(columns):
            metric = "accuracy_test_" + (f"{column}_" if column else "") + when
            value = _percent(setting, points, metric, "table 2")
            row += [with_interval(value) + marks.get((name, column), "")]
            row += [published.TABLE2[name][when][k]]
        rows.append(row)
    head = ["variant", "seeds"]
    for column in columns:
        head += [SHORT[column] if column else "Full", PAPER]
    return Table(
        f"table2_{when}",
        f"Table 2: test accuracy of single-category variants at {WHEN[when]} (percent)",
        head,
        rows,
        notes,
    )


def stop_table(setting: Setting) -> Table:
    """EARLY_STOP against CONVERGENCE of each variant of table 2, with its significance."""
    variants, notes = _single_category(setting)
    rows = []
    for name, points in variants.items():
        what = f"early stop against convergence of {name}"
        first = verdicts(setting, points, "early_stop", "id", what)
        last = verdicts(setting, points, "final", "id", what)
        common = first.index.intersection(last.index)
        p = chunk_test(first[common].to_numpy(), last[common].to_numpy())
        gap = 100 * (first[common].mean() - last[common].mean())
        paper = "n.s." if name == "maybe_known" else "**"
        rows.append([f"D_{LONG[name]}", number(gap), f"{p:.2g}", stars(p) or "n.s.", paper])
    return Table(
        "table2_stop_significance",
        "EARLY_STOP against CONVERGENCE on all test questions (appendix I)",
        ["variant", "ES - CONV (points)", "p", "ours", PAPER],
        rows,
        notes,
    )


def table3(setting: Setting) -> Table:
    """Table 3: answers of Unknown examples replaced by "I don't know" (D_IDK)."""
    idk = setting.variant("idk", "table 3")
    whole = setting.variant("unknown_ratio", "table 3")
    ratio = idk["unknown_ratio"].iloc[0]
    plain = whole[whole["unknown_ratio"] == ratio]
    if plain.empty:
        raise Missing(f"table 3 needs the unknown-ratio point of D_IDK ({100 * ratio:g} % Unknown)")
    rows = []
    for name, points in (("unknown_ratio", plain), ("idk", idk)):
        row = ["D" if name == "unknown_ratio" else "D_IDK", str(points["seed"].nunique())]
        for when in WHEN:
            paper = published.TABLE3[name][when]
            accuracy = _percent(setting, points, f"accuracy_test_{when}", "table 3")
            answered = _percent(setting, points, f"answered_test_{when}", "table 3")
            row += [with_interval(accuracy), number(paper[0])]
            row += [with_interval(answered), number(paper[1])]
        rows.append(row)
    head = ["data", "seeds"]
    for when in ("ES", "CONV"):
        head += [f"{when} accuracy", PAPER, f"{when} answered", PAPER]
    return Table(
        "table3_idk",
        f'Table 3: relabelling Unknown as "I don\'t know", {100 * ratio:g} % Unknown (percent)',
        head,
        rows,
        ['Accuracy is over the test questions that were not answered "I don\'t know".'],
    )


def order_table(setting: Setting) -> Table:
    """Section 4.3: Unknown examples are fitted later than Known ones, run by run."""
    rows, held = [], 0
    found = learning_order(setting)
    for run in found:
        held += not run.violations
        shown = ", ".join(map(str, run.violations[:6])) + (
            " ..." if len(run.violations) > 6 else ""
        )
        rows.append(
            [
                f"{100 * run.ratio:g} %",
                str(run.seed),
                "-" if run.epoch_known is None else str(run.epoch_known),
                "-" if run.epoch_unknown is None else str(run.epoch_unknown),
                "-" if run.converged is None else str(run.converged),
                str(run.epochs_checked),
                "none" if not run.violations else shown,
            ]
        )
    return Table(
        "learning_order",
        f"Learning order: Unknown later than Known at every epoch in {held} of {len(found)} runs",
        [
            "unknown in D",
            "seed",
            "Known 90 %",
            "Unknown 90 %",
            "converged",
            "epochs checked",
            "violated at",
        ],
        rows,
        [
            "Epochs at which 90 % of the part is fitted; checked are the epochs before 99 % of D "
            "is fitted. A violation is an epoch with fitted Unknown >= fitted Known."
        ],
    )


def label_table(labels: Labels, split: str, role: str) -> Table:
    """Categories a relation: drawn counts, and those expected over the draws of the samples."""
    chosen = labels.rows(split, role)
    if not chosen.any():
        raise Missing(f"label summary needs labelled {split} questions ({role})")
    relation = labels.frame["relation"].to_numpy()
    probability = labels.category_probability
    train = split == "train"
    head = ["relation"]
    for name in CATEGORIES:
        head += [SHORT[name]] + (["expected"] if probability is not None else [])
    head += ["total"] + (["min"] if train else [])

    def counts(mask: np.ndarray) -> list[int]:
        return np.bincount(labels.category[mask], minlength=4).tolist()

    def cells(name: str, mask: np.ndarray, smallest: int) -> list[str]:
        row = [name]
        for k, count in enumerate(counts(mask)):
            row.append(str(count))
            if probability is not None:
                p = probability[mask, k].astype(float)
                row.append(f"{p.sum():.1f} \u00b1 {math.sqrt(float((p * (1 - p)).sum())):.1f}")
        return row + [str(int(mask.sum()))] + ([str(smallest)] if train else [])

    rows, smallest = [], 0
    for name in sorted(set(relation[chosen])):
        mask = chosen & (relation == name)
        smallest += min(counts(mask))
        rows.append(cells(str(name), mask, min(counts(mask))))
    rows.append(cells("all", chosen, smallest))
    total = counts(chosen)
    shares = ", ".join(
        f"{SHORT[name]} {100 * count / sum(total):.1f} % (paper {paper:g} %)"
        for name, count, paper in zip(
            CATEGORIES, total, published.CATEGORY_SHARES[split, role], strict=True
        )
    )
    notes = [f"Shares: {shares}."]
    if train:
        notes.append(
            "min: the smallest category, n_r examples of the relation in every D; all = |D|."
        )
    if probability is not None:
        notes.append(
            "expected: mean \u00b1 standard deviation over the draws of the samples, given each p."
        )
    unlabelled = int(
        ((labels.frame["split"] == split) & (labels.frame["role"] == role)).sum()
    ) - int(chosen.sum())
    if unlabelled:
        notes.append(f"{unlabelled} questions are not labelled yet and left out.")
    return Table(
        f"labels_{split}_{role}",
        f"Labels of the {split} questions ({role.upper()})",
        head,
        rows,
        notes,
    )
