"""What the SliCK figures and tables show, computed from a results file (papers: arXiv 2405.05904).

One `Setting` is the part of the sweep with equal values on every axis but variant, unknown ratio
and seed (one learning rate, one batch size). Accuracies leave here in percent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..statistics import Fit, cluster_bootstrap
from ..store import UNSET, Missing, Results

CATEGORIES = ("highly_known", "maybe_known", "weakly_known", "unknown")
KNOWN = CATEGORIES[:3]
SHORT = {"highly_known": "HK", "maybe_known": "MK", "weakly_known": "WK", "unknown": "Unk"}
LONG = {
    "highly_known": "HighlyKnown",
    "maybe_known": "MaybeKnown",
    "weakly_known": "WeaklyKnown",
    "unknown": "Unknown",
    "known": "Known",
    "natural": "Natural",
}
WHEN = {"early_stop": "EARLY_STOP", "final": "CONVERGENCE"}
CONVERGED = 0.99  # fitted share of D from which a run counts as converged


@dataclass(frozen=True)
class Setting:
    results: Results
    points: pd.DataFrame  # finished points of this setting
    name: str  # "" when the sweep has one setting only

    @property
    def epochs(self) -> np.ndarray:
        return self.results.epochs

    def variant(self, name: str, needed_by: str) -> pd.DataFrame:
        """Finished points of a variant. Missing when there are none."""
        chosen = self.points[self.points["variant"] == name]
        if chosen.empty:
            planned = (self.results.points["variant"] == name).any()
            state = "none of its points has finished" if planned else "not in this sweep"
            raise Missing(f"{needed_by} needs variant {name} ({state})")
        return chosen

    def curve(self, metric: str, points: pd.DataFrame, needed_by: str) -> np.ndarray:
        """[point, epoch] of a curve. Missing when the file has none."""
        if metric not in self.results.curves:
            raise Missing(f"{needed_by} needs /curves/{metric}")
        return self.results.curves[metric][points.index.to_numpy()]

    def column(self, name: str, points: pd.DataFrame, needed_by: str) -> np.ndarray:
        if name not in points:
            raise Missing(f"{needed_by} needs /points/{name}")
        return points[name].to_numpy(dtype=float)

    def ratios(self) -> pd.DataFrame:
        return self.variant("unknown_ratio", "every unknown-ratio figure").sort_values(
            ["unknown_ratio", "seed"]
        )

    def half(self, needed_by: str) -> tuple[float, pd.DataFrame]:
        """The points whose unknown ratio is nearest to the paper's 0.5, and that ratio."""
        points = self.variant("unknown_ratio", needed_by)
        values = points["unknown_ratio"].unique()
        mixed = values[(values > 0) & (values < 1)]
        if len(mixed) == 0:
            raise Missing(f"{needed_by} needs an unknown ratio between 0 and 1")
        ratio = float(min(mixed, key=lambda value: abs(value - 0.5)))
        return ratio, points[points["unknown_ratio"] == ratio].sort_values("seed")


def settings(results: Results) -> list[Setting]:
    """The settings among the finished points, in the order of the file."""
    done = results.done
    other = [axis for axis in results.axes if axis not in ("variant", "unknown_ratio", "seed")]
    other = [axis for axis in other if results.points[axis].nunique(dropna=False) > 1]
    if not other or done.empty:
        return [Setting(results, done, "")]
    found = []
    for values, points in done.groupby(other, dropna=False, sort=False):
        pairs = zip(other, values, strict=True)
        found.append(
            Setting(results, points, ", ".join(f"{axis} = {_plain(v)}" for axis, v in pairs))
        )
    return found


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def known_only_ratio(setting: Setting, points: pd.DataFrame) -> np.ndarray:
    """X of the D whose Unknown part was removed.

    The file's own value when it has one; else the ratio nearest to |D_Known| = (1 - X) |D|.
    """
    ratio = points["unknown_ratio"].to_numpy(dtype=float).copy()
    whole = setting.ratios()
    unnamed = ~(ratio > 0)
    share = 1 - points["n_train"].to_numpy(dtype=float) / whole["n_train"].max()
    known = np.sort(whole["unknown_ratio"].unique())
    ratio[unnamed] = [known[np.argmin(np.abs(known - value))] for value in share[unnamed]]
    return ratio


