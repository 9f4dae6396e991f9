"""The groups of an F-Learning file besides points, curves and stages."""

from __future__ import annotations

from ..store import Data, Group


class Outcomes(Group, path="outcomes"):
    """Each float32 [point, record]: what the column of /points of that name is the mean of."""

    reliability: Data
    generality: Data
    locality: Data
    portability: Data  # absent where no record has such questions
    reliability_exact: Data
    generality_exact: Data
    locality_exact: Data
    portability_exact: Data
    reliability_old: Data
    generality_old: Data
    reliability_old_exact: Data
    generality_old_exact: Data


class Norms(Group, path="norms"):
    """[point, layer, module]: how far matrices moved, and in which direction."""

    forget: Data
    learn: Data
    cosine: Data
    module: Data  # names


class Search(Group, path="search"):
    """Below the key of a search stage."""

    lambda_: Data  # [one]: what was found
    tried_lambda: Data  # [evaluation], NaN where fewer were needed
    tried_locality: Data


class Tuning(Group, path="tuning"):
    """Below the key of a stage."""

    seconds: Data  # of a training


class Records(Group, path="records"):
    """Below the name of a data set."""

    prompt: Data
    target_old: Data
    target_new: Data
    left_out_reason: Data  # absent when no record was left out
    left_out: Data
    left_out_first: Data  # file and line of the first three; older files have none
    questions_left_out_reason: Data  # of records that stay; absent when none was
    questions_left_out: Data
    questions_left_out_first: Data
    repeated_reason: Data  # of used records with another one's prompt; absent without such
    repeated: Data
    repeated_first: Data
    not_measured_reason: Data  # of used records; absent when every question is asked of all
    not_measured: Data
    not_used_reason: Data  # absent when used records have nothing more
    not_used: Data


class Cases(Group, path="cases"):
    answer: Data  # [point, case]: to the question of the first records
