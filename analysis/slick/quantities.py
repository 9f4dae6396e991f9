"""What the SliCK figures and tables show, computed from a results file (papers: arXiv 2405.05904).

A part of the sweep has equal values on every axis but variant, unknown ratio and seed (one learning
rate, one batch size). Accuracies leave here in percent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import get_annotations

import numpy as np
import pandas as pd

from ..published import PaperTable, paper_table
from ..statistics import Fit, cluster_bootstrap
from ..store import UNSET, Missing, need
from ..sweep import Part, Sweep, split
from ..words import ToldTable
from .groups import CATEGORIES, DataRead, Errors, Labels, Predictions

told = partial(ToldTable, "slick")  # a table to be filled, by its name in words.md

SHORT = {"highly_known": "HK", "maybe_known": "MK", "weakly_known": "WK", "unknown": "Unk"}
LONG = {
    "highly_known": "HighlyKnown",
    "maybe_known": "MaybeKnown",
    "weakly_known": "WeaklyKnown",
    "unknown": "Unknown",
    "known": "Known",
    "natural": "Natural",
}
WITH_RATIO = {
    "unknown_ratio": "D",
    "known_only": "D_Known",
    "idk": "D_IDK",
    "known_patch": "D_Patch",
}
SINGLE = (*CATEGORIES, "natural")  # variants of table 2
WHEN = {"early_stop": "EARLY_STOP", "final": "CONVERGENCE"}
ENDS = {"ES": "early_stop", "CONV": "final"}  # the same in short
CONVERGED = 0.99  # fitted share of D from which a run counts as converged


@dataclass(frozen=True, eq=False)
class LabelledPart(Part):
    labels: Labels
    predictions: Predictions
    data: DataRead

    def published(self, name: str, value: Callable[[str], object] | None = None) -> PaperTable:
        """The paper's table of this name; empty where it is not to stand beside this sweep."""
        return beside(self.sweep, name, value)

    @property
    def early_stop(self) -> str:
        """How the epoch of D_IDK is chosen; other D have one and the same either way."""
        rule = self.sweep.science.get("slick.early_stop", "answered")
        best = {
            "answered": "the epoch of the best accuracy over the dev questions that were answered",
            "all": "the epoch with the most dev questions right, of all of them",
        }
        return f"{best[rule]} (slick.early_stop = {rule})"

    def variant(self, name: str, needed_by: str) -> pd.DataFrame:
        """Finished points of a variant. Missing when there are none."""
        chosen = self.points[self.points["variant"] == name]
        if chosen.empty:
            planned = (self.sweep.points["variant"] == name).any()
            state = "none of its points has finished" if planned else "not in this sweep"
            raise Missing(f"{needed_by} needs variant {name} ({state})")
        return chosen

    def ratios(self) -> pd.DataFrame:
        points = self.variant("unknown_ratio", "every unknown-ratio figure")
        return points.sort_values(["unknown_ratio", "seed"])

    def half(self, needed_by: str) -> tuple[float, pd.DataFrame]:
        """The points whose unknown ratio is nearest to the paper's 0.5, and that ratio."""
        points = self.variant("unknown_ratio", needed_by)
        values = points["unknown_ratio"].unique()
        mixed = values[(values > 0) & (values < 1)]
        need(len(mixed) > 0, f"{needed_by} needs an unknown ratio between 0 and 1")
        ratio = float(min(mixed, key=lambda value: abs(value - 0.5)))
        return ratio, points[points["unknown_ratio"] == ratio].sort_values("seed")


def beside(
    sweep: Sweep, name: str, value: Callable[[str], object] | None = None
) -> PaperTable:
    """A table of the paper; empty where data or metric are not the paper's, unless asked for."""
    facts, match = (sweep.science.get(key, "") for key in ("data.facts", "label.match"))
    plain = re.sub(r"[^a-z]", "", facts.lower())
    same = "entityquestions" in plain and match in ("", "strict")
    return paper_table("slick", name, value) if same or sweep.published else {}


@dataclass(frozen=True)
class Model:
    """A base model, and what it knew before."""

    name: str  # "" where the sweep has one
    labels: Labels
    errors: Errors


