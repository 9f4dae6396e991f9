"""Tables of the F-Learning study, ours beside the published numbers."""

from __future__ import annotations

import math
import re

from ..statistics import mean
from ..store import Missing
from ..table import PAPER, Table, number, with_interval, with_limits
from . import published
from .orderings import FEWEST, TOO_FEW, Test, published_difference, summaries, test, tests, verdict
from .quantities import FORGETS, LABEL, OUTCOMES, Part, Variant, nearest

VERDICTS = ("holds", "undecided", "does not hold", TOO_FEW)
CASE_STUDY_LAMBDA = 0.3  # of the paper's table 5
HEADS = [head for outcome in OUTCOMES for head in (outcome, "exact")]


# --- Tables 1 and 2 ----------------------------------------------------------------------------


def outcome_table(part: Part) -> Table:
    """Tables 1 and 2: every method's reliability, generality and locality."""
    models = _models(part)
    rows = []
    for variant in part.variants():
        row = [*_head_cells(variant), *_outcome_cells(part, variant)]
        rows.append(row + [_paper_cell(part, variant, model) for model in models])
    notes = [
        "Share of answer tokens, teacher-forced as in EasyEdit; exact: the whole greedy answer "
        "(locality: every token unchanged). Percent, mean over seeds \u00b1 95 % Student interval."
    ]
    if models:
        notes.append(
            f"paper: {published.CITATION}, tables 1 and 2, reliability / generality / locality "
            f"on {part.paper}, at the \u03bb of its appendix A.2."
        )
    if part.edited < part.records:
        notes.append(
            f"Some editors edited the first {part.edited} records only: the next table asks every "
            "method about these alone."
        )
    return Table(
        "table1_outcomes",
        f"Tables 1 and 2: {part.model} on {part.data_set}",
        ["method", "seeds", "records", *HEADS, *(f"{PAPER} {model}" for model in models)],
        rows,
        notes,
    )


def subset_table(part: Part) -> Table:
    """Table 1 on the records that every method edited."""
    rows = [
        [*_head_cells(variant), *_outcome_cells(part, variant, part.edited)]
        for variant in part.variants()
    ]
    return Table(
        "table1_subset",
        f"Tables 1 and 2, asked about the first {part.edited} records alone",
        ["method", "seeds", "edited at once", *HEADS],
        rows,
        ["A model that carries more edits than it is asked about has the harder task."],
    )


def records_table(part: Part) -> Table:
    """Outcomes by the number of records edited at once."""
    counts = sorted(part.points["records"].unique())
    rows = []
    for key in _keys(part, counts):
        row = [_label(part, key, counts)]
        for outcome in OUTCOMES:
            for count in counts:
                found = _at(part, key, count)
                row.append(
                    "-" if found is None else with_interval(mean(part.means(found, outcome)))
                )
        rows.append(row)
    return Table(
        "records",
        "Outcomes by the number of records edited at once (percent)",
        ["method", *(f"{outcome} {count}" for outcome in OUTCOMES for count in counts)],
        rows,
    )


def _models(part: Part) -> list[str]:
    """Published models that have numbers for this data set."""
    return list(published.OUTCOMES[part.paper]["ft"]) if part.paper else []


def _paper_cell(part: Part, variant: Variant, model: str) -> str:
    if variant.preset not in ("", "paper"):
        return "-"
    found = published.OUTCOMES[part.paper].get(variant.method, {}).get(model)
    return "-" if found is None else " / ".join(number(value) for value in found)


def _head_cells(variant: Variant) -> list[str]:
    edited = variant.points["n_records"]
    low, high = edited.min(), edited.max()
    return [
        variant.label,
        str(len(variant.points)),
        f"{low}" if low == high else f"{low}-{high}",
    ]


def _outcome_cells(part: Part, variant: Variant, first: int | None = None) -> list[str]:
    return [
        with_interval(mean(part.means(variant, name, first)))
        for outcome in OUTCOMES
        for name in (outcome, f"{outcome}_exact")
    ]


