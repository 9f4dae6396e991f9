"""The groups of a K-shot file besides points, curves and stages; rows are padded."""

from __future__ import annotations

from ..store import Data, Group


class Tasks(Group, path="tasks"):
    """One row a task."""

    name: Data
    kind: Data  # of answer: letter, name, number, text, code
    pool: Data
    rationales: Data  # where reasons come from
    train_examples: Data
    test_examples: Data
    test_row: Data  # [task, example]: record of the file
    gold: Data  # [task, example]: the right answer


class Bank(Group, path="bank"):
    """One row an adapter. Older files have no counts of what was left out."""

    name: Data
    task: Data  # whose own expert it is; empty: nobody's
    examples: Data  # -1: the adapter was brought
    usable: Data
    failure: Data
    left_out: Data
    shortened: Data
    tested: Data


class Pools(Group, path="pools"):
    """One row a pool of open data."""

    name: Data
    examples: Data
    repeated: Data
    tested: Data


class Tests(Group, path="tests"):
    """[task, model]: model 0 is the base model, 1 + i row i of the bank."""

    accuracy: Data
    right: Data  # [task, model, example]
    stopped: Data


class Signals(Group, path="signals"):
    draw: Data  # [draw]
    row: Data  # [task, draw, shot] of the largest K
    perplexity: Data  # [task, draw, adapter, shot]
    reasoning_perplexity: Data


class Selection(Group, path="selection"):
    """What each point selected."""

    adapter: Data  # [point, expert]
    perplexity_rank: Data  # [point, adapter]: R_P; NaN: not usable, or drawn at random
    accuracy_rank: Data  # R_A
    pool: Data  # 1: one of those that experts are selected from
    row: Data  # [point, sample]: open data
    shot_row: Data  # [point, shot]

    def experts(self, point: int) -> list[int]:
        """Rows of the bank."""
        return [int(k) for k in self.adapter[point] if k >= 0]


class Outcomes(Group, path="outcomes"):
    right: Data  # [point, example]: 0 wrong, 1 right, 2 no answer, 255 no such example
    right_by_sum: Data  # the same by likelihood


class Shares(Group, path="moe"):
    """What the experts of a mixture do."""

    share: Data  # [point, module, expert]
    layer: Data  # [module]
