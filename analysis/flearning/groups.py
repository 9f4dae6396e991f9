"""The groups of an F-Learning file besides points, curves and stages."""

from __future__ import annotations

from dataclasses import dataclass

from ..store import Data, Group


@dataclass(frozen=True, eq=False)
class Outcomes(Group):
    """Each float32 [point, record]: what the column of /points of that name is the mean of."""

    PATH = "outcomes"

    reliability: Data
    generality: Data
    locality: Data
    reliability_exact: Data
    generality_exact: Data
    locality_exact: Data
    reliability_old: Data
    generality_old: Data
    reliability_old_exact: Data
    generality_old_exact: Data


@dataclass(frozen=True, eq=False)
class Norms(Group):
    """[point, layer, module]: how far matrices moved, and in which direction."""

    PATH = "norms"

    forget: Data
    learn: Data
    cosine: Data
    module: Data  # names


@dataclass(frozen=True, eq=False)
class Search(Group):
    """Below the key of a search stage."""

    PATH = "search"

    lambda_: Data  # [one]: what was found
    tried_lambda: Data  # [evaluation], NaN where fewer were needed
    tried_locality: Data


@dataclass(frozen=True, eq=False)
class Records(Group):
    """Below the name of a data set."""

    PATH = "records"

    prompt: Data
    left_out_reason: Data  # absent when no record was left out
    left_out: Data
