"""What the captions of the F-Learning figures state, each with its limits (words.md)."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..statistics import mean, mean_known
from ..store import need
from ..words import Finding
from .figures import shown_cosine
from .orderings import test
from .quantities import LEARNS, EditPart, cosines


def old_answers(part: EditPart, method: str) -> Finding:
    """Old answers after forgetting at the largest lambda, less those of the original model."""
    what = f"old answers after {method}"
    swept = [v for v in part.variants(method) if v.everywhere and not v.searched]
    need(swept and part.variants("original"), f"{what} needs the original model, too")
    most = max(swept, key=lambda v: v.lambda_)
    found = test(part, most, part.variants("original")[0], "reliability_old")
    need(found, f"{what} needs a seed that both have")
    return Finding("forgetting.old", found.difference, {"label": most.label})


def cosine_sign(part: EditPart) -> Finding:
    """Mean cosine of the first method's panel, over layers and matrices of each seed."""
    methods = [method for method in LEARNS if part.variants(method)]
    need(methods, "the cosine needs a finished point of f_learning_*")
    shown = shown_cosine(part, methods[0])
    by_matrix = list(cosines(part, shown).values())
    need(by_matrix, "the cosine needs a matrix that moved")
    by_seed = mean_known(np.concatenate(by_matrix, axis=1))
    return Finding("cosine.sign", mean(by_seed, -1, 1), {"label": shown.label}, digits=2)


FINDINGS = {
    "figure6_forgetting_full": (partial(old_answers, method="forget_ft"),),
    "figure7_forgetting_lora": (partial(old_answers, method="forget_lora"),),
    "cosine_by_layer": (cosine_sign,),
}
