"""PDFs of figures, written by a second process while the next figures are drawn."""

from __future__ import annotations

import functools
import multiprocessing
import pickle
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from fontTools import subset
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import style


def begin(figure: Figure, path: Path) -> Future[None]:
    """The figure as it is now; what went wrong is raised by the result."""
    return _second_process().submit(_write, pickle.dumps(figure), path)


@functools.cache
def _second_process() -> ProcessPoolExecutor:
    """One for all reports of this process, as it takes a second to start."""
    context = multiprocessing.get_context("spawn")  # this process may have threads
    return ProcessPoolExecutor(1, context, _start)


def _start() -> None:
    subset.Options = WithoutShaping  # which Matplotlib cuts fonts by


def _write(pickled: bytes, path: Path) -> None:
    figure = pickle.loads(pickled)
    style.save_pdf(figure, path)
    plt.close(figure)


class WithoutShaping(subset.Options):
    """For the fonts of a PDF, whose letters have their places: the tables that tell places are of
    no use in it, and cutting them takes twice as long as all the rest of a font.
    """

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.drop_tables += ["GDEF", "GPOS", "GSUB", "kern"]
