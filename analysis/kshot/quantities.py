"""What the K-shot figures and tables show, computed from a results file (docs/kshot.md).

A *setting* is the values of AXES. Points of one method, task and setting differ in the draw of the
shots and in the seed alone. The first setting of a method is the one that the others vary from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from ..published import PaperTable, paper_table
from ..statistics import (
    CrossedMean,
    crossed_mean,
    crossed_percent,
    mean_known,
    mean_of_independent,
    spearman,
)
from ..store import UNSET, Missing, need
from ..sweep import Part, Sweep
from ..words import ToldTable
from .groups import Bank, Outcomes, Pools, Selection, Shares, Signals, Tasks, Tests

MODELS = ("LLaMA2-7B", "Mistral-7B")  # of the paper
PAPER_TASKS = ("arc_c", "arc_e", "boolq", "piqa", "gsm8k", "mbpp")  # in the order of its tables
told = partial(ToldTable, "kshot")  # a table to be filled, by its name in words.md

METHODS = {  # in the order of the paper's table 1; † as there: with the open data
    "base": "Base",
    "fresh_experts_shots": "Random",
    "fresh_experts": "Random†",
    "mixlora": "MixLoRA",
    "mixlora_data": "MixLoRA†",
    "random": "Random experts and data",
    "expert_lora": "Expert LoRA",
    "source_best": "Source Best",
    "lora": "LoRA",
    "source_best_sft": "Source Best SFT",
    "upcycling": "Source Best, upcycled",
    "uniform": "Uniform sum",
    "lorahub": "LoRAHub",
    "lorahub_data": "LoRAHub†",
    "smear": "SMEAR",
    "arrow": "Arrow, untrained",
    "arrow_trained": "Arrow",
    "phatgoose": "PHATGOOSE, experts' own data",
    "phatgoose_data": "PHATGOOSE",
    "ours": "Ours",
}
AXES = ("shots", "experts", "top_k", "budget", "tau", "signals", "data_selection")
CASES = ("all correct", "mixed", "all incorrect")


@dataclass(frozen=True, eq=False)
class ExpertPart(Part):
    """All finished points, and the groups that hold more than a number a point."""

    of_tasks: Tasks
    of_bank: Bank
    of_pools: Pools
    tests: Tests
    signals: Signals
    selection: Selection
    outcomes: Outcomes
    shares: Shares

    @property
    def tasks(self) -> list[str]:
        return words(self.of_tasks.name)

    @property
    def bank(self) -> list[str]:
        return [] if self.of_bank.name is None else words(self.of_bank.name)

    def published(self, name: str) -> PaperTable:
        """The paper's table of this name; where no task is the paper's, none unless asked for."""
        same = any(task_of(task) for task in self.tasks)
        return paper_table("kshot", name) if same or self.sweep.published else {}

    def first(self, method: str, what: str) -> pd.DataFrame:
        """Finished points of a method's first setting, of every task, draw and seed.

        Missing without one: `what` needs it.
        """
        return self._alike(method, what)

    def along(self, axis: str, what: str) -> pd.DataFrame:
        """Finished points of `ours` that differ from its first setting in this axis at most."""
        return self._alike("ours", what, axis)

    def first_value(self, axis: str) -> object:
        """The first value of `ours`, of which there is a point."""
        return self._first_row("ours")[axis]

    def _first_row(self, method: str) -> pd.Series:
        """Finished or not: the sweep writes first values first."""
        points = self.sweep.points
        return points[points["method"] == method].iloc[0]

    def _alike(self, method: str, what: str, free: str | None = None) -> pd.DataFrame:
        points = self.points[self.points["method"] == method]
        need(not points.empty, f"{what} needs a finished point of {method}")
        first = self._first_row(method)
        chosen = np.full(len(points), True)
        for axis in AXES:
            if axis != free:
                chosen &= _equal(points[axis], first[axis]) | _does_not_apply(points, axis, free)
        need(chosen.any(), f"{what} needs a finished point of {method} at its first setting")
        return points[chosen]

    def accuracies(self, points: pd.DataFrame, column: str = "accuracy") -> dict[str, CrossedMean]:
        """Percent by task, over draws (seeds averaged first; of a single draw over seeds) and
        test examples; without the tasks of which no point has finished.
        """
        done, unit = points[points[column].notna()], unit_of(points)
        return {
            task: self._share(done[done["task"] == task], column, unit)
            for task in self.tasks
            if (done["task"] == task).any()
        }

    def average(
        self, points: pd.DataFrame, column: str = "accuracy", tasks: Sequence[str] | None = None
    ) -> CrossedMean:
        """The mean over these tasks (default: all), by the draws that have finished all of them."""
        wanted, unit = self.tasks if tasks is None else tasks, unit_of(points)
        done = points[points[column].notna()]
        of_task = [done[done["task"] == task] for task in wanted]
        whole = set.intersection(*(set(rows[unit]) for rows in of_task))
        if not whole:
            return crossed_percent([], 0)
        return mean_of_independent(
            [self._share(rows[rows[unit].isin(whole)], column, unit) for rows in of_task]
        )

    def _share(self, points: pd.DataFrame, column: str, unit: str) -> CrossedMean:
        """Of points of one task."""
        verdicts = {"accuracy": "right", "accuracy_by_sum": "right_by_sum"}[column]
        if getattr(self.outcomes, verdicts) is None:
            asked = self.of_tasks.test_examples[self.tasks.index(points["task"].iloc[0])]
            return crossed_percent(100 * points.groupby(unit)[column].mean(), int(asked))
        of_units = self.by_example(points, unit, verdicts).values()
        return crossed_mean(100 * np.stack(list(of_units)))

    def by_example(
        self, points: pd.DataFrame, unit: str = "draw", verdicts: str = "right"
    ) -> dict[int, np.ndarray]:
        """Draw, or seed -> [example] share that is right, NaN where there is no such example."""
        every = self.outcomes.needed(verdicts, "outcomes by example need")
        found = {}
        for key, rows in points.groupby(unit):
            right = every[rows.index.to_numpy()]
            found[int(key)] = np.where(right == UNSET, np.nan, right == 1).mean(axis=0)
        return found

    def difference(self, better: pd.DataFrame, worse: pd.DataFrame) -> CrossedMean:
        """Percent points on one task, paired by draw (of a single draw by seed) and example.

        A method without draws is the same for every draw. NaN where they have no draw in common.
        """
        unit = unit_of(better)
        first, second = self.by_example(better, unit), self.by_example(worse, unit)
        if set(second) == {-1}:
            second = dict.fromkeys(first, second[-1])
        rows = [first[key] - second[key] for key in sorted(first.keys() & second.keys())]
        return crossed_mean(100 * np.stack(rows) if rows else np.empty((0, 0)))

    def differences(
        self, better: pd.DataFrame, worse: pd.DataFrame, tasks: Sequence[str]
    ) -> list[CrossedMean]:
        """One a task."""
        of_task = ((rows[rows["task"] == task] for rows in (better, worse)) for task in tasks)
        return [self.difference(*both) for both in of_task]

    def learnt_examples(self) -> np.ndarray:
        """[adapter]: those that a training of the bank learnt; -1: the adapter was brought."""
        examples, left_out = self.of_bank.examples, self.of_bank.left_out
        lost = 0 if left_out is None else np.maximum(left_out, 0)
        return np.where(examples < 0, -1, examples - lost)

    def adapter_accuracy(self, task: int) -> np.ndarray:
        """Percent, [adapter]: every adapter of the bank on the task's test."""
        return 100 * self.tests.accuracy[task, 1:]

    def perplexities(self, task: int, kind: str) -> np.ndarray:
        """[draw, adapter]: mean over the shots; kind `perplexity` or `reasoning_perplexity`."""
        return mean_known(getattr(self.signals, kind)[task].astype(float))

    def correlations(self, task: int, kind: str) -> np.ndarray:
        """[draw]: rank correlation of accuracy and perplexity over the bank."""
        accuracy = self.adapter_accuracy(task)
        return np.array([spearman(accuracy, drawn) for drawn in self.perplexities(task, kind)])

    def measured_tasks(self, what: str) -> list[int]:
        """Tasks with the tests and the perplexities of three adapters. Missing without one."""
        found = []
        if self.tests.accuracy is not None and self.signals.perplexity is not None:
            for task in range(len(self.tasks)):
                known = np.isfinite(self.perplexities(task, "perplexity")).any(axis=0)
                if (known & np.isfinite(self.adapter_accuracy(task))).sum() >= 3:
                    found.append(task)
        need(
            found,
            f"{what} needs a task with the tests (bank.evaluate = true) and the signals of "
            "three adapters",
        )
        return found


