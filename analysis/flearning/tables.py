"""Tables of the F-Learning study, ours beside the published numbers."""

from __future__ import annotations

import math
import re

from ..store import Missing
from ..table import NONE, PAPER, Cells, Table, mean_of, number, numbers, signed, span, with_limits
from . import published
from .orderings import FEWEST, TOO_FEW, Test, published_difference, summaries, test, tests, verdict
from .quantities import FORGETS, OUTCOMES, EditPart, Variant, across_counts, nearest

VERDICTS = ("holds", "undecided", "does not hold", TOO_FEW)
CASE_STUDY_LAMBDA = 0.3  # of the paper's table 5


# --- Tables 1 and 2 ----------------------------------------------------------------------------


def outcome_table(part: EditPart) -> Table:
    """Tables 1 and 2: every method's reliability, generality and locality."""
    rows = [
        [*_head(variant), *_outcomes(part, variant), *_paper(part, variant)]
        for variant in part.variants()
    ]
    notes = [
        "Share of answer tokens, teacher-forced as in EasyEdit; exact: the whole greedy answer "
        "(locality: every token unchanged). Percent, mean over seeds \u00b1 95 % Student interval."
    ]
    if part.paper:
        notes.append(
            f"paper: {published.CITATION}, tables 1 and 2, reliability / generality / locality "
            f"on {part.paper}, at the \u03bb of its appendix A.2."
        )
    if part.edited < part.records:
        notes.append(
            f"Some editors edited the first {part.edited} records only: the next table asks every "
            "method about these alone."
        )
    title = f"Tables 1 and 2: {part.model} on {part.data_set}"
    return Table.of("table1_outcomes", title, rows, notes)


def subset_table(part: EditPart) -> Table | None:
    """Table 1 on the records that every method edited; None where these are all."""
    if part.edited == part.records:
        return None
    return Table.of(
        "table1_subset",
        f"Tables 1 and 2, asked about the first {part.edited} records alone",
        [
            [*_head(variant, "edited at once"), *_outcomes(part, variant, part.edited)]
            for variant in part.variants()
        ],
        ["A model that carries more edits than it is asked about has the harder task."],
    )


def records_table(part: EditPart) -> Table | None:
    """Outcomes by the number of records edited at once; None where it is the same everywhere."""
    counts = sorted(part.points["records"].unique())
    if len(counts) == 1:
        return None
    rows = []
    for alike in across_counts(part):
        row = [("method", alike[max(alike)].label)]
        for outcome in OUTCOMES:
            for count in counts:
                found = alike.get(count)
                cell = mean_of(part.means(found, outcome)) if found else NONE
                row.append((f"{outcome} {count}", cell))
        rows.append(row)
    return Table.of("records", "Outcomes by the number of records edited at once (percent)", rows)


def _models(part: EditPart) -> list[str]:
    """Published models that have numbers for this data set."""
    return list(published.OUTCOMES[part.paper]["ft"]) if part.paper else []


def _paper(part: EditPart, variant: Variant) -> Cells:
    rows = published.OUTCOMES[part.paper] if part.paper else {}
    found = rows.get(variant.method, {}) if variant.preset in ("", "paper") else {}
    return [(f"{PAPER} {model}", numbers(found.get(model))) for model in _models(part)]


def _head(variant: Variant, records: str = "records") -> Cells:
    return [
        ("method", variant.label),
        ("seeds", str(len(variant.points))),
        (records, span(variant.points["n_records"])),
    ]


def _outcomes(part: EditPart, variant: Variant, first: int | None = None) -> Cells:
    return [
        (head, mean_of(part.means(variant, name, first)))
        for outcome in OUTCOMES
        for head, name in ((outcome, outcome), ("exact", f"{outcome}_exact"))
    ]