def models_of(sweep: Sweep) -> list[Model]:
    """In the order of the file. Others than the first have groups of their own for what they knew;
    questions are the same.
    """
    labels, errors = sweep.group(Labels), sweep.group(Errors)
    names = sweep.points["model"].unique() if "model" in sweep.points else []
    if len(names) < 2:
        return [Model("", labels, errors)]
    found = [Model(names[0], labels, errors)]
    for name in names[1:]:
        own = sweep.group(Labels, f"labels/{name}")
        for field in get_annotations(Labels):
            if getattr(own, field) is None:  # of the questions
                setattr(own, field, getattr(labels, field))
        found.append(Model(name, own, sweep.group(Errors, f"errors/{name}")))
    return found


def parts(sweep: Sweep, models: Sequence[Model]) -> list[LabelledPart]:
    """In the order of the file."""
    predictions, data = sweep.group(Predictions), sweep.group(DataRead)
    axes = [axis for axis in sweep.axes if axis not in ("variant", "unknown_ratio", "seed")]
    known = {model.name: model.labels for model in models}
    return [
        LabelledPart(
            sweep,
            points,
            name,
            known[points["model"].iloc[0] if len(known) > 1 else ""],
            predictions,
            data,
        )
        for name, points in split(sweep, axes, "{} = {}".format)
    ]


