"""What the K-shot figures and tables show, computed from a results file (docs/kshot.md).

A *setting* is the values of AXES. Points of one method, task and setting differ in the draw of the
shots and in the seed alone. The first setting of a method is the one that the others vary from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..statistics import Difference, Mean, mean, paired_difference
from ..store import UNSET, Missing, Results, read_group

METHODS = {  # in the order of the paper's table 1
    "base": "Base",
    "random": "Random",
    "expert_lora": "Expert LoRA",
    "source_best": "Source Best",
    "lora": "LoRA",
    "source_best_sft": "Source Best SFT",
    "uniform": "Uniform sum",
    "lorahub": "LoRAHub",
    "arrow": "Arrow",
    "ours": "Ours",
}
AXES = ("shots", "experts", "top_k", "budget", "tau", "signals", "data_selection")
CASES = ("all correct", "mixed", "all incorrect")


@dataclass(frozen=True, eq=False)
class Study:
    """The file's points and the groups that hold more than a number a point."""

    results: Results
    tasks: list[str]
    bank: list[str]
    tests: dict[str, np.ndarray]  # /tests
    signals: dict[str, np.ndarray]  # /signals
    selection: dict[str, np.ndarray]  # /selection
    outcomes: dict[str, np.ndarray]  # /outcomes
    moe: dict[str, np.ndarray]  # /moe
    of_tasks: dict[str, np.ndarray]  # /tasks
    of_bank: dict[str, np.ndarray]  # /bank
    of_pools: dict[str, np.ndarray]  # /pools

    @property
    def rationales(self) -> list[str]:
        """Of each task: where reasons come from."""
        return words(self.of_tasks["rationales"])

    @property
    def pools(self) -> list[str]:
        """Of each task."""
        return words(self.of_tasks["pool"])

    @property
    def done(self) -> pd.DataFrame:
        return self.results.done

    def first(self, method: str, what: str) -> pd.DataFrame:
        """Finished points of a method's first setting, of every task, draw and seed.

        Missing without one: `what` needs it.
        """
        return self._alike(method, what)

    def along(self, axis: str, what: str) -> pd.DataFrame:
        """Finished points of `ours` that differ from its first setting in this axis at most."""
        return self._alike("ours", what, axis)

    def first_value(self, axis: str) -> object:
        """Of `ours`, of which there is a point."""
        return self._first_row("ours")[axis]

    def _first_row(self, method: str) -> pd.Series:
        """Finished or not: the sweep writes first values first."""
        points = self.results.points
        return points[points["method"] == method].iloc[0]

    def _alike(self, method: str, what: str, free: str | None = None) -> pd.DataFrame:
        points = self.done[self.done["method"] == method]
        if points.empty:
            raise Missing(f"{what} needs a finished point of {method}")
        first = self._first_row(method)
        chosen = np.full(len(points), True)
        for axis in AXES:
            if axis != free:
                chosen &= _equal(points[axis], first[axis]) | _does_not_apply(points, axis, free)
        if not chosen.any():
            raise Missing(f"{what} needs a finished point of {method} at its first setting")
        return points[chosen]


def study_of(results: Results) -> Study:
    path = results.path
    tasks, bank = read_group(path, "tasks"), read_group(path, "bank")
    groups = ("tests", "signals", "selection", "outcomes", "moe")
    return Study(
        results,
        words(tasks["name"]),
        words(bank["name"]),
        of_tasks=tasks,
        of_bank=bank,
        of_pools=read_group(path, "pools"),
        **{name: read_group(path, name) for name in groups},
    )


def words(column: np.ndarray) -> list[str]:
    return [str(value) for value in column]


def _equal(column: pd.Series, value: object) -> np.ndarray:
    if isinstance(value, float) and math.isnan(value):
        return column.isna().to_numpy()
    return (column == value).to_numpy()


def _does_not_apply(points: pd.DataFrame, axis: str, free: str | None) -> np.ndarray:
    """Without open data there is no budget and no tau, and what is drawn at random has no tau."""
    if (free, axis) in {
        ("data_selection", "budget"),
        ("budget", "data_selection"),
        ("budget", "tau"),
    }:
        return (points["budget"] == 0).to_numpy()
    if (free, axis) == ("data_selection", "tau"):
        return points["tau"].isna().to_numpy()
    return np.full(len(points), False)


# --- Accuracy ----------------------------------------------------------------------------------


def scores(study: Study, points: pd.DataFrame, column: str = "accuracy") -> pd.DataFrame:
    """Percent, [draw, task]: the mean over seeds of each draw; of a single draw, a row a seed."""
    unit = "draw" if points["draw"].nunique() > 1 else "seed"
    table = points.groupby([unit, "task"])[column].mean().unstack()
    return 100 * table.reindex(columns=study.tasks)


def average(table: pd.DataFrame) -> Mean:
    """Over the tasks, of each draw that has finished all of them; none where a task is missing."""
    whole = table.dropna(axis=0, how="any")
    return mean(whole.mean(axis=1).to_numpy())


def by_example(study: Study, points: pd.DataFrame, unit: str = "draw") -> dict[int, np.ndarray]:
    """Draw, or seed -> [example] share that is right, NaN where there is no such example."""
    if "right" not in study.outcomes:
        raise Missing("outcomes by example need /outcomes/right")
    found = {}
    for key, rows in points.groupby(unit):
        right = study.outcomes["right"][rows.index.to_numpy()]
        found[int(key)] = np.where(right == UNSET, np.nan, right == 1).mean(axis=0)
    return found


