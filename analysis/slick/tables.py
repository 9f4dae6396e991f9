"""Tables of the SliCK study, ours beside the published numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ..after_training import ability_table
from ..published import PaperTable
from ..statistics import chunk_test, crossed_mean, stars
from ..store import Missing, need
from ..table import (
    NONE,
    PAPER,
    Cell,
    Table,
    alone,
    between,
    number,
    numbers,
    percent,
    with_limits,
)
from .groups import CATEGORIES, DataRead, Labels
from .quantities import (
    ENDS,
    LONG,
    SHORT,
    SINGLE,
    WHEN,
    LabelledPart,
    answers,
    beside_idk,
    data_sets,
    learning_order,
    linear_model,
    minus,
    of_category,
    told,
)


def results_table(part: LabelledPart) -> Table:
    """The ends of figure 3a."""
    table, what = told("results"), "the table of results"
    published = part.published("unknown_ratio")
    roles = [role for role in ("id", "ood") if part.labels.rows("test", role).any()]
    for ratio, points in part.ratios().groupby("unknown_ratio"):
        found = {
            (role, when): answers(part, points, when, role, what) for role in roles for when in WHEN
        }
        stop, last = (found["id", when] for when in WHEN)
        printed = published.get(f"{ratio:g}", {})
        row = [
            ("unknown in D", f"{100 * ratio:g} %"),
            ("seeds", str(points["seed"].nunique())),
            ("early stop epoch", number(part.column("epoch_early_stop", points, what).mean())),
        ]
        for short, when in ENDS.items():
            row.append((f"{short} test", percent(crossed_mean(found["id", when]))))
            row.append((PAPER, numbers(printed.get(when))))
        row.append(("ES - CONV", _after_stop(part, points, stop, last, what)))
        for short, when in ENDS.items():
            ood = found.get(("ood", when))
            row.append((f"{short} OOD", NONE if ood is None else percent(crossed_mean(ood))))
        table.row(*row)
    return table


def _after_stop(
    part: LabelledPart, points: pd.DataFrame, stop: pd.DataFrame, last: pd.DataFrame, what: str
) -> Cell:
    """The difference; none where no run went on after EARLY_STOP, which is one model then."""
    went_on = part.column("epoch_early_stop", points, what) < part.epochs[-1]
    return with_limits(crossed_mean(minus(stop, last)).interval) if went_on.any() else Cell(NONE)


def table1(part: LabelledPart) -> Table:
    """The linear model of Eq. 1, in distribution and out of it."""
    table, published, missing = told("table1_linear_model"), part.published("linear_model"), []
    for test, label in (("test", "ID"), ("ood", "OOD")):
        try:
            fit = linear_model(part, test)
        except Missing as reason:
            missing.append(str(reason))
            continue
        names = ("b0", "b_kn", "b_unk", "R2")
        printed = published[test]["values"] if published else [None] * len(names)
        for name, ours, theirs in zip(names, fit.intervals, printed, strict=True):
            digits = 2 if name == "R2" else 1
            table.row(
                ("coefficient", f"{label} {name}"),
                ("ours", between(ours, digits)),
                (PAPER, number(theirs, digits)),
            )
        about = {"label": label, "observations": fit.observations, "clusters": fit.clusters}
        table.note("table1_linear_model.fit", **about)
    missing = list(dict.fromkeys(missing))
    need(table.rows, "; ".join(missing))
    table.notes += [f"{reason[0].upper()}{reason[1:]}." for reason in missing]
    return table


def _single_category(part: LabelledPart, table: Table) -> dict[str, pd.DataFrame]:
    """Finished points of each row of table 2; the table notes what replaces something else."""
    found = {}
    for name in SINGLE:
        points = part.points[part.points["variant"] == name]
        if points.empty and name == "unknown":
            whole = part.points[part.points["variant"] == "unknown_ratio"]
            points = whole[whole["unknown_ratio"] == 1.0]
            if not points.empty:
                table.note("table2.unknown")
        if not points.empty:
            found[name] = points
    need(found, "table 2 needs single-category variants (highly_known, ..., natural)")
    return found


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
    """Single-category variants against the categories of the test questions."""
    table = told("table2", f"table2_{when}", when=WHEN[when])
    variants, published = _single_category(part, table), part.published("single_category", str)
    marks = _marks(part, variants, when)
    for name, points in variants.items():
        row = [("variant", f"D_{LONG[name]}"), ("seeds", str(points["seed"].nunique()))]
        found = answers(part, points, when, "id", "table 2")
        theirs = published[name][when] if published else [NONE] * (1 + len(CATEGORIES))
        for column, printed in zip((None, *CATEGORIES), theirs, strict=True):
            ours = percent(crossed_mean(of_category(part, found, column)))
            head = SHORT[column] if column else "Full"
            ours = ours.marked(marks.get((name, column), ""))
            row += [(head, ours), (PAPER, _as_printed(printed))]
        table.row(*row)
    return table


def _as_printed(cell: str) -> Cell:
    """With the paper's marks of significance."""
    known = cell != NONE
    return Cell(cell, *([alone(float(cell.rstrip("*")))] if known else []))


def stop_table(part: LabelledPart) -> Table:
    """EARLY_STOP against CONVERGENCE of each variant of table 2, with its significance."""
    table = told("table2_stop_significance")
    printed = part.published("single_category", str)
    for name, points in _single_category(part, table).items():
        what = f"early stop against convergence of {name}"
        first, last = (answers(part, points, when, "id", what) for when in WHEN)
        p = chunk_test(first.to_numpy(), last.to_numpy())
        table.row(
            ("variant", f"D_{LONG[name]}"),
            ("seeds", str(len(first))),
            ("ES - CONV (points)", _after_stop(part, points, first, last, what)),
            ("p", Cell(f"{p:.2g}", alone(p))),
            ("ours", stars(p) or "n.s."),
            (PAPER, ("n.s." if name == "maybe_known" else "**") if printed else NONE),
        )
    return table


