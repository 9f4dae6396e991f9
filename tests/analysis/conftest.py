"""What the tests share. Puts the repository root on the path, so that `analysis` is found however
pytest is started.
"""

import contextlib
import io
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


class Whole(NamedTuple):
    """A file that has all that a study can have, and its report. To be read alone."""

    path: Path
    folder: Path
    printed: str


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """`Whole` of a study, made when it is first asked for."""
    import synthetic_flearning
    import synthetic_kshot
    import synthetic_slick
    from reports import report

    worlds = {
        "slick": (synthetic_slick, synthetic_slick.World(epochs=6, questions=30)),
        "flearning": (synthetic_flearning, synthetic_flearning.World(abilities=True)),
        "kshot": (synthetic_kshot, synthetic_kshot.World()),
    }
    parent = tmp_path_factory.mktemp("whole")

    @cache
    def of(study):
        made_up, world = worlds[study]
        path = made_up.write(parent / f"{study}.h5", world)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            folder = report(path)
        return Whole(path, folder, printed.getvalue())

    return of


@pytest.fixture
def without_pdfs(monkeypatch):
    """PDFs are empty: for words and numbers of reports whose figures have all that a PDF can have
    in other reports.
    """
    from analysis import style

    monkeypatch.setattr(style, "save_pdf", lambda figure, path: path.touch())


@pytest.fixture
def without_files(monkeypatch, without_pdfs):
    """PNGs are empty, too, and figures, which are drawn, are not laid out."""
    from analysis import style

    def draw(figure, path):
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
        path.touch()

    monkeypatch.setattr(style, "save_png", draw)


@pytest.fixture(autouse=True)
def closed_figures():
    """What a test leaves open is closed."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