def by_seed(points: pd.DataFrame, ratio: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Values as a table seed x ratio, NaN where a point is not finished."""
    table = pd.DataFrame({"seed": points["seed"].to_numpy(), "ratio": ratio, "value": values})
    return table.pivot_table(index="seed", columns="ratio", values="value", dropna=False)


def fitted_share(setting: Setting, points: pd.DataFrame, needed_by: str) -> dict[str, np.ndarray]:
    """N_kn/|D| and N_unk/|D| of Eq. 1 [point, epoch]; 0 where D has no such example."""
    total = setting.column("n_train", points, needed_by)
    n_unknown = setting.column("n_train_unknown", points, needed_by)
    share = {}
    for part, count in (("known", total - n_unknown), ("unknown", n_unknown)):
        curve = setting.curve(f"fitted_{part}", points, needed_by)
        share[part] = np.where(count[:, None] > 0, curve * (count / total)[:, None], 0.0)
    return share


def linear_model(setting: Setting, test: str) -> Fit:
    """Table 1 and Eq. 1: Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D|, percent points.

    One observation a training epoch of every unknown-ratio point; epoch 0 (the base model) is none.
    """
    what = f"table 1 ({test})"
    points = setting.ratios()
    share = fitted_share(setting, points, what)
    accuracy = 100 * setting.curve(f"accuracy_{test}", points, what)
    trained = np.broadcast_to(setting.epochs > 0, accuracy.shape)
    usable = trained & np.isfinite(accuracy + share["known"] + share["unknown"])
    cluster = np.broadcast_to(np.arange(len(points))[:, None], accuracy.shape)[usable]
    design = np.column_stack(
        [np.ones(usable.sum()), share["known"][usable], share["unknown"][usable]]
    )
    if len(design) < 4:
        raise Missing(f"{what} needs at least four epochs of finished unknown-ratio points")
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


def learning_order(setting: Setting) -> list[LearningOrder]:
    """Is Unknown fitted later than Known at every epoch before convergence? One answer a run."""
    what = "the learning-order check"
    points = setting.ratios()
    points = points[(points["unknown_ratio"] > 0) & (points["unknown_ratio"] < 1)]
    if points.empty:
        raise Missing(f"{what} needs an unknown ratio between 0 and 1")
    known = setting.curve("fitted_known", points, what)
    unknown = setting.curve("fitted_unknown", points, what)
    whole = setting.curve("fitted", points, what)

    def first(reached: np.ndarray) -> int | None:
        hits = setting.epochs[reached & (setting.epochs > 0)]
        return int(hits[0]) if len(hits) else None

    found = []
    for k, (_, point) in enumerate(points.iterrows()):
        converged = first(whole[k] >= CONVERGED)
        end = converged if converged is not None else setting.epochs[-1] + 1
        checked = (setting.epochs > 0) & (setting.epochs < end)
        bad = setting.epochs[checked & ~(unknown[k] < known[k])]
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
    setting: Setting, points: pd.DataFrame, when: str, role: str, needed_by: str
) -> pd.Series:
    """Share of `points` (seeds) that answer a test question right, by its row in /labels/base."""
    labels, predictions = setting.results.labels, setting.results.predictions
    if labels is None or predictions is None or when not in predictions.correct:
        raise Missing(f"{needed_by} needs /labels/base and /predictions/correct_{when}")
    chosen = labels.rows("test", role)[predictions.row]
    correct = predictions.correct[when][points.index.to_numpy()][:, chosen]
    known = (correct != UNSET).all(axis=0)
    if not known.any():
        raise Missing(f"{needed_by} needs the predictions of variant {points['variant'].iloc[0]}")
    return pd.Series((correct[:, known] == 1).mean(axis=0), index=predictions.row[chosen][known])


def set_knows(setting: Setting, needed_by: str) -> np.ndarray:
    """[question, set]: the set's greedy answer or one of its samples is right (figure 2)."""
    labels = setting.results.labels
    if labels is None or labels.greedy is None or labels.drawn is None:
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
