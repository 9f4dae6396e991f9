"""What the F-Learning figures and tables show, computed from a results file (docs/flearning.md).

A part of the sweep is one model and data set. Its points of equal method, lambda, layers, preset
and number of records differ in their seed alone and make a `Variant`, which tables show as one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import pandas as pd

from ..published import PaperTable, paper_table
from ..statistics import CrossedMean, crossed_mean, crossed_percent
from ..store import need
from ..sweep import Part, Sweep, split
from ..words import ToldTable
from .groups import Cases, Norms, Outcomes, Records

DATA_SETS = ("zsre", "counterfact")  # of the paper
LLAMA2 = "LLaMA2-7B"  # its model that has the most numbers
paper = partial(paper_table, "flearning")  # a table of it, by its name in published.csv
told = partial(ToldTable, "flearning")  # a table to be filled, by its name in words.md

OUTCOMES = ("reliability", "generality", "locality")  # the paper's
PORTABILITY = "portability"  # where records have such questions
METHODS = {  # in the order of the paper's table 1
    "original": "Original model",
    "lora": "LoRA",
    "f_learning_lora": "F-Learning_LoRA",
    "ft_c": "FT-c",
    "ft": "Full-FT",
    "rome": "ROME",
    "rome_reset": "ROME, reset",
    "memit": "MEMIT",
    "f_learning_lora_ft": "F-Learning_LoRA-FT",
    "f_learning_ft": "F-Learning_FT",
    "forget_lora": "Forgetting (LoRA)",
    "forget_ft": "Forgetting (FT)",
}
FORGETS = {  # how the old knowledge's parameters were found
    "forget_ft": "full",
    "f_learning_ft": "full",
    "forget_lora": "lora",
    "f_learning_lora": "lora",
    "f_learning_lora_ft": "lora",
}
LEARNS = {  # the same training on the new answers, without forgetting
    "f_learning_ft": "ft",
    "f_learning_lora_ft": "ft",
    "f_learning_lora": "lora",
}


@dataclass(frozen=True)
class Variant:
    method: str
    lambda_: float  # NaN: none, or searched
    layers: str
    preset: str
    records: int
    points: pd.DataFrame = field(repr=False)  # a row a seed

    @property
    def lambda_used(self) -> float:
        """Mean over seeds: the search may end elsewhere for each."""
        return float(self.points["lambda_used"].mean()) if self.method in FORGETS else math.nan

    @property
    def searched(self) -> bool:
        return self.method in FORGETS and math.isnan(self.lambda_)

    @property
    def choices(self) -> tuple[str, ...]:
        """What was chosen besides the number of records; NaN equals NaN here."""
        return self.method, str(self.lambda_), self.layers, self.preset

    @property
    def everywhere(self) -> bool:
        """Forgets in all layers."""
        return self.layers == "all"

    @property
    def setting(self) -> str:
        """lambda and what else was chosen, in words; empty for a method without choices."""
        parts = []
        if self.searched:
            parts.append(f"\u03bb searched: {self.lambda_used:.3g}")
        elif self.method in FORGETS:
            parts.append(f"\u03bb {self.lambda_:g}")
        if self.method in FORGETS and not self.everywhere:
            parts.append(f"layers {self.layers}")
        if self.preset and self.preset != "paper":
            parts.append(self.preset)
        return ", ".join(parts)

    @property
    def label(self) -> str:
        return ", ".join(filter(None, (METHODS[self.method], self.setting)))


@dataclass(frozen=True, eq=False)
class EditPart(Part):
    """Finished points of one model and data set."""

    outcomes: Outcomes
    norms: Norms
    cases: Cases
    edits: Records  # of the data set

    @property
    def model(self) -> str:
        return self.points["model"].iloc[0]

    @property
    def data_set(self) -> str:
        return self.points["data_set"].iloc[0]

    @property
    def paper(self) -> str | None:
        """The paper's data set of the same name."""
        return data_set_of(self.data_set)

    def published(self, name: str) -> PaperTable:
        """The paper's table for this data set; where it has another one, none unless asked for."""
        return paper(f"{name} {self.paper or (DATA_SETS[0] if self.sweep.published else '')}")

    def published_of_zsre(self, name: str) -> PaperTable:
        """A table that the paper has of ZsRE alone; none beside other data unless asked for."""
        return paper(name) if self.paper == "zsre" or self.sweep.published else {}

    @property
    def published_abilities(self) -> PaperTable:
        """By task, whatever data set of the paper was edited: it does not say after which."""
        return paper("abilities") if self.paper or self.sweep.published else {}

    @property
    def outcomes_asked(self) -> tuple[str, ...]:
        """The paper's, and portability where some record has a question of it."""
        asked = PORTABILITY in self.points and self.points[PORTABILITY].notna().any()
        return (*OUTCOMES, PORTABILITY) if asked else OUTCOMES

    @property
    def published_models(self) -> list[str]:
        """Those of the paper that have outcomes on this data set."""
        return list(self.published("outcomes").get("ft", {}))

    @property
    def records(self) -> int:
        """The largest number of records edited at once: what all but table 3 are about."""
        return int(self.points["records"].max())

    def variants(self, *methods: str, records: int | None = None) -> list[Variant]:
        """In the order of METHODS, then by layers, preset and lambda; methods: all where not given.

        `records`: edited at once, the largest number where not given.
        """
        wanted = records or self.records
        return [
            variant
            for variant in self._variants
            if variant.records == wanted and (not methods or variant.method in methods)
        ]

    @cached_property
    def _variants(self) -> list[Variant]:
        """All, in that order."""
        found = [
            Variant(*key, points=rows.sort_values("seed"))
            for key, rows in self.points.groupby(
                ["method", "lambda", "layers", "preset", "records"], dropna=False
            )
        ]
        order = list(METHODS)
        return sorted(
            found,
            key=lambda v: (
                (order.index(v.method), v.layers != "all", v.layers, v.preset, v.searched)
                + (0.0 if math.isnan(v.lambda_) else v.lambda_,)
            ),
        )

    def values(self, variant: Variant, outcome: str) -> np.ndarray:
        """[seed, record], NaN where a record was not asked. Missing without /outcomes."""
        values = self.outcomes.needed(outcome, "outcomes by record need")
        return values[variant.points.index.to_numpy()].astype(float)

    def mean(self, variant: Variant, outcome: str, first: int | None = None) -> CrossedMean:
        """Percent, over seeds and records; of the first records alone where told so.

        Over seeds alone where the file has an outcome by point only: abilities, and older files.
        """
        if getattr(self.outcomes, outcome, None) is None and first is None:
            return crossed_percent(100 * variant.points[outcome].to_numpy(dtype=float), asked=0)
        return crossed_mean(100 * self.values(variant, outcome)[:, :first])

    @property
    def edited(self) -> int:
        """The fewest records that a method edited: editors may be given fewer than a training."""
        largest = self.points[self.points["records"] == self.records]
        return int(largest["n_records"].min())


