"""PDFs of figures, written by a second process while the next figures are drawn."""

from __future__ import annotations

import functools
import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fontTools import subset
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import style

# The package is found where this process found it, whatever folder lies first on the path there.
_PROGRAM = """
import importlib, sys
sys.path[:] = sys.argv[2:]
importlib.import_module(sys.argv[1]).serve()
"""


def begin(figure: Figure, path: Path) -> Future[None]:
    """The figure as it is now; what went wrong is raised by the result."""
    return _writer().submit(pickle.dumps(figure), path.absolute())


@functools.cache
def _writer() -> Writer:
    """One for all reports of this process, as it takes a second to start."""
    return Writer()


class Writer:
    """A process of its own, not one of `multiprocessing`: a script that calls a report needs no
    `if __name__ == "__main__"` then, as the second process does not run the script again.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-c", _PROGRAM, __name__, *map(os.path.abspath, sys.path)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        self._thread = ThreadPoolExecutor(1)  # waits for the process, which takes one at a time

    def submit(self, figure: bytes, path: Path) -> Future[None]:
        """`figure`: pickled."""
        return self._thread.submit(self._ask, figure, path)

    def _ask(self, figure: bytes, path: Path) -> None:
        try:
            pickle.dump((figure, path), self.process.stdin)
            self.process.stdin.flush()
            wrong = pickle.load(self.process.stdout)
        except (OSError, EOFError) as error:
            code = self.process.wait()
            _writer.cache_clear()  # the next report begins another one
            raise OSError(f"{path}: the process that writes PDFs ended ({code}).") from error
        if wrong is not None:
            raise wrong


# --- In the second process ---------------------------------------------------------------------


def serve() -> None:
    """Writes what standard input asks for until it ends, and answers with what went wrong."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed is no answer
    subset.Options = WithoutShaping  # which Matplotlib cuts fonts by
    while True:
        try:
            figure, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_wrong_with(figure, path), answers)
        answers.flush()


def _wrong_with(pickled: bytes, path: Path) -> Exception | None:
    """Writes a figure; what was raised."""
    try:
        figure = pickle.loads(pickled)
        style.save_pdf(figure, path)
        plt.close(figure)
    except Exception as error:  # whatever it is, the first process raises it
        return error
    return None


class WithoutShaping(subset.Options):
    """For the fonts of a PDF, whose letters have their places: the tables that tell places are of
    no use in it, and cutting them takes twice as long as all the rest of a font.
    """

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.drop_tables += ["GDEF", "GPOS", "GSUB", "kern"]