def data_sets(part: LabelledPart) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every D in words, and its finished points."""
    groups = part.points.groupby(["variant", "unknown_ratio"], dropna=False, sort=False)
    for (variant, ratio), points in groups:
        name = WITH_RATIO.get(variant)
        share = f", {100 * ratio:g} % Unknown" if name else ""
        yield (name or f"D_{LONG[variant]}") + share, points


def beside_idk(part: LabelledPart, needed_by: str) -> tuple[float, dict[str, pd.DataFrame]]:
    """The unknown ratio of D_IDK, its points, and those of D with the same ratio."""
    idk = part.variant("idk", needed_by)
    whole = part.variant("unknown_ratio", needed_by)
    ratio = idk["unknown_ratio"].iloc[0]
    plain = whole[whole["unknown_ratio"] == ratio]
    wanted = f"the unknown-ratio point of D_IDK ({100 * ratio:g} % Unknown)"
    need(not plain.empty, f"{needed_by} needs {wanted}")
    return ratio, {"unknown_ratio": plain, "idk": idk}


def fitted_share(part: LabelledPart, points: pd.DataFrame, needed_by: str) -> dict[str, np.ndarray]:
    """N_kn/|D| and N_unk/|D| of Eq. 1 [point, epoch]; 0 where D has no such example."""
    total = part.column("n_train", points, needed_by)
    n_unknown = part.column("n_train_unknown", points, needed_by)
    share = {}
    for name, count in (("known", total - n_unknown), ("unknown", n_unknown)):
        curve = part.curve(f"fitted_{name}", points, needed_by)
        share[name] = np.where(count[:, None] > 0, curve * (count / total)[:, None], 0.0)
    return share


def linear_model(part: LabelledPart, test: str) -> Fit:
    """Table 1 and Eq. 1: Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D|, percent points.

    One observation a training epoch of every unknown-ratio point; epoch 0 (the base model) is none.
    """
    what = f"table 1 ({test})"
    points = part.ratios()
    share = fitted_share(part, points, what)
    accuracy = 100 * part.curve(f"accuracy_{test}", points, what)
    trained = np.broadcast_to(part.epochs > 0, accuracy.shape)
    usable = trained & np.isfinite(accuracy + share["known"] + share["unknown"])
    cluster = np.broadcast_to(np.arange(len(points))[:, None], accuracy.shape)[usable]
    design = np.column_stack(
        [np.ones(usable.sum()), share["known"][usable], share["unknown"][usable]]
    )
    need(len(design) >= 4, f"{what} needs at least four epochs of finished unknown-ratio points")
    try:
        return cluster_bootstrap(design, accuracy[usable], cluster)
    except ValueError as error:
        raise Missing(f"{what} needs several unknown ratios: {error}") from error


# --- Learning order (section 4.3) --------------------------------------------------------------


@dataclass(frozen=True)
class LearningOrder:
    ratio: float
    seed: int
    epochs_checked: int
    violations: list[int]  # epochs at which Unknown was fitted at least as well as Known
    epoch_known: int | None  # first epoch with 90 % of the part fitted
    epoch_unknown: int | None
    converged: int | None


def learning_order(part: LabelledPart) -> list[LearningOrder]:
    """Is Unknown fitted later than Known at every epoch before convergence? One answer a run."""
    what = "the learning-order check"
    points = part.ratios()
    points = points[(points["unknown_ratio"] > 0) & (points["unknown_ratio"] < 1)]
    need(not points.empty, f"{what} needs an unknown ratio between 0 and 1")
    known = part.curve("fitted_known", points, what)
    unknown = part.curve("fitted_unknown", points, what)
    whole = part.curve("fitted", points, what)

    def first(reached: np.ndarray) -> int | None:
        hits = part.epochs[reached & (part.epochs > 0)]
        return int(hits[0]) if len(hits) else None

    found = []
    for k, (_, point) in enumerate(points.iterrows()):
        converged = first(whole[k] >= CONVERGED)
        end = converged if converged is not None else part.epochs[-1] + 1
        checked = (part.epochs > 0) & (part.epochs < end)
        bad = part.epochs[checked & ~(unknown[k] < known[k])]
        found.append(
            LearningOrder(
                ratio=float(point["unknown_ratio"]),
                seed=int(point["seed"]),
                epochs_checked=int(checked.sum()),
                violations=[int(epoch) for epoch in bad],
                epoch_known=first(known[k] >= 0.9),
                epoch_unknown=first(unknown[k] >= 0.9),
                converged=converged,
            )
        )
    return found


# --- Verdicts on single test questions ---------------------------------------------------------


def verdicts(
    part: LabelledPart, points: pd.DataFrame, what: str, when: str, role: str, needed_by: str
) -> pd.DataFrame:
    """[seed, row in /labels/base] of /predictions/<what>_<when>, of test questions."""
    predictions, name = part.predictions, f"{what}_{when}"
    part.labels.needed("category", f"{needed_by} needs")
    values = predictions.needed(name, f"{needed_by} needs")[points.index.to_numpy()]
    chosen = (part.labels.rows("test", role) & part.labels.labelled)[predictions.row]
    correct = getattr(predictions, f"correct_{when}")[points.index.to_numpy()]
    chosen &= (correct != UNSET).all(axis=0)
    need(chosen.any(), f"{needed_by} needs the predictions of variant {points['variant'].iloc[0]}")
    seeds = points["seed"].to_numpy()
    return pd.DataFrame(values[:, chosen], index=seeds, columns=predictions.row[chosen])


def answers(
    part: LabelledPart, points: pd.DataFrame, when: str, role: str, needed_by: str
) -> pd.DataFrame:
    """The same in percent: 100 right, 0 wrong, NaN answered "I don't know", which accuracy leaves
    out.
    """
    correct = verdicts(part, points, "correct", when, role, needed_by)
    return 100.0 * correct.where(correct != 2)


def of_category(part: LabelledPart, found: pd.DataFrame, category: str | None) -> pd.DataFrame:
    """The answers to the questions of one category; None: to all."""
    if category is None:
        return found
    rows = part.labels.category[found.columns.to_numpy()]
    return found.loc[:, rows == CATEGORIES.index(category)]


def minus(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """[seed, question] of the difference, by seeds that both have and questions of either."""
    seeds = first.index.intersection(second.index)
    return first.loc[seeds].sub(second.loc[seeds]).to_numpy()


def set_knows(part: LabelledPart, needed_by: str) -> np.ndarray:
    """[question, set]: the set's greedy answer or one of its samples is right (figure 2)."""
    labels = part.labels
    if labels.greedy is None or labels.drawn is None:
        raise Missing(f"{needed_by} needs /labels/base/greedy and /labels/base/drawn")
    return (labels.greedy == 1) | (labels.drawn > 0)


def unknown_by_sets(knows: np.ndarray, n: int) -> np.ndarray:
    """Share of the choices of `n` of the sets by which each question is Unknown.

    A question that k of the N sets know is Unknown by C(N - k, n) of the C(N, n) choices, so this
    is the exact mean over all choices, with no set order to pick (figure 5 with N_ex = n).
    """
    sets = knows.shape[1]
    table = np.array([math.comb(sets - k, n) / math.comb(sets, n) for k in range(sets + 1)])
    return table[knows.sum(axis=1)]