def parts(sweep: Sweep) -> list[EditPart]:
    """In the order of the file; none when nothing has finished."""
    groups = [sweep.group(kind) for kind in (Outcomes, Norms, Cases)]
    edits = sweep.groups(Records)
    return [
        EditPart(sweep, points, name, *groups, edits[points["data_set"].iloc[0]])
        for name, points in split(sweep, ("model", "data_set"), lambda _, value: str(value))
        if not points.empty
    ]


def data_set_of(name: str) -> str | None:
    """The paper's data set that a file of edits is named after; None: another one."""
    plain = name.lower().replace("-", "").replace("_", "")
    return next((known for known in DATA_SETS if known in plain), None)


def across_counts(part: EditPart) -> list[dict[int, Variant]]:
    """Variants that differ in the number of records alone, by that number; as METHODS."""
    found: dict[tuple[str, ...], dict[int, Variant]] = {}
    for count in sorted(part.points["records"].unique()):
        for variant in part.variants(records=count):
            found.setdefault(variant.choices, {})[int(count)] = variant
    order = list(METHODS)
    return [found[key] for key in sorted(found, key=lambda choices: order.index(choices[0]))]


def nearest(variants: list[Variant], lambda_: float) -> Variant:
    """The one that forgets everywhere at a lambda nearest to this one, not by a search."""
    chosen = [v for v in variants if v.everywhere and not v.searched] or variants
    return min(chosen, key=lambda v: abs(v.lambda_used - lambda_))


# --- By lambda ---------------------------------------------------------------------------------


def by_lambda(
    part: EditPart, variants: list[Variant], outcome: str, at_zero: str
) -> dict[float, CrossedMean]:
    """An outcome in percent by lambda, ascending.

    Searched lambdas are left out; lambda = 0 is the method `at_zero` where it was not swept.
    """
    swept = {v.lambda_: v for v in variants if not v.searched}
    if 0 not in swept:
        swept |= {0.0: v for v in part.variants(at_zero)}
    found = {lambda_: part.mean(swept[lambda_], outcome) for lambda_ in sorted(swept)}
    return {lambda_: mean for lambda_, mean in found.items() if math.isfinite(mean.value)}


# --- By layer ----------------------------------------------------------------------------------


def short_module(name: str) -> str:
    """self_attn.q_proj -> q."""
    return name.rpartition(".")[2].removesuffix("_proj")


def forget_norms(part: EditPart, how: str) -> dict[str, np.ndarray]:
    """Matrix -> [seed, layer] of ||theta' - theta|| / |lambda|, which every lambda has in common.

    Matrices that do not change are left out. Missing where nothing forgets so.
    """
    figure = "figure 4" if how == "full" else "figure 5"
    moved = part.norms.needed("forget", f"{figure} needs")
    methods = [method for method, by in FORGETS.items() if by == how]
    rows = [variant.points for variant in part.variants(*methods) if variant.everywhere]
    points = pd.concat(rows) if rows else part.points[:0]
    points = points[points["lambda_used"].abs() > 0].drop_duplicates("seed")
    need(not points.empty, f"{figure} needs a finished point of {' or '.join(methods)}")
    lambdas = points["lambda_used"].abs().to_numpy()
    return _by_module(part, moved[points.index.to_numpy()] / lambdas[:, None, None])


def cosines(part: EditPart, variant: Variant) -> dict[str, np.ndarray]:
    """Matrix -> [seed, layer] of the cosine between delta_old and the change by learning."""
    cosine = part.norms.needed("cosine", "the cosines need")
    return _by_module(part, cosine[variant.points.index.to_numpy()])


def _by_module(part: EditPart, values: np.ndarray) -> dict[str, np.ndarray]:
    """[seed, layer, module] by module; layers that no seed has are cut off."""
    layers = np.isfinite(values).any(axis=(0, 2))
    last = int(np.flatnonzero(layers)[-1]) + 1 if layers.any() else 0
    found = {}
    for k, name in enumerate(part.norms.module):
        column = values[:, :last, k]
        if np.nansum(np.abs(column)) > 0:
            found[short_module(str(name))] = column
    return found
