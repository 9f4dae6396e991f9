"""What the captions of the K-shot figures state, each a difference with its limits (words.md)."""

from __future__ import annotations

import math

from ..statistics import mean_of_independent
from ..store import need
from ..words import Finding
from .experts import gain
from .quantities import ExpertPart, cases, over_draws


def tuned(part: ExpertPart) -> Finding:
    """Accuracy of the best adapter after training on D_K and D_A less that before, over tasks."""
    what = "what tuning makes of the best adapter"
    after, before = (part.first(method, what) for method in ("source_best_sft", "source_best"))
    both = [task for task in part.tasks if {task} <= set(after["task"]) & set(before["task"])]
    need(both, f"{what} needs a task of which both have finished")
    found = mean_of_independent(part.differences(after, before, both))
    return Finding("figure2_tuning.change", found.interval)


def mixture(part: ExpertPart) -> Finding:
    """Errors of the best expert less those of the mixture on the mixed cases, over tasks."""
    found = cases(part)
    tasks = dict.fromkeys(one.task for one in found)
    gains = [over_draws([one for one in found if one.task == task], gain) for task in tasks]
    known = [one for one in gains if math.isfinite(one.value)]
    need(known, "what mixtures gain needs a task with mixed cases")
    return Finding("figure11_cases.gain", mean_of_independent(known).interval)


FINDINGS = {"figure2_tuning": (tuned,), "figure11_cases": (mixture,)}
