"""What `pip install ./analysis` installs: the package factsweep, whole, and its command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_any_study import write_toy

SOURCE = Path(__file__).resolve().parents[2] / "analysis"


def copy_of_source(folder):
    """Builds leave files in the folder that they are run in."""
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    return shutil.copytree(SOURCE, folder / "source", ignore=ignored)


def run(*command, folder, installed):
    """A command's output; it finds what is installed in `installed`."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with what setuptools puts into a wheel.

    -I: isolated, as the source's html.py and statistics.py are no modules of Python's own.
    """
    pytest.importorskip("setuptools", reason="the package is not built")
    folder = tmp_path_factory.mktemp("built")
    build = "import setuptools; setuptools.setup()"
    command = (
        sys.executable,
        "-I",
        "-c",
        build,
        "--quiet",
        "build_py",
        "--build-lib",
        folder / "there",
    )
    run(*command, folder=copy_of_source(folder), installed="")
    return folder / "there"


def test_the_package_is_called_factsweep_and_is_whole(built):
    packages = {path.parent.relative_to(built) for path in built.rglob("__init__.py")}
    sources = {path.parent.relative_to(SOURCE) for path in SOURCE.glob("*/__init__.py")}
    assert packages == {Path("factsweep"), *(Path("factsweep") / name for name in sources)}
    data = ("published.csv", "words.md", "page.css", "page.js", "*.mplstyle")
    kept = {path.relative_to(SOURCE) for name in data for path in SOURCE.rglob(name)}
    assert kept and all((built / "factsweep" / path).is_file() for path in kept)


def test_it_reads_a_file_wherever_it_is(built, tmp_path):
    path = write_toy(tmp_path / "toy.h5")
    code = f"import factsweep; print(factsweep.open({str(path)!r}).points.height.values[0])"
    assert run(sys.executable, "-c", code, folder=tmp_path, installed=built) == "0.25\n"
    code = "from factsweep import published; print(published.paper_table('slick', 'ood'))"
    assert "largest_drop" in run(sys.executable, "-c", code, folder=tmp_path, installed=built)


def test_pip_installs_the_command(tmp_path):
    pytest.importorskip("setuptools", "70.1", reason="older setuptools builds no wheel by itself")
    there, path = tmp_path / "there", write_toy(tmp_path / "toy.h5")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    options = ("--no-build-isolation", "--target", there)  # no registry is asked
    run(*pip, *options, copy_of_source(tmp_path), folder=tmp_path, installed="")
    command = there / "bin" / "factsweep-report"
    table = run(command, "points", path, folder=tmp_path, installed=there)
    assert table.splitlines()[1].startswith('"depth-1-s1",1,1,"done",')
