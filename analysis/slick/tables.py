"""Tables of the SliCK study, ours beside the published numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ..statistics import chunk_test, crossed_mean, mean, stars
from ..store import need
from ..table import NONE, PAPER, Table, number, numbers, percent, with_limits
from .groups import CATEGORIES, DataRead, Labels
from .quantities import (
    CITATION,
    ENDS,
    LONG,
    SHORT,
    SINGLE,
    WHEN,
    LabelledPart,
    answers,
    beside_idk,
    learning_order,
    linear_model,
    minus,
    of_category,
    paper,
)

CHANCE = (
    "In brackets 95 % limits: other seeds and other test questions would give another value; from "
    "one seed they tell of the questions alone."
)


def results_table(part: LabelledPart) -> Table:
    """Accuracy at EARLY_STOP and CONVERGENCE for each unknown ratio (the ends of figure 3a)."""
    table = Table(
        "results",
        "Accuracy by unknown ratio (percent; ES: early stop, CONV: last epoch)",
        f"paper: {CITATION}, figure 3a, read off the plot. "
        "The OOD curves have no published numbers.",
        CHANCE,
    )
    published, what = paper("unknown_ratio"), "the table of results"
    for ratio, points in part.ratios().groupby("unknown_ratio"):
        stop, last = (answers(part, points, when, "id", what) for when in WHEN)
        ood = {}
        if part.labels.rows("test", "ood").any():
            ood = {when: answers(part, points, when, "ood", what) for when in WHEN}
        printed = published.get(f"{ratio:g}", {})
        epochs = part.column("epoch_early_stop", points, what)
        table.row(
            ("unknown in D", f"{100 * ratio:g} %"),
            ("seeds", str(points["seed"].nunique())),
            ("early stop epoch", number(mean(epochs).value)),
            ("ES test", percent(crossed_mean(stop))),
            (PAPER, numbers(printed.get("early_stop"))),
            ("CONV test", percent(crossed_mean(last))),
            (PAPER, numbers(printed.get("final"))),
            ("ES - CONV", with_limits(crossed_mean(minus(stop, last)).interval)),
            *(
                (f"{short} OOD", percent(crossed_mean(ood[when])) if ood else NONE)
                for short, when in ENDS.items()
            ),
        )
    return table


def table1(part: LabelledPart) -> Table:
    """Table 1: the linear model of Eq. 1, in distribution and out of it."""
    title = "Table 1: Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (percent points)"
    table = Table("table1_linear_model", title)
    for test, label in (("test", "ID"), ("ood", "OOD")):
        fit = linear_model(part, test)
        values = [*zip(fit.coefficients, fit.low, fit.high, strict=True)]
        values.append((fit.r2, fit.r2_low, fit.r2_high))
        printed = paper("linear_model")[test]["values"]
        names = ("b0", "b_kn", "b_unk", "R2")
        for name, (value, low, high), theirs in zip(names, values, printed, strict=True):
            digits = 2 if name == "R2" else 1
            table.row(
                ("coefficient", f"{label} {name}"),
                ("ours", number(value, digits)),
                ("95 % interval", f"[{number(low, digits)}, {number(high, digits)}]"),
                (PAPER, number(theirs, digits)),
            )
    table.notes.append(
        f"Least squares over {fit.observations} epochs of {fit.clusters} unknown-ratio runs. "
        "Intervals: percentiles of 2000 bootstrap resamples of whole runs, as the epochs of a run "
        "are not independent; too narrow where the runs are few. All runs are asked the same test "
        "questions, whose chance, above all in b0, is not in them."
    )
    return table


def _single_category(part: LabelledPart) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Finished points of each row of table 2, and a note on what replaces something else."""
    found, notes = {}, []
    for name in SINGLE:
        points = part.points[part.points["variant"] == name]
        if points.empty and name == "unknown":
            whole = part.points[part.points["variant"] == "unknown_ratio"]
            points = whole[whole["unknown_ratio"] == 1.0]
            if not points.empty:
                notes.append("D_Unknown: the unknown-ratio point with X = 100 %, the same data.")
        if not points.empty:
            found[name] = points
    need(found, "table 2 needs single-category variants (highly_known, ..., natural)")
    return found, notes