def old_table(part: Part) -> Table:
    """How much of the old knowledge is left: figures 6 and 7 in numbers, and after learning."""
    rows = []
    names = [f"{name}_old{kind}" for name in OUTCOMES[:2] for kind in ("", "_exact")]
    for variant in part.variants():
        row = _head_cells(variant)
        row += [with_interval(mean(part.means(variant, name))) for name in names]
        rows.append([*row, _published_old(variant)])
    return Table(
        "old_answers",
        "Old answers that are still given (percent)",
        ["method", "seeds", "records", "reliability", "exact", "generality", "exact", PAPER],
        rows,
        [
            f"paper: figures 6 and 7, {published.LLAMA2} on ZsRE, reliability / generality, where "
            "it has the same \u03bb."
        ],
    )


def _published_old(variant: Variant) -> str:
    forgets = variant.method in ("original", "forget_ft", "forget_lora")
    lambda_ = 0.0 if variant.method == "original" else variant.lambda_
    somewhere = variant.method != "original" and not variant.everywhere
    if not forgets or somewhere or lambda_ not in published.FORGETTING_LAMBDA:
        return "-"
    at = published.FORGETTING_LAMBDA.index(lambda_)
    rows = published.FORGETTING[FORGETS.get(variant.method, "full")]
    return " / ".join(number(100 * rows[f"{name}_old"][at]) for name in OUTCOMES[:2])


# --- The paper's orderings ---------------------------------------------------------------------


def verdict_table(part: Part) -> Table:
    """The verdict on each claim, and at which settings."""
    rows = []
    found_all = summaries(tests(part))
    columns = [v for v in VERDICTS if v != TOO_FEW or any(v in f.settings for f in found_all)]
    for found in found_all:
        above = sum(difference > 0 for difference in found.published)
        rows.append(
            [found.claim, found.outcome]
            + ["; ".join(found.settings.get(name, [])) or "-" for name in columns]
            + [f"{above} of {len(found.published)}"]
        )
    return Table(
        "verdicts",
        f"Do the paper's orderings hold on {part.data_set}?",
        ["claim", "outcome", *columns, f"{PAPER}: holds in"],
        rows,
        [
            f"Settings of the better method; no verdict from fewer than {FEWEST} records. Limits "
            "are in the next table. paper: pairs of model and data set in tables 1 and 2."
        ],
    )


def ordering_table(part: Part) -> Table:
    """Every ordering at every setting, with its limits."""
    models = _models(part)
    rows = [
        _ordering_row(part, found)
        + [_signed(published_difference(part, found, model)) for model in models]
        for found in tests(part)
    ]
    seeds = part.points["seed"].nunique()
    notes = [
        "Difference in percent points, paired by record and seed; 95 % limits from the spread of "
        "the seeds (Student's t) and of the records, half widths added in squares. holds: the "
        "limits are above 0; does not hold: below.",
        "Each \u03bb is tested on its own; the best of several is the best by chance, too.",
        "ROME's row is against the method whose locality comes nearest or is higher.",
    ]
    if seeds == 1:
        notes.append("One seed: the limits tell of the records, not of the training's chance.")
    elif seeds < 5:
        notes.append(f"{seeds} seeds hardly tell their spread: hence wide limits.")
    return Table(
        "orderings",
        f"The paper's orderings on {part.data_set}",
        [
            "claim",
            "outcome",
            "records",
            "difference",
            "seeds alike",
            "verdict",
            "exact",
            "verdict of exact",
            *(f"{PAPER} {model}" for model in models),
        ],
        rows,
        notes,
    )


def _ordering_row(part: Part, found: Test) -> list[str]:
    exact = test(part, found.better, found.worse, f"{found.outcome}_exact")
    return [
        f"{found.better.label} > {found.worse.label}",
        found.outcome,
        str(found.records),
        with_limits(found.difference),
        f"{found.agreeing} of {found.seeds}",
        verdict(found),
        with_limits(exact.difference) if exact else "-",
        verdict(exact) if exact else "-",
    ]


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


# --- Table 3 -----------------------------------------------------------------------------------


