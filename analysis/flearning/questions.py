"""The records of each point, for the page: what came of each, and of the Original model before."""

from __future__ import annotations

import numpy as np

from ..questions import Questions, as_many_as_fit
from ..sweep import Sweep
from .groups import Cases, Outcomes, Records
from .quantities import OUTCOMES, PORTABILITY

SHOWN = {  # outcome -> head of its column
    **{name: name for name in (*OUTCOMES, PORTABILITY)},
    "reliability_old": "old answer given",
}


def packed_questions(sweep: Sweep) -> str | None:
    """None where the file has no outcomes by record, or none yet."""
    outcomes, cases, done = sweep.group(Outcomes), sweep.group(Cases), sweep.done
    if outcomes.reliability is None or done.empty:
        return None
    before = _before(sweep)
    known = {n: 100 * v for n in SHOWN if (v := getattr(outcomes, n)) is not None}
    width = outcomes.reliability.shape[1]
    shown, otherwise = as_many_as_fit(done.index.to_numpy(), 2 * width * (len(known) + 1))
    asked = Questions(
        "Records",
        len(sweep.points),
        "Percent of the tokens of an answer. Before: the Original model of the same seed.",
    )
    tables: dict[tuple[str, int], int] = {}
    edits = sweep.groups(Records)
    for row in shown:
        count = 1 + int(np.flatnonzero(np.isfinite(outcomes.reliability[row])).max(initial=-1))
        key = data_set, _ = sweep.points["data_set"][row], count
        if key not in tables:
            tables[key] = asked.table(*_records(edits[data_set], count))
        asked.begin(row, tables[key])
        of = {"before": before.get(row), "after": row}
        for name, values in known.items():
            if np.isfinite(values[row]).any():
                for when, point in of.items():
                    if point is not None:
                        asked.add(row, f"{SHOWN[name]} {when}", values[point, :count], _percent)
        for when, point in of.items():
            if cases.answer is not None and point is not None:
                first = cases.answer[point, :count]
                rest = [""] * (count - len(first))
                asked.add(row, f"answer {when}", np.array([*map(str, first), *rest]))
    return asked.packed(otherwise)


def _before(sweep: Sweep) -> dict[int, int]:
    """The finished point of the Original model of each point, by their rows."""
    same = [name for name in ("model", "data_set", "records", "seed") if name in sweep.points]
    original = sweep.done[sweep.done["method"] == "original"].reset_index()
    both = sweep.done.reset_index().merge(original, on=same, suffixes=("", "_before"))
    return dict(zip(both["index"], both["index_before"], strict=True))


def _records(edits: Records, count: int) -> tuple[list[str], list[list[str]]]:
    columns = {
        "record": range(count),
        "question": edits.prompt,
        "old answer": edits.target_old,
        "new answer": edits.target_new,
    }
    return [*columns], [list(map(str, row)) for row in zip(*columns.values(), strict=False)]


def _percent(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else ""