def _marks(
    part: LabelledPart, variants: dict[str, pd.DataFrame], when: str
) -> dict[tuple[str, str | None], str]:
    """Stars of each cell of table 2 against the best of its column (appendix I)."""
    what = "significance in table 2"
    of = {name: answers(part, points, when, "id", what) for name, points in variants.items()}
    found = {}
    for column in (None, *CATEGORIES):
        rows = {name: of_category(part, one, column) for name, one in of.items()}
        rows = {name: one for name, one in rows.items() if one.shape[1] >= 2}
        if not rows:
            continue
        best = rows[max(rows, key=lambda name: crossed_mean(rows[name]).value)]
        for name, one in rows.items():
            both = one.index.intersection(best.index)  # seeds
            p = chunk_test(one.loc[both].to_numpy(), best.loc[both].to_numpy())
            found[name, column] = stars(p)
    return found


def table2(part: LabelledPart, when: str) -> Table:
    """Table 2: single-category variants against the categories of the test questions."""
    variants, notes = _single_category(part)
    marks = _marks(part, variants, when)
    notes += [
        CHANCE,
        "* p < 0.05, ** p < 0.01 against the best of the column, by seed and over 100 chunks of "
        "the test questions (fewer where there are fewer questions): from one seed the paper's "
        "paired t-test, from several one that counts the chance of the seeds, too.",
    ]
    title = f"Table 2: test accuracy of single-category variants at {WHEN[when]} (percent)"
    table, published = Table(f"table2_{when}", title, *notes), paper("single_category", str)
    for name, points in variants.items():
        row = [("variant", f"D_{LONG[name]}"), ("seeds", str(points["seed"].nunique()))]
        found = answers(part, points, when, "id", "table 2")
        for column, printed in zip((None, *CATEGORIES), published[name][when], strict=True):
            ours = percent(crossed_mean(of_category(part, found, column)))
            head = SHORT[column] if column else "Full"
            row += [(head, ours + marks.get((name, column), "")), (PAPER, printed)]
        table.row(*row)
    return table


def stop_table(part: LabelledPart) -> Table:
    """EARLY_STOP against CONVERGENCE of each variant of table 2, with its significance."""
    variants, notes = _single_category(part)
    title = "EARLY_STOP against CONVERGENCE on all test questions (appendix I)"
    table = Table("table2_stop_significance", title, *notes, CHANCE)
    for name, points in variants.items():
        what = f"early stop against convergence of {name}"
        first, last = (answers(part, points, when, "id", what) for when in WHEN)
        p = chunk_test(first.to_numpy(), last.to_numpy())
        table.row(
            ("variant", f"D_{LONG[name]}"),
            ("seeds", str(len(first))),
            ("ES - CONV (points)", with_limits(crossed_mean(minus(first, last)).interval)),
            ("p", f"{p:.2g}"),
            ("ours", stars(p) or "n.s."),
            (PAPER, "n.s." if name == "maybe_known" else "**"),
        )
    return table


def table3(part: LabelledPart) -> Table:
    """Table 3: answers of Unknown examples replaced by "I don't know" (D_IDK)."""
    ratio, beside = beside_idk(part, "table 3")
    table = Table(
        "table3_idk",
        f'Table 3: relabelling Unknown as "I don\'t know", {100 * ratio:g} % Unknown (percent)',
        'Accuracy is over the test questions that were not answered "I don\'t know"; right of all '
        "counts these as wrong.",
        f"EARLY_STOP of D_IDK: {part.early_stop}.",
        CHANCE,
    )
    for name, points in beside.items():
        row = [("data", "D_IDK" if name == "idk" else "D"), ("seeds", str(points["seed"].nunique()))]
        for short, when in ENDS.items():
            right = answers(part, points, when, "id", "table 3")
            ours = {"accuracy": right, "answered": 100.0 * right.notna()}
            for (metric, found), theirs in zip(ours.items(), paper("idk")[name][when], strict=True):
                row += [
                    (f"{short} {metric}", percent(crossed_mean(found))),
                    (PAPER, number(theirs)),
                ]
            row.append((f"{short} right of all", percent(crossed_mean(right.fillna(0)))))
        table.row(*row)
    return table


