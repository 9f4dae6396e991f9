"""PDFs that a second process writes while figures are drawn."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import synthetic_slick
from matplotlib import pyplot as plt
from synthetic_slick import World

from analysis import pdf, style

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def figure():
    figure, axes = style.panels()
    axes.plot([0, 1], [1, 0], label="Accuracy, fitted")
    style.panel_title(axes, "A", "two words")
    yield figure
    plt.close(figure)


def test_equal_figures_give_equal_files_with_fonts_cut_short(figure, tmp_path):
    style.save(figure, tmp_path / "here.png")
    for name in ("one", "other"):
        pdf.begin(figure, tmp_path / f"{name}.pdf").result()
    here, one, other = ((tmp_path / f"{n}.pdf").read_bytes() for n in ("here", "one", "other"))
    assert one == other and one.count(b"/FontFile2") == here.count(b"/FontFile2") == 2
    assert one.startswith(b"%PDF") and 2000 < len(one) < len(here)


def test_the_figure_is_written_as_it_was_when_the_writing_began(figure, tmp_path):
    style.save_png(figure, tmp_path / "figure.png")
    pdf.begin(figure, tmp_path / "before.pdf").result()
    written = pdf.begin(figure, tmp_path / "begun.pdf")
    figure.axes[0].plot([0, 1], [0, 1])
    written.result()
    pdf.begin(figure, tmp_path / "after.pdf").result()
    names = ("before", "begun", "after")
    before, begun, after = ((tmp_path / f"{name}.pdf").read_bytes() for name in names)
    assert before == begun != after


def test_what_goes_wrong_in_the_second_process_is_raised_and_the_next_is_written(figure, tmp_path):
    with pytest.raises(FileNotFoundError):
        pdf.begin(figure, tmp_path / "no folder/figure.pdf").result()
    pdf.begin(figure, tmp_path / "figure.pdf").result()
    assert (tmp_path / "figure.pdf").is_file()


def test_a_process_that_was_killed_is_told_of_and_the_next_report_has_another(figure, tmp_path):
    pdf.begin(figure, tmp_path / "before.pdf").result()
    process = pdf._writer().process
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(OSError, match=r"the process that writes PDFs ended \(-9\)"):
        pdf.begin(figure, tmp_path / "lost.pdf").result()
    pdf.begin(figure, tmp_path / "after.pdf").result()
    assert (tmp_path / "after.pdf").is_file() and pdf._writer().process.pid != process.pid


def test_a_script_that_calls_a_report_needs_no_guard_and_is_run_once(tmp_path):
    world = World(seeds=(1,), epochs=4, questions=12, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "sweep.h5", world)
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from analysis.__main__ import main\n"
        f"print('begun')\nmain(['report', {str(path)!r}])\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0 and run.stderr == "" and run.stdout.count("begun") == 1
    pdfs = [*(tmp_path / "sweep_report").glob("*.pdf")]
    assert pdfs and all(one.read_bytes().startswith(b"%PDF") for one in pdfs)