def old_table(part: EditPart) -> Table:
    """How much of the old knowledge is left: figures 6 and 7 in numbers, and after learning."""
    rows = []
    for variant in part.variants():
        row = _head(variant)
        for outcome in OUTCOMES[:2]:
            row.append((outcome, mean_of(part.means(variant, f"{outcome}_old"))))
            row.append(("exact", mean_of(part.means(variant, f"{outcome}_old_exact"))))
        rows.append([*row, (PAPER, _published_old(variant))])
    return Table.of(
        "old_answers",
        "Old answers that are still given (percent)",
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
        return NONE
    at = published.FORGETTING_LAMBDA.index(lambda_)
    rows = published.FORGETTING[FORGETS.get(variant.method, "full")]
    return numbers([100 * rows[f"{name}_old"][at] for name in OUTCOMES[:2]])


# --- The paper's orderings ---------------------------------------------------------------------


def verdict_table(part: EditPart) -> Table:
    """The verdict on each claim, and at which settings."""
    claims = summaries(tests(part))
    shown = [v for v in VERDICTS if v != TOO_FEW or any(v in claim.settings for claim in claims)]
    rows = []
    for claim in claims:
        above = sum(difference > 0 for difference in claim.published)
        rows.append(
            [
                ("claim", claim.claim),
                ("outcome", claim.outcome),
                *((name, "; ".join(claim.settings.get(name, [])) or NONE) for name in shown),
                (f"{PAPER}: holds in", f"{above} of {len(claim.published)}"),
            ]
        )
    return Table.of(
        "verdicts",
        f"Do the paper's orderings hold on {part.data_set}?",
        rows,
        [
            f"Settings of the better method; no verdict from fewer than {FEWEST} records. Limits "
            "are in the next table. paper: pairs of model and data set in tables 1 and 2."
        ],
    )


def ordering_table(part: EditPart) -> Table:
    """Every ordering at every setting, with its limits."""
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
    rows = [_ordering(part, found) for found in tests(part)]
    return Table.of("orderings", f"The paper's orderings on {part.data_set}", rows, notes)


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
            (f"{PAPER} {model}", signed(published_difference(part, found, model)))
            for model in _models(part)
        ),
    ]


# --- Table 3 -----------------------------------------------------------------------------------


def time_table(part: EditPart) -> Table:
    """Table 3: wall time of the edits, and its ratio to full fine-tuning."""
    counts = sorted(part.points["records"].unique())
    paper = published.SECONDS.get(part.paper or "", {})
    rows = []
    for alike in across_counts(part):
        last = alike[max(alike)]
        if last.method == "original":
            continue
        row = [("method", last.label)]
        for count in counts:
            row += _times(part, alike.get(count), count)
            if paper:
                at = count if count in (1, 10, 100) else 100
                row.append((f"{PAPER} {at}", _published_time(paper, last.method, at)))
        rows.append(row)
    if not rows:
        raise Missing("table 3 needs a finished method that edits")
    notes = [
        "Seconds of the trainings and of the editing itself, neither the original model's training "
        "nor evaluation; F-Learning's hold delta_old's training, though many points share it. "
        "Mean over seeds. Ratio: seconds per edit to those of Full-FT."
    ]
    if paper:
        notes.append(
            "paper: LLaMA2-7B on A100s, seconds (ratio to its Full-FT); at 100 edits where it has "
            "no such number of edits."
        )
    return Table.of("table3_seconds", "Table 3: seconds of the edits", rows, notes)


def _times(part: EditPart, variant: Variant | None, count: int) -> Cells:
    heads = (f"{count} edits: s", "s per edit", "x Full-FT")
    if variant is None:
        return [(head, NONE) for head in heads]
    whole = part.variants("ft", records=count)
    ratio = _per_edit(variant) / _per_edit(whole[0]) if whole else math.nan
    edited = int(variant.points["n_records"].max())
    seconds = f"{variant.points['edit_seconds'].mean():.4g}"
    shown = seconds + (f" for {edited}" if edited != count else "")
    cells = (shown, f"{_per_edit(variant):.3g}", number(ratio, 2))
    return list(zip(heads, cells, strict=True))


def _per_edit(variant: Variant) -> float:
    return float((variant.points["edit_seconds"] / variant.points["n_records"]).mean())


def _published_time(paper: dict, method: str, at: int) -> str:
    if method not in paper:
        return NONE
    return f"{paper[method][at]:g} ({paper[method][at] / paper['ft'][at]:.2f})"


# --- Table 5 -----------------------------------------------------------------------------------


def ability_table(part: EditPart) -> Table:
    """Table 5: other abilities, where the file has columns ability_<task>."""
    tasks = [name for name in part.points if name.startswith("ability_")]
    if not tasks:
        raise Missing("table 5 needs columns ability_<task> in /points")
    chosen: list[tuple[Variant, int | None]] = []  # with the column of the paper's table
    for column, method in enumerate(("original", "forget_ft", "f_learning_ft")):
        if found := part.variants(method):
            chosen.append((nearest(found, CASE_STUDY_LAMBDA), column))
    for variant in part.variants():
        if variant.method not in [v.method for v, _ in chosen]:
            chosen.append((variant, None))
    rows = []
    for task in tasks:
        name = task.removeprefix("ability_")
        row = [("task", name)]
        for variant, column in chosen:
            row.append((variant.label, mean_of(part.means(variant, task))))
            if column is not None:
                row.append((PAPER, _published_ability(name, column)))
        rows.append(row)
    return Table.of(
        "table5_abilities",
        "Table 5: other abilities (percent)",
        rows,
        ["paper: LLaMA2-7B, \u03bb = 0.3; ours at the \u03bb nearest to it."],
    )


def _published_ability(task: str, column: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", task.lower())
    fitting = [known for known in published.ABILITIES if plain.endswith(known)]
    return number(published.ABILITIES[max(fitting, key=len)][column]) if fitting else NONE