def order_table(part: LabelledPart) -> Table:
    """Section 4.3: Unknown examples are fitted later than Known ones, run by run."""

    def epoch(found: int | None) -> str:
        return NONE if found is None else str(found)

    found = learning_order(part)
    held = sum(not run.violations for run in found)
    table = Table(
        "learning_order",
        f"Learning order: Unknown later than Known at every epoch in {held} of {len(found)} runs",
        "Epochs at which 90 % of the part is fitted; checked are the epochs before 99 % of D "
        "is fitted. A violation is an epoch with fitted Unknown >= fitted Known.",
    )
    for run in found:
        shown = ", ".join(map(str, run.violations[:6])) + " ..." * (len(run.violations) > 6)
        table.row(
            ("unknown in D", f"{100 * run.ratio:g} %"),
            ("seed", str(run.seed)),
            ("Known 90 %", epoch(run.epoch_known)),
            ("Unknown 90 %", epoch(run.epoch_unknown)),
            ("converged", epoch(run.converged)),
            ("epochs checked", str(run.epochs_checked)),
            ("violated at", shown or "none"),
        )
    return table


def left_out_table(data: DataRead) -> Table | None:
    """Records of the relations' files that are not used; None where all are, or nothing is said."""
    if data.left_out is None:
        return None
    table = Table("left_out", "Records left out, of all splits of the relations that were read")
    for reason, count in zip(data.left_out_reason, data.left_out, strict=True):
        table.row(("reason", str(reason)), ("records", str(count)))
    return table


def label_table(labels: Labels, split: str, role: str) -> Table:
    """Categories a relation: drawn counts, and those expected over the draws of the samples."""
    asked = labels.rows(split, role)
    chosen = asked & labels.labelled
    need(chosen.any(), f"label summary needs labelled {split} questions ({role})")
    train, expected = split == "train", labels.category_probability is not None
    masks = {str(name): chosen & (labels.relation == name) for name in set(labels.relation[chosen])}
    smallest = {name: int(labels.counts(mask).min()) for name, mask in sorted(masks.items())}

    title = f"Labels of the {split} questions ({role.upper()})"
    table = Table(f"labels_{split}_{role}", title)

    def add(name: str, mask: np.ndarray, smallest: int) -> None:
        row = [("relation", name)]
        for k, (category, count) in enumerate(zip(CATEGORIES, labels.counts(mask), strict=True)):
            row.append((SHORT[category], str(count)))
            if expected:
                p = labels.category_probability[mask, k].astype(float)
                spread = math.sqrt(float((p * (1 - p)).sum()))
                row.append(("expected", f"{p.sum():.1f} \u00b1 {spread:.1f}"))
        row.append(("total", str(int(mask.sum()))))
        table.row(*row, *([("min", str(smallest))] if train else []))

    for name, least in smallest.items():
        add(name, masks[name], least)
    add("all", chosen, sum(smallest.values()))
    printed = paper("categories")[f"{split} {role}"]["values"]
    shares = ", ".join(
        f"{SHORT[name]} {100 * count / chosen.sum():.1f} % (paper {theirs:g} %)"
        for name, count, theirs in zip(CATEGORIES, labels.counts(chosen), printed, strict=True)
    )
    table.notes.append(f"Shares: {shares}.")
    if train:
        table.notes.append(
            "min: the smallest category, n_r examples of the relation in every D; all = |D|."
        )
    if expected:
        table.notes.append(
            "expected: mean \u00b1 standard deviation over the draws of the samples, given each p."
        )
    if labels.ambiguous is not None and (several := int((labels.ambiguous[chosen] == 1).sum())):
        table.notes.append(
            f"{several} of them ask what other records answer otherwise: each is judged by its own "
            "answer alone (data.repeated = keep), so none can have all of them right."
        )
    if unlabelled := int(asked.sum() - chosen.sum()):
        table.notes.append(f"{unlabelled} questions are not labelled yet and left out.")
    return table