def difference(study: Study, better: pd.DataFrame, worse: pd.DataFrame) -> Difference:
    """Percent points on one task, paired by draw (of a single draw by seed) and example.

    A method without draws is the same for every draw. NaN where they have no draw in common.
    """
    unit = "draw" if better["draw"].nunique() > 1 else "seed"
    first, second = by_example(study, better, unit), by_example(study, worse, unit)
    if set(second) == {-1}:
        second = dict.fromkeys(first, second[-1])
    rows = [first[key] - second[key] for key in sorted(first.keys() & second.keys())]
    return paired_difference(100 * np.stack(rows) if rows else np.empty((0, 0)))


def learnt_examples(study: Study) -> np.ndarray:
    """[adapter]: those that a training of the bank learnt; -1: the adapter was brought."""
    examples = study.of_bank["examples"]
    left_out = study.of_bank.get("left_out", np.zeros_like(examples))
    return np.where(examples < 0, -1, examples - np.maximum(left_out, 0))


# --- Signals -----------------------------------------------------------------------------------


def adapter_accuracy(study: Study, task: int) -> np.ndarray:
    """Percent, [adapter]: of every adapter of the bank on the task's test."""
    return 100 * study.tests["accuracy"][task, 1:]


def perplexities(study: Study, task: int, kind: str) -> np.ndarray:
    """[draw, adapter]: mean over the shots; kind `perplexity` or `reasoning_perplexity`."""
    values = study.signals[kind][task].astype(float)  # [draw, adapter, shot]
    known = np.isfinite(values)
    count = np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)
    return np.where(known, values, 0).sum(axis=-1) / count


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation, ties with their mean rank; NaN from fewer than three pairs."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return math.nan
    first, second = (pd.Series(values[both]).rank() for values in (a, b))
    if first.nunique() < 2 or second.nunique() < 2:
        return math.nan
    return float(first.corr(second))


def correlations(study: Study, task: int, kind: str) -> np.ndarray:
    """[draw]: rank correlation of accuracy and perplexity over the bank."""
    accuracy = adapter_accuracy(study, task)
    return np.array([spearman(accuracy, drawn) for drawn in perplexities(study, task, kind)])


def measured_tasks(study: Study, what: str) -> list[int]:
    """Tasks with the tests and the perplexities of three adapters. Missing without one."""
    found = []
    if "accuracy" in study.tests and "perplexity" in study.signals:
        for task in range(len(study.tasks)):
            known = np.isfinite(perplexities(study, task, "perplexity")).any(axis=0)
            if (known & np.isfinite(adapter_accuracy(study, task))).sum() >= 3:
                found.append(task)
    if not found:
        raise Missing(
            f"{what} needs a task with the tests (bank.evaluate = true) and the signals of three "
            "adapters"
        )
    return found


# --- Experts and their mixture -----------------------------------------------------------------


@dataclass(frozen=True)
class Cases:
    """One point of `ours`: its experts against the mixture, on the test examples."""

    task: str
    draw: int
    seed: int
    experts: list[str]
    counts: np.ndarray  # [case] examples, in the order of CASES
    right: np.ndarray  # [case] examples of these that the mixture has right
    expert_errors: np.ndarray  # [expert] percent of the mixed cases; NaN without any
    mixture_error: float


def cases(study: Study) -> list[Cases]:
    """Of each point of `ours` at its first setting whose experts were tested. Missing if none."""
    what = "table 5 and figure 11"
    if "right" not in study.tests or "right" not in study.outcomes:
        raise Missing(f"{what} need /tests/right and /outcomes/right")
    points = study.first("ours", what)
    found = []
    for row, point in points.iterrows():
        experts = study.selection["adapter"][row]
        experts = experts[experts >= 0]
        task = study.tasks.index(point["task"])
        alone, mixed = study.tests["right"][task, 1 + experts], study.outcomes["right"][row]
        asked = mixed != UNSET
        if len(experts) == 0 or not asked.any() or (alone[:, asked] == UNSET).any():
            continue
        found.append(_cases_of(study, point, experts, alone[:, asked] == 1, mixed[asked] == 1))
    if not found:
        raise Missing(
            f"{what} need a finished point of ours whose experts were tested (bank.evaluate = true)"
        )
    return found


def _cases_of(study: Study, point, experts, alone: np.ndarray, mixture: np.ndarray) -> Cases:
    all_right, none_right = alone.all(axis=0), ~alone.any(axis=0)
    masks = (all_right, ~all_right & ~none_right, none_right)
    mixed = masks[1]
    count = mixed.sum() or math.nan
    return Cases(
        task=point["task"],
        draw=int(point["draw"]),
        seed=int(point["seed"]),
        experts=[study.bank[k] for k in experts],
        counts=np.array([mask.sum() for mask in masks]),
        right=np.array([mixture[mask].sum() for mask in masks]),
        expert_errors=100 * (~alone[:, mixed]).sum(axis=1) / count,
        mixture_error=100 * float((~mixture[mixed]).sum() / count),
    )


def over_draws(found: list[Cases], value) -> Mean:
    """Mean of value(case) over draws, seeds first; of a single draw over seeds."""
    frame = pd.DataFrame([(c.draw, c.seed, value(c)) for c in found], columns=["draw", "seed", "v"])
    unit = "draw" if frame["draw"].nunique() > 1 else "seed"
    return mean(frame.groupby(unit)["v"].mean().to_numpy())