def table3(part: LabelledPart) -> Table:
    """Answers of Unknown examples replaced by "I don't know" (D_IDK)."""
    ratio, beside = beside_idk(part, "table 3")
    table = told("table3_idk", percent=100 * ratio, early_stop=part.early_stop)
    published = part.published("idk")
    for name, points in beside.items():
        row = [("data", "D_IDK" if name == "idk" else "D"), ("seeds", str(len(points)))]
        for short, when in ENDS.items():
            right = answers(part, points, when, "id", "table 3")
            ours = {"accuracy": right, "answered": 100.0 * right.notna()}
            printed = published[name][when] if published else [None] * len(ours)
            for (metric, found), theirs in zip(ours.items(), printed, strict=True):
                row.append((f"{short} {metric}", percent(crossed_mean(found))))
                row.append((PAPER, number(theirs)))
            row.append((f"{short} right of all", percent(crossed_mean(right.fillna(0)))))
        table.row(*row)
    return table


def order_table(part: LabelledPart) -> Table:
    """Section 4.3: Unknown examples are fitted later than Known ones, run by run."""
    found = learning_order(part)
    held = sum(not run.violations for run in found)
    table = told("learning_order", held=held, runs=len(found))
    for run in found:
        shown = ", ".join(map(str, run.violations[:6])) + " ..." * (len(run.violations) > 6)
        table.row(
            ("unknown in D", f"{100 * run.ratio:g} %"),
            ("seed", str(run.seed)),
            ("Known 90 %", number(run.epoch_known, 0)),
            ("Unknown 90 %", number(run.epoch_unknown, 0)),
            ("converged", number(run.converged, 0)),
            ("epochs checked", str(run.epochs_checked)),
            ("violated at", shown or "none"),
        )
    return table


def abilities(part: LabelledPart) -> Table | None:
    """Of every D; None where nothing is asked besides the questions."""
    return ability_table(part.sweep, data_sets(part), "D")


OF_DATA = {  # table -> head -> field of DataRead
    "left_out": {"reason": "left_out_reason", "records": "left_out"},
    "not_used": {"not_used": "not_used_reason", "count": "not_used"},
    "data_notes": {"note": "note"},
}


def data_table(data: DataRead, name: str) -> Table | None:
    """What the data lack, or the deck leaves out or does not ask of them; None: nothing."""
    columns = {head: getattr(data, field) for head, field in OF_DATA[name].items()}
    if any(column is None for column in columns.values()):
        return None
    table = told(name)
    table.fill(**columns)
    return table


def label_table(
    labels: Labels, published: PaperTable, split: str, role: str, size_rule: str
) -> Table:
    """Categories a relation: drawn counts, and those expected over the draws of the samples. What
    decides how large D can be is told by `size_rule` (slick.size_rule).
    """
    asked = labels.rows(split, role)
    chosen = asked & labels.labelled
    need(chosen.any(), f"label summary needs labelled {split} questions ({role})")
    train, expected = split == "train", labels.category_probability is not None
    masks = {str(name): chosen & (labels.relation == name) for name in set(labels.relation[chosen])}
    known_unknown = size_rule == "known_unknown"

    def decisive(mask: np.ndarray) -> int:
        *known, unknown = labels.counts(mask)
        return int(min(sum(known), unknown) if known_unknown else min(*known, unknown))

    smallest = {name: decisive(mask) for name, mask in sorted(masks.items())}
    table = told("labels", f"labels_{split}_{role}", split=split, role=role.upper())

    def add(name: str, mask: np.ndarray, smallest: int) -> None:
        row = [("relation", name)]
        for k, (category, count) in enumerate(zip(CATEGORIES, labels.counts(mask), strict=True)):
            row.append((SHORT[category], number(count, 0)))
            if expected:
                p = labels.category_probability[mask, k].astype(float)
                both = float(p.sum()), math.sqrt(float((p * (1 - p)).sum()))
                shown = "{:.1f} \u00b1 {:.1f}".format(*both)
                row.append(("expected", Cell(shown, *map(alone, both), names=("mean", "sd"))))
        row.append(("total", number(mask.sum(), 0)))
        table.row(*row, *([("min", number(smallest, 0))] if train else []))

    for name, least in smallest.items():
        add(name, masks[name], least)
    add("all", chosen, sum(smallest.values()))
    of_all = zip(CATEGORIES, 100 * labels.counts(chosen) / chosen.sum(), strict=True)
    table.note("labels.shares", shares=", ".join(f"{SHORT[c]} {x:.1f} %" for c, x in of_all))
    if published:
        printed = zip(CATEGORIES, published[f"{split} {role}"]["values"], strict=True)
        shares = ", ".join(f"{SHORT[category]} {share:g} %" for category, share in printed)
        table.note("labels.paper", shares=shares)
    if train:
        table.note("labels.smaller" if known_unknown else "labels.smallest")
    if expected:
        table.note("labels.expected")
    if labels.ambiguous is not None and (several := int((labels.ambiguous[chosen] == 1).sum())):
        table.note("labels.ambiguous", count=several)
    if labels.aliases is not None and (several := int((labels.aliases[chosen] != "").sum())):
        table.note("labels.several", count=several)
    if unlabelled := int(asked.sum() - chosen.sum()):
        table.note("labels.unlabelled", count=unlabelled)
    return table
