"""The numbers that papers print: read from data files, which an installed package has, too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.published import paper_table
from analysis.report import STUDIES

TABLES = {"flearning": "abilities", "kshot": "method", "slick": "fit"}
SOURCE = Path(__file__).resolve().parents[2] / "analysis"


def test_every_study_has_numbers():
    assert set(TABLES) == set(STUDIES)
    for study, name in TABLES.items():
        assert paper_table(study, name)
        assert paper_table(study, "no such table") == {}


def test_cells_are_numbers_or_words():
    original = paper_table("flearning", "outcomes zsre")["original"]
    assert original["LLaMA2-7B"] == (43.70, 43.17, None)  # the original model has no locality
    assert "BLOOM-7B" not in paper_table("flearning", "outcomes zsre")["rome"]
    natural = paper_table("slick", "single_category", str)["natural"]
    assert natural["early_stop"] == ("43.5", "98.0*", "67.6**", "14.1", "1.8")


def test_every_line_says_where_its_numbers_are_from():
    for study in STUDIES:
        lines = (SOURCE / study / "published.csv").read_text(encoding="utf-8").splitlines()
        head, *rows = [line.split(",") for line in lines if not line.startswith("#")]
        assert [name.strip() for name in head[:4]] == ["arXiv", "place", "table", "row"]
        for row in rows:
            assert len(row) == len(head) and all(cell.strip() for cell in row[:4])


def run(code, *arguments, folder):
    """Python's output; isolated, so that it finds no module in the folder that it runs in."""
    command = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_an_installed_package_has_them(tmp_path):
    """What setuptools puts into a wheel, without pip, which would download its build backend."""
    pytest.importorskip("setuptools", reason="the package is not built")
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    source = shutil.copytree(SOURCE, tmp_path / "source" / "analysis", ignore=ignored)
    there = tmp_path / "installed"
    build = "import setuptools; setuptools.setup()"
    run(build, "--quiet", "build_py", "--build-lib", there, folder=source)
    code = "import sys; sys.path.insert(0, sys.argv[1]); from analysis import published as p; "
    code += "print(p.__file__, p.paper_table('slick', 'ood'), sep='\\n')"
    file, table = run(code, there, folder=tmp_path).splitlines()
    assert Path(file).is_relative_to(there) and "largest_drop" in table
