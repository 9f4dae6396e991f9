"""The paper's orderings of methods, each tested on the records that both methods edited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from ..published import PaperTable
from ..statistics import Interval, crossed_mean
from ..store import need
from ..table import NONE, PAPER, Cells, Table, number, with_limits
from .quantities import DATA_SETS, METHODS, OUTCOMES, EditPart, Variant, paper, told

FEWEST = 20  # records below which no verdict is given
TOO_FEW = "too few records"
VERDICTS = ("holds", "undecided", "does not hold", TOO_FEW)


# A method that is better than another one.
CLAIMS = (("f_learning_ft", "ft"), ("f_learning_lora", "lora"), ("f_learning_lora_ft", "ft"))
# What ROME's locality is above: what else edits, in table 1.
OTHERS = ("lora", "f_learning_lora", "ft_c", "ft", "memit", "f_learning_lora_ft", "f_learning_ft")


@dataclass(frozen=True)
class Test:
    better: Variant
    worse: Variant
    outcome: str
    difference: Interval  # percent points
    seeds: int
    agreeing: int  # seeds whose own mean difference has the sign of the whole
    records: int


def test(part: EditPart, better: Variant, worse: Variant, outcome: str) -> Test | None:
    """better - worse, paired by seed and record; None where they have no seed in common."""
    difference = _difference(part, better, worse, outcome)
    asked = np.isfinite(difference)
    difference, asked = difference[asked.any(axis=1)], asked[asked.any(axis=1)]
    if not len(difference):
        return None
    interval = crossed_mean(100 * difference).interval
    own = np.nanmean(difference, axis=1)
    agreeing = int((np.sign(own) == np.sign(interval.value)).sum())
    records = int(asked.any(axis=0).sum())
    return Test(better, worse, outcome, interval, len(difference), agreeing, records)


def _difference(part: EditPart, better: Variant, worse: Variant, outcome: str) -> np.ndarray:
    """[seed, record] of the seeds that both have finished."""
    seeds = [v.points["seed"].to_numpy() for v in (better, worse)]
    _, first, second = np.intersect1d(*seeds, return_indices=True)
    return part.values(better, outcome)[first] - part.values(worse, outcome)[second]


@cache
def tests(part: EditPart) -> list[Test]:
    """Every claim for every lambda but 0, preset and range of layers. Missing without one."""
    found = []
    for (above, below), outcome in product(CLAIMS, OUTCOMES):
        for worse, better in product(part.variants(below), part.variants(above)):
            if better.lambda_used != 0:  # else nothing was forgotten: the two are one training
                found.append(test(part, better, worse, outcome))
    for rome in part.variants("rome", "rome_reset"):
        rivals = [test(part, rome, other, "locality") for other in part.variants(*OTHERS)]
        known = [rival for rival in rivals if rival is not None]
        if known:  # highest: above the strongest of the others
            found.append(min(known, key=lambda t: t.difference.value))
    found = [t for t in found if t is not None]
    need(
        found,
        "the orderings need two methods that the paper compares (f_learning_ft and ft, ...) "
        "with a seed in common",
    )
    return found


def published_difference(part: EditPart, found: Test, model: str) -> float | None:
    """The same difference in the tables of the paper on this data set."""
    sides = [
        _published(
            part.published("outcomes"), v.method.removesuffix("_reset"), model, found.outcome
        )
        for v in (found.better, found.worse)
    ]
    return None if None in sides else sides[0] - sides[1]


def _published(rows: PaperTable, method: str, model: str, outcome: str) -> float | None:
    numbers = rows.get(method, {}).get(model)
    return None if numbers is None else numbers[OUTCOMES.index(outcome)]


def by_claim(found: list[Test]) -> dict[tuple[str, str], list[Test]]:
    """Claim and outcome -> its tests, in the order of the tests."""
    claims: dict[tuple[str, str], list[Test]] = {}
    for one in found:
        # ROME's rival is whichever is strongest, so it is no part of the claim
        rival = "every other" if one.better.method.startswith("rome") else METHODS[one.worse.method]
        claim = f"{METHODS[one.better.method]} > {rival}"
        claims.setdefault((claim, one.outcome), []).append(one)
    return claims


def published_differences(part: EditPart, found: Test) -> list[float]:
    """In every data set and model of tables 1 and 2 that has both; none beside other data."""
    if not part.published("outcomes"):
        return []
    rome = found.better.method.startswith("rome")
    differences = []
    for rows in (paper(f"outcomes {name}") for name in DATA_SETS):
        for model in rows["ft"]:
            better = _published(rows, "rome" if rome else found.better.method, model, found.outcome)
            others = OTHERS if rome else (found.worse.method,)
            worse = [_published(rows, name, model, found.outcome) for name in others]
            known = [value for value in worse if value is not None]
            if better is not None and known:
                differences.append(better - max(known))
    return differences


def verdict(found: Test) -> str:
    return found.difference.verdict if found.records >= FEWEST else TOO_FEW


# --- Tables ------------------------------------------------------------------------------------


def verdict_table(part: EditPart) -> Table:
    """The verdict on each claim, and at which settings."""
    claims, settings = by_claim(tests(part)), {}
    for claim, members in claims.items():
        settings[claim] = {name: [] for name in VERDICTS}
        for one in members:
            settings[claim][verdict(one)].append(one.better.setting or "yes")
    shown = [v for v in VERDICTS if v != TOO_FEW or any(at[v] for at in settings.values())]
    table = told("verdicts", data_set=part.data_set, fewest=FEWEST)
    for (claim, outcome), members in claims.items():
        printed = published_differences(part, members[0])
        above = sum(difference > 0 for difference in printed)
        table.row(
            ("claim", claim),
            ("outcome", outcome),
            *((name, "; ".join(settings[claim, outcome][name]) or NONE) for name in shown),
            (f"{PAPER}: holds in", f"{above} of {len(printed)}" if printed else NONE),
        )
    return table


def ordering_table(part: EditPart) -> Table:
    """Every ordering at every setting, with its limits."""
    seeds = part.points["seed"].nunique()
    table = told("orderings", data_set=part.data_set)
    if seeds < 5:
        table.note("orderings.one" if seeds == 1 else "orderings.few", seeds=seeds)
    for found in tests(part):
        table.row(*_ordering(part, found))
    return table


def _ordering(part: EditPart, found: Test) -> Cells:
    exact = test(part, found.better, found.worse, f"{found.outcome}_exact")
    return [
        ("claim", f"{found.better.label} > {found.worse.label}"),
        ("outcome", found.outcome),
        ("records", str(found.records)),
        ("difference", with_limits(found.difference)),
        ("seeds alike", f"{found.agreeing} of {found.seeds}"),
        ("verdict", verdict(found)),
        ("exact", with_limits(exact.difference) if exact else NONE),
        ("verdict of exact", verdict(exact) if exact else NONE),
        *(
            (f"{PAPER} {model}", number(published_difference(part, found, model), sign="+"))
            for model in part.published_models
        ),
    ]
