"""PDFs that a second process writes while figures are drawn."""

import pytest
from matplotlib import pyplot as plt

from analysis import pdf, style


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
