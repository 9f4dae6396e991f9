"""The groups of a K-shot file besides points, curves and stages; rows are padded."""

from __future__ import annotations

from dataclasses import dataclass

from ..store import Data, Group


@dataclass(frozen=True, eq=False)
class Tasks(Group):
    """One row a task."""

    PATH = "tasks"

    name: Data
    kind: Data  # of answer: letter, name, number, text, code
    pool: Data
    rationales: Data  # where reasons come from
    train_examples: Data
    test_examples: Data


@dataclass(frozen=True, eq=False)
class Bank(Group):
    """One row an adapter. Older files have no counts of what was left out."""

    PATH = "bank"

    name: Data
    task: Data  # whose own expert it is; empty: nobody's
    examples: Data  # -1: the adapter was brought
    usable: Data
    failure: Data
    left_out: Data
    shortened: Data
    tested: Data


@dataclass(frozen=True, eq=False)
class Pools(Group):
    """One row a pool of open data."""

    PATH = "pools"

    name: Data
    examples: Data
    repeated: Data
    tested: Data


@dataclass(frozen=True, eq=False)
class Tests(Group):
    """[task, model]: model 0 is the base model, 1 + i row i of the bank."""

    PATH = "tests"

    accuracy: Data
    right: Data  # [task, model, example]
    stopped: Data


@dataclass(frozen=True, eq=False)
class Signals(Group):
    PATH = "signals"

    draw: Data  # [draw]
    row: Data  # [task, draw, shot] of the largest K
    perplexity: Data  # [task, draw, adapter, shot]
    reasoning_perplexity: Data


@dataclass(frozen=True, eq=False)
class Selection(Group):
    """What each point selected."""

    PATH = "selection"

    adapter: Data  # [point, expert]
    row: Data  # [point, sample]: open data
    shot_row: Data  # [point, shot]

    def experts(self, point: int) -> list[int]:
        """Rows of the bank."""
        return [int(k) for k in self.adapter[point] if k >= 0]


@dataclass(frozen=True, eq=False)
class Outcomes(Group):
    PATH = "outcomes"

    right: Data  # [point, example]: 0 wrong, 1 right, 2 no answer, 255 no such example


@dataclass(frozen=True, eq=False)
class Shares(Group):
    """What the experts of a mixture do."""

    PATH = "moe"

    share: Data  # [point, module, expert]
    layer: Data  # [module]
