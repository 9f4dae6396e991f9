"""What the captions of the SliCK figures state, each a difference with its limits (words.md)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from ..statistics import crossed_mean, mean, mean_known
from ..store import need
from ..words import Finding
from .quantities import LabelledPart, answers, beside_idk, minus


def _known_less_unknown(part: LabelledPart, points: pd.DataFrame, what: str) -> np.ndarray:
    """[seed, epoch] of the fitted share of Known examples less that of Unknown ones, in percent."""
    known, unknown = (part.curve(f"fitted_{n}", points, what) for n in ("known", "unknown"))
    return 100 * (known - unknown)


def _less(section: str, first: pd.DataFrame, second: pd.DataFrame, **values: object) -> Finding:
    """Of two answers to the same questions by the same seeds."""
    return Finding(section, crossed_mean(minus(first, second)).interval, values)


def fitted_first(part: LabelledPart) -> Finding:
    """Fitted share of Known examples less that of Unknown ones, mean over the trained epochs."""
    what = "which examples are fitted first"
    ratio, points = part.half(what)
    by_seed = mean_known(_known_less_unknown(part, points, what)[:, part.epochs > 0])
    return Finding("fitted_first", mean(by_seed, -100, 100), {"percent": 100 * ratio})


def fitted_at_stop(part: LabelledPart) -> Finding:
    """The same at EARLY_STOP."""
    what = "what is fitted at early stop"
    ratio, points = part.half(what)
    at = np.searchsorted(part.epochs, part.column("epoch_early_stop", points, what))
    by_seed = _known_less_unknown(part, points, what)[np.arange(len(points)), at]
    return Finding("fitted_at_stop", mean(by_seed, -100, 100), {"percent": 100 * ratio})


def after_stop(part: LabelledPart) -> Finding:
    """Test accuracy at CONVERGENCE less that at EARLY_STOP, which the test did not choose."""
    what = "accuracy after early stop"
    ratio, points = part.half(what)
    is_earlier = part.column("epoch_early_stop", points, what) < part.epochs[-1]
    need(is_earlier.any(), f"{what} needs a point that stopped before the last epoch")
    last, stop = (answers(part, points, when, "id", what) for when in ("final", "early_stop"))
    return _less("after_stop", last, stop, percent=100 * ratio)


def by_unknown(part: LabelledPart, role: str) -> Finding:
    """Accuracy at CONVERGENCE with the most Unknown examples less that with none."""
    points, what = part.ratios(), "accuracy by unknown ratio"
    most = points["unknown_ratio"].max()
    need(most > 0 and points["unknown_ratio"].min() == 0, f"{what} needs 0 % and another ratio")
    with_most, without = (_at_ratio(part, points, x, role, what) for x in (most, 0))
    return _less("by_unknown", with_most, without, percent=100 * most)


def of_unknown(part: LabelledPart, role: str) -> Finding:
    """Accuracy at CONVERGENCE of D less that of D_Known, with the most Unknown examples."""
    what = "D against D_Known"
    whole, removed = part.ratios(), part.variant("known_only", what)
    both = set(whole["unknown_ratio"]) & set(removed["unknown_ratio"])
    need(both, f"{what} needs an unknown ratio that both have")
    most = max(both)
    first, second = (_at_ratio(part, points, most, role, what) for points in (whole, removed))
    return _less("of_unknown", first, second, percent=100 * most)


def _at_ratio(
    part: LabelledPart, points: pd.DataFrame, ratio: float, role: str, what: str
) -> pd.DataFrame:
    """Answers at CONVERGENCE of the points with this share of Unknown examples."""
    return answers(part, points[points["unknown_ratio"] == ratio], "final", role, what)


def of_idk(part: LabelledPart) -> Finding:
    """Questions that D_IDK answers right, of all of them, less those of D, at CONVERGENCE."""
    what = "D_IDK against D"
    _, beside = beside_idk(part, what)
    plain, idk = (
        answers(part, beside[name], "final", "id", what).fillna(0)
        for name in ("unknown_ratio", "idk")
    )
    return _less("of_idk", idk, plain)


FINDINGS = {
    "figure1_fit": (fitted_first, after_stop),
    "figure3a_unknown_ratio": (partial(by_unknown, role="id"),),
    "figure3b_known_only": (partial(of_unknown, role="id"),),
    "figure4_fitted_share": (fitted_at_stop,),
    "figure8_ood": (partial(by_unknown, role="ood"),),
    "figure8_ood_known_only": (partial(of_unknown, role="ood"),),
    "table3_idk_curves": (of_idk,),
}