def part_of(sweep: Sweep) -> ExpertPart:
    """The whole sweep, which is shown at once."""
    groups = (Tasks, Bank, Pools, Tests, Signals, Selection, Outcomes, Shares)
    return ExpertPart(sweep, sweep.done, "", *(sweep.group(kind) for kind in groups))


def task_of(name: str) -> str | None:
    """The paper's task that a file names so: arc_c, ARC-c and arc-challenge are one."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    plain = plain.replace("challenge", "c").replace("easy", "e")
    return next((task for task in PAPER_TASKS if task.replace("_", "") == plain), None)


def words(column: np.ndarray) -> list[str]:
    return [str(value) for value in column]


def unit_of(points: pd.DataFrame) -> str:
    """What means are over: the draws of the shots, or the seeds of a single draw."""
    return "draw" if points["draw"].nunique() > 1 else "seed"


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


# --- Experts and their mixture -----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cases:
    """One point of `ours`: its experts against the mixture, on the test examples."""

    task: str
    draw: int
    seed: int
    experts: list[str]
    alone: np.ndarray  # [expert, example] is right
    mixture: np.ndarray  # [example] is right

    @property
    def case(self) -> np.ndarray:
        """[example]: its place in CASES."""
        return np.select([self.alone.all(axis=0), ~self.alone.any(axis=0)], [0, 2], 1)

    @property
    def counts(self) -> np.ndarray:
        """[case] examples."""
        return np.bincount(self.case, minlength=len(CASES))

    def on_mixed(self, values: np.ndarray) -> np.ndarray:
        """[..., example] percent on the mixed cases, NaN on the others."""
        return np.where(self.case == 1, 100.0 * values, np.nan)

    @property
    def expert_errors(self) -> np.ndarray:
        """[expert] percent of the mixed cases; NaN without any."""
        return mean_known(self.on_mixed(~self.alone))

    @property
    def best(self) -> np.ndarray:
        """[example]: whether the expert with the fewest errors on the mixed cases is right."""
        errors = self.expert_errors
        return self.alone[0 if np.isnan(errors).all() else int(np.nanargmin(errors))]

    @property
    def mixture_error(self) -> float:
        return float(mean_known(self.on_mixed(~self.mixture)))


def cases(part: ExpertPart) -> list[Cases]:
    """One a point of `ours` at its first setting whose experts were tested. Missing if none."""
    what = "table 5 and figure 11"
    if part.tests.right is None or part.outcomes.right is None:
        raise Missing(f"{what} need /tests/right and /outcomes/right")
    points = part.first("ours", what)
    found = []
    for row, point in points.iterrows():
        experts = part.selection.experts(row)
        task = part.tasks.index(point["task"])
        alone = part.tests.right[task, [1 + k for k in experts]]
        mixed = part.outcomes.right[row]
        asked = mixed != UNSET
        if len(experts) == 0 or not asked.any() or (alone[:, asked] == UNSET).any():
            continue
        names = [part.bank[k] for k in experts]
        which = point["task"], int(point["draw"]), int(point["seed"])
        found.append(Cases(*which, names, alone[:, asked] == 1, mixed[asked] == 1))
    need(
        found,
        f"{what} need a finished point of ours whose experts were tested (bank.evaluate = true)",
    )
    return found


def over_draws(found: list[Cases], value: Callable[[Cases], np.ndarray]) -> CrossedMean:
    """Mean of value(case) [example] over draws, seeds first (of a single draw over seeds), and over
    examples.
    """
    unit = "draw" if len({c.draw for c in found}) > 1 else "seed"
    of_units = {}
    for one in found:
        of_units.setdefault(getattr(one, unit), []).append(value(one))
    return crossed_mean(
        np.stack([mean_known(np.stack(v, axis=-1).astype(float)) for v in of_units.values()])
    )
