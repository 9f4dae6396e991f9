"""What the captions of the SliCK figures state, each a difference with its limits (words.md)."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..statistics import crossed_mean, mean, mean_known
from ..store import need
from ..words import Finding
from .quantities import LabelledPart, answers, beside_idk, minus


def fitted_first(part: LabelledPart) -> Finding:
    """Fitted share of Known examples less that of Unknown ones, mean over the trained epochs."""
    ratio, points = part.half("which examples are fitted first")
    known, unknown = (
        100 * part.curve(f"fitted_{name}", points, "which examples are fitted first")
        for name in ("known", "unknown")
    )
    by_seed = mean_known((known - unknown)[:, part.epochs > 0])
    return Finding("fitted_first", mean(by_seed, -100, 100), {"percent": 100 * ratio})


def fitted_at_stop(part: LabelledPart) -> Finding:
    """The same at EARLY_STOP."""
    what = "what is fitted at early stop"
    ratio, points = part.half(what)
    at = np.searchsorted(part.epochs, part.column("epoch_early_stop", points, what))
    known, unknown = (
        100 * part.curve(f"fitted_{name}", points, what)[np.arange(len(points)), at]
        for name in ("known", "unknown")
    )
    return Finding("fitted_at_stop", mean(known - unknown, -100, 100), {"percent": 100 * ratio})


def after_stop(part: LabelledPart) -> Finding:
    """Test accuracy at CONVERGENCE less that at EARLY_STOP, which the test did not choose."""
    what = "accuracy after early stop"
    ratio, points = part.half(what)
    stopped = part.column("epoch_early_stop", points, what)
    is_earlier = stopped < part.epochs[-1]
    need(is_earlier.any(), f"{what} needs a point that stopped before the last epoch")
    last, stop = (answers(part, points, when, "id", what) for when in ("final", "early_stop"))
    return Finding(
        "after_stop", crossed_mean(minus(last, stop)).interval, {"percent": 100 * ratio}
    )


def by_unknown(part: LabelledPart, role: str) -> Finding:
    """Accuracy at CONVERGENCE with the most Unknown examples less that with none."""
    points, what = part.ratios(), "accuracy by unknown ratio"
    most = points["unknown_ratio"].max()
    need(most > 0 and points["unknown_ratio"].min() == 0, f"{what} needs 0 % and another ratio")
    with_most, without = (
        answers(part, points[points["unknown_ratio"] == x], "final", role, what) for x in (most, 0)
    )
    found = crossed_mean(minus(with_most, without)).interval
    return Finding("by_unknown", found, {"percent": 100 * most})


def of_unknown(part: LabelledPart, role: str) -> Finding:
    """Accuracy at CONVERGENCE of D less that of D_Known, with the most Unknown examples."""
    what = "D against D_Known"
    whole, removed = part.ratios(), part.variant("known_only", what)
    both = set(whole["unknown_ratio"]) & set(removed["unknown_ratio"])
    need(both, f"{what} needs an unknown ratio that both have")
    most = max(both)
    first, second = (
        answers(part, points[points["unknown_ratio"] == most], "final", role, what)
        for points in (whole, removed)
    )
    found = crossed_mean(minus(first, second)).interval
    return Finding("of_unknown", found, {"percent": 100 * most})


def of_idk(part: LabelledPart) -> Finding:
    """Questions that D_IDK answers right, of all of them, less those of D, at CONVERGENCE."""
    what = "D_IDK against D"
    _, beside = beside_idk(part, what)
    plain, idk = (
        answers(part, beside[name], "final", "id", what).fillna(0)
        for name in ("unknown_ratio", "idk")
    )
    return Finding("of_idk", crossed_mean(minus(idk, plain)).interval)


FINDINGS = {
    "figure1_fit": (fitted_first, after_stop),
    "figure3a_unknown_ratio": (partial(by_unknown, role="id"),),
    "figure3b_known_only": (partial(of_unknown, role="id"),),
    "figure4_fitted_share": (fitted_at_stop,),
    "figure8_ood": (partial(by_unknown, role="ood"),),
    "figure8_ood_known_only": (partial(of_unknown, role="ood"),),
    "table3_idk_curves": (of_idk,),
}
