"""What was asked of each point, for the page: what was known before, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .html import packed

NAME = "questions"  # of the packed data
MOST_VALUES = 1_000_000  # of points, questions and columns that a page holds


class Questions:
    """`title`: of them all; `note`: what of them a reader may look for in vain."""

    def __init__(self, title: str, points: int, note: str = "") -> None:
        self._title, self._note = title, note
        self._tables: list[dict] = []
        self._of: list[int] = [0] * points
        self._points: list[list | None] = [None] * points
        self._words: dict[str, int] = {}  # each once

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
        """Adds questions with what is the same for several points, a row each; which it is."""
        self._tables.append({"columns": columns, "rows": rows})
        return len(self._tables) - 1

    def begin(self, point: int, table: int) -> None:
        """The point (a row of /points) was asked these questions."""
        self._of[point], self._points[point] = table, []

    def add(self, point: int, head: str, values: np.ndarray, shown: Callable = str) -> None:
        """A column of a point that has begun: a value a question, each of which `shown` tells."""
        known, places = np.unique(values, return_inverse=True)
        words = [self._words.setdefault(shown(v), len(self._words)) for v in known.tolist()]
        self._points[point].append([head, np.take(words, places).tolist()])

    def packed(self, otherwise: str) -> str:
        """`otherwise`: what the page tells of a point that has none."""
        return packed(
            NAME,
            {
                "title": self._title,
                "note": self._note,
                "tables": self._tables,
                "of": self._of,
                "points": self._points,
                "words": [*self._words],
                "otherwise": otherwise,
            },
        )


def as_many_as_fit(done: Sequence[int], values: int) -> tuple[Sequence[int], str]:
    """As many of the points as a page holds, each with so many values; and what it tells of others:
    a sentence that may go on with where they are.
    """
    most = max(1, MOST_VALUES // max(1, values))
    if len(done) <= most:
        return done, "This point has none: it is not done."
    return done[:most], f"This page has those of the first {most} finished points."