def time_table(part: Part) -> Table:
    """Table 3: wall time of the edits, and its ratio to full fine-tuning."""
    counts = sorted(part.points["records"].unique())
    paper = published.SECONDS.get(part.paper or "", {})
    rows = []
    for key in _keys(part, counts):
        if key[0] == "original":
            continue
        row = [_label(part, key, counts)]
        for count in counts:
            row += _time_cells(part, _at(part, key, count), count)
            if paper:
                row.append(_published_time(paper, key[0], count))
        rows.append(row)
    if not rows:
        raise Missing("table 3 needs a finished method that edits")
    head = ["method"]
    for count in counts:
        head += [f"{count} edits: s", "s per edit", "x Full-FT"]
        head += [f"{PAPER} {count if count in (1, 10, 100) else 100}"] if paper else []
    notes = [
        "Seconds of the trainings and of the editing itself, neither the original model's training "
        "nor evaluation; F-Learning's hold delta_old's training, though many points share it. "
        "Mean over seeds. Ratio: seconds per edit to those of Full-FT.",
    ]
    if paper:
        notes.append(
            "paper: LLaMA2-7B on A100s, seconds (ratio to its Full-FT); at 100 edits where it has "
            "no such number of edits."
        )
    return Table("table3_seconds", "Table 3: seconds of the edits", head, rows, notes)


def _time_cells(part: Part, variant: Variant | None, count: int) -> list[str]:
    if variant is None:
        return ["-", "-", "-"]
    seconds = variant.points["edit_seconds"].mean()
    whole = part.variants("ft", records=count)
    ratio = _per_edit(variant) / _per_edit(whole[0]) if whole else math.nan
    edited = int(variant.points["n_records"].max())
    shown = f"{seconds:.4g}" + (f" for {edited}" if edited != count else "")
    return [shown, f"{_per_edit(variant):.3g}", number(ratio, 2)]


def _per_edit(variant: Variant) -> float:
    return float((variant.points["edit_seconds"] / variant.points["n_records"]).mean())


def _published_time(paper: dict, method: str, count: int) -> str:
    at = count if count in (1, 10, 100) else 100
    if method not in paper:
        return "-"
    return f"{paper[method][at]:g} ({paper[method][at] / paper['ft'][at]:.2f})"


Key = tuple[str, float, str, str]


def _keys(part: Part, counts: list[int]) -> list[Key]:
    """Variants over all numbers of records, in their order."""
    found: dict[str, Key] = {}
    for count in counts:
        for v in part.variants(records=count):
            found.setdefault(
                repr((v.method, v.lambda_, v.layers, v.preset)),
                (v.method, v.lambda_, v.layers, v.preset),
            )
    return sorted(found.values(), key=lambda key: list(LABEL).index(key[0]))


def _at(part: Part, key: Key, count: int) -> Variant | None:
    for variant in part.variants(key[0], records=count):
        if repr((variant.method, variant.lambda_, variant.layers, variant.preset)) == repr(key):
            return variant
    return None


def _label(part: Part, key: Key, counts: list[int]) -> str:
    return next(found for count in reversed(counts) if (found := _at(part, key, count))).label


# --- Table 5 -----------------------------------------------------------------------------------


def ability_table(part: Part) -> Table:
    """Table 5: other abilities, where the file has columns ability_<task>."""
    tasks = [name for name in part.points if name.startswith("ability_")]
    if not tasks:
        raise Missing("table 5 needs columns ability_<task> in /points")
    stages = [
        ("original", "Original"),
        ("forget_ft", "+ Forgetting"),
        ("f_learning_ft", "+ F-Learning"),
    ]
    chosen: list[tuple[Variant, int | None]] = []
    for column, (method, _) in enumerate(stages):
        if found := part.variants(method):
            chosen.append((nearest(found, CASE_STUDY_LAMBDA), column))
    methods = [method for method, _ in stages]
    for variant in part.variants():
        if variant.method not in methods and variant.method not in [v.method for v, _ in chosen]:
            chosen.append((variant, None))
    head, rows = ["task"], []
    for variant, column in chosen:
        head += [variant.label] + ([PAPER] if column is not None else [])
    for task in tasks:
        name = task.removeprefix("ability_")
        row = [name]
        for variant, column in chosen:
            row.append(with_interval(mean(part.means(variant, task))))
            if column is not None:
                row.append(_published_ability(name, column))
        rows.append(row)
    return Table(
        "table5_abilities",
        "Table 5: other abilities (percent)",
        head,
        rows,
        ["paper: LLaMA2-7B, \u03bb = 0.3; ours at the \u03bb nearest to it."],
    )


def _published_ability(task: str, column: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", task.lower())
    fitting = [known for known in published.ABILITIES if plain.endswith(known)]
    return number(published.ABILITIES[max(fitting, key=len)][column]) if fitting else "-"
