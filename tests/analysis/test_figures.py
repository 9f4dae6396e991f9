"""No words of a figure overlap, or are cut off, in its files or on the page: from the boxes in
which they are rendered.
"""

from contextlib import nullcontext, suppress
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
from boxes import wrong_in, wrong_on_the_page
from fontTools import subset
from matplotlib import pyplot as plt

from analysis import delta_figures, flearning, kshot, slick, style
from analysis.flearning.report import FIGURES as OF_EDITS
from analysis.html import Section, write_page
from analysis.kshot.report import FIGURES as OF_EXPERTS
from analysis.plotted import plotted
from analysis.slick.report import FIGURES as OF_LABELS
from analysis.statistics import Interval
from analysis.store import Missing
from analysis.sweep import read

LONG = tuple(f"an-adapter-with-a-long-name-{k}-lora-r16" for k in range(14))
CLOSE = (0.0, 0.01, 0.02, 0.05, 0.5, 0.95, 1.0)  # unknown ratios


def slick_figures(path, **world):
    small = {"epochs": 8, "questions": 12, "variants": ("unknown_ratio", "known_only", "idk")}
    sweep = read(synthetic_slick.write(path, synthetic_slick.World(**small | world)))
    (part,) = slick.quantities.parts(sweep, slick.quantities.models_of(sweep))
    return [(name, draw, part) for name, draw in OF_LABELS.items()]


def flearning_figures(path, **world):
    sweep = read(synthetic_flearning.write(path, synthetic_flearning.World(**world)))
    (part,) = flearning.quantities.parts(sweep)
    search = ("lambda_search", flearning.figures.lambda_search, sweep)
    return [search, *((name, draw, part) for name, draw in OF_EDITS.items())]


def kshot_figures(path, **world):
    small = {"draws": (1,), "seeds": (1,), "examples": 40}
    part = kshot.quantities.part_of(
        read(synthetic_kshot.write(path, synthetic_kshot.World(**small | world)))
    )
    return [(name, draw, part) for name, draw in OF_EXPERTS.items()]


CASES = {
    "slick, one seed": (slick_figures, {"seeds": (1,)}),
    "slick, two seeds": (slick_figures, {"seeds": (1, 2)}),
    "slick, close ratios": (slick_figures, {"seeds": (1,)}),
    "edits, one seed": (flearning_figures, {"seeds": (0,), "layers": ("all", "0-1")}),
    "edits, two seeds": (flearning_figures, {"seeds": (0, 1), "models": ("a-model-of-100M",)}),
    "experts, one task": (kshot_figures, {"tasks": ("mine",), "kinds": ("text",)}),
    "experts, many": (
        kshot_figures,
        {
            "tasks": ("arc_c", "a_task_with_a_long_name", "gsm8k", "piqa"),
            "kinds": ("letter",) * 4,
            "methods": ("source_best", "source_best_sft", "ours"),
        },
    ),
}
PATCHED = {
    "slick, close ratios": mock.patch.object(synthetic_slick, "RATIOS", CLOSE),
    "experts, many": mock.patch.object(synthetic_kshot, "BANK", LONG),
}


@pytest.mark.parametrize("case", CASES)
def test_no_words_overlap_or_are_cut_off(tmp_path, case):
    figures, world = CASES[case]
    found = {}
    with PATCHED.get(case, nullcontext()):
        for name, draw, part in figures(tmp_path / "f.h5", **world):
            with suppress(Missing):
                found[name] = draw(part)
    assert len(found) >= 3
    check(found, tmp_path)


@pytest.mark.parametrize("seeds", [9, 15])  # 18 and 30 searches, which a legend names, or not
def test_no_words_of_many_searches_are_cut_off(tmp_path, seeds):
    world = {"seeds": tuple(range(seeds)), "methods": ("original", "forget_ft", "forget_lora")}
    (_, draw, sweep), *_ = flearning_figures(tmp_path / "f.h5", **world)
    drawn = draw(sweep)
    style.lay_out(drawn)
    assert wrong_in(drawn) == ([], [])
    assert bool(drawn.axes[0].get_legend()) == (seeds == 9)
    plt.close(drawn)


def check(figures, folder):
    section = Section("Figures")
    for name, figure in figures.items():
        style.lay_out(figure)
        assert wrong_in(figure) == ([], []), name  # which draws it
        section.figure(name, name, plotted(figure))
        plt.close(figure)
    write_page(folder / "page.html", "Figures", [section], [])
    assert wrong_on_the_page(folder / "page.html", 1400) == {}


def test_no_words_of_the_figure_of_deltas_overlap(tmp_path):
    names = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    names += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    rows = pd.DataFrame(
        [{"matrix": name, "layer": layer} for name in names for layer in range(32)]
    ).assign(tensors="full", when="final", norm=1e-4, effective_rank=900.0, cosine=0.1)
    check({"deltas": delta_figures.figure(rows)}, tmp_path)


def test_words_that_overlap_or_are_cut_off_are_found():
    figure, axes = style.panels()
    for place, words in ((0.5, "one"), (0.52, "other"), (1.2, "outside")):
        axes.text(place, 0.5, words, transform=axes.transAxes)
    for place, words in ((0.2, "turned words"), (0.3, "beside others")):
        axes.text(place, -0.6, words, transform=axes.transAxes, rotation=60)
    figure.set_layout_engine("none")
    overlapping, outside = wrong_in(figure)
    assert overlapping == [("one", "other")] and "outside" in outside
    plt.close(figure)


def test_two_seeds_are_drawn_and_three_have_a_band():
    for seeds in (1, 2, 3):
        figure, axes = style.panels()
        style.mean_line(axes, np.arange(4), np.eye(4)[:seeds], style.BLUE, label="mean")
        thin, band = (len(axes.collections[0].get_paths()) if axes.collections else 0, seeds == 3)
        assert thin == {1: 0, 2: 2, 3: 1}[seeds]
        assert any("Poly" in type(one).__name__ for one in axes.collections) == band
        low, high = axes.get_ylim()
        assert low <= 0 and high >= np.eye(4)[:seeds].max() / seeds
        plt.close(figure)


def test_bars_to_limits_at_one_place_stand_beside_each_other():
    figure, axes = style.panels()
    limits = [Interval(value, value - 1, value + 1) for value in (1.0, 2.0)]
    for _ in range(4):
        style.interval_bars(axes, [0, 1], limits)
    figure.canvas.draw()
    across = [
        line.get_transform().transform(line.get_xydata())[0, 0]
        for line in (bars.lines[0] for bars in axes.containers)
    ]
    assert across[0] == axes.transData.transform((0, 0))[0]
    assert np.diff(sorted(across)).min() > 2 * figure.dpi / 72  # points: half of a cap's width
    plt.close(figure)


def test_equal_figures_give_equal_pdfs_with_fonts_cut_short(tmp_path):
    figure, axes = style.panels()
    axes.plot([0, 1], [1, 0], label="Accuracy, fitted")
    style.panel_title(axes, "A", "two words")
    style.save(figure, tmp_path / "one.png")
    style.save_pdf(figure, tmp_path / "other.pdf")
    with mock.patch.object(subset, "Options", style.WithoutShaping.__base__):
        style.save_pdf(figure, tmp_path / "whole.pdf")
    one, other, whole = ((tmp_path / f"{n}.pdf").read_bytes() for n in ("one", "other", "whole"))
    assert one == other and one.count(b"/FontFile2") == whole.count(b"/FontFile2") == 2
    assert one.startswith(b"%PDF") and 2000 < len(one) < len(whole)
    plt.close(figure)
