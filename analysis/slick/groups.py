"""The groups of a SliCK file besides points and curves: labels, and verdicts on test questions."""

from __future__ import annotations

import numpy as np

from ..store import UNSET, Data, Group

CATEGORIES = ("highly_known", "maybe_known", "weakly_known", "unknown")


KINDS = (  # of answers, as the file counts them
    "right",
    "I don't know",
    "empty",
    "same words",
    "longer",
    "shorter",
    "shown",
    "of relation",
    "similar",
    "other",
)


class Labels(Group, path="labels/base"):
    """One row a question."""

    question: Data
    relation: Data
    split: Data
    role: Data
    answer: Data
    aliases: Data  # a JSON list of other right answers, or empty; absent where no question has any
    category: Data  # uint8, the place in CATEGORIES; 255 where not labelled yet
    category_probability: Data  # [question, category]
    greedy: Data  # uint8 [question, set]
    drawn: Data  # int32 [question, set]
    p_true: Data
    exposures: Data
    greedy_answer: Data  # after exemplar set 0, with store.answers
    ambiguous: Data  # uint8, 1: other records give the question another answer; in newer files

    @property
    def labelled(self) -> np.ndarray:
        return self.category != UNSET

    def rows(self, split: str, role: str) -> np.ndarray:
        """Rows of one split and role, labelled or not, as a mask."""
        return (self.split == split) & (self.role == role)

    def counts(self, chosen: np.ndarray) -> np.ndarray:
        """Questions of each category among the chosen rows."""
        return np.bincount(self.category[chosen], minlength=len(CATEGORIES))


class DataRead(Group, path="labels"):
    """What the data are, and what of them was left out. Older files have none of it."""

    left_out_reason: Data  # [reason]; absent when no record was left out
    left_out: Data
    not_used_reason: Data  # [choice]; absent when the deck asks all that can be asked
    not_used: Data
    note: Data  # [note_index]: what a table of questions lacks, which answers cannot be given
    dev_questions: Data  # [one]: those that decide EARLY_STOP


class Predictions(Group, path="predictions"):
    """[point, question] of the test questions; kinds and F1 only with errors.fine_tuned. The
    answers themselves are in questions.py, as they are many.
    """

    row: Data  # [question]: row in /labels/base
    correct_early_stop: Data  # uint8: 0 wrong, 1 right, 2 answered "I don't know"
    correct_final: Data
    kind_early_stop: Data  # uint8, the place in KINDS
    kind_final: Data
    f1_early_stop: Data  # NaN: answered "I don't know"
    f1_final: Data


class Errors(Group, path="errors"):
    """[error]: wrong few-shot answers of the base model; -1 and 255 where fewer were found."""

    row: Data  # row in /labels/base
    sampled: Data  # 0: greedy
    answer: Data
    kind: Data
    f1: Data
