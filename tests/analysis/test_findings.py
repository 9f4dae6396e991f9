"""What captions state: a result only where the data bear it out, and in the direction they do."""

import re

import h5py
import numpy as np
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
from matplotlib import pyplot as plt
from reports import csv_rows, report

import analysis.flearning.report
import analysis.kshot.report
import analysis.slick.report
from analysis import drawn, flearning, kshot, slick, style, words
from analysis.html import Section
from analysis.report import STUDIES
from analysis.statistics import Interval, crossed_mean
from analysis.store import Missing
from analysis.sweep import read
from analysis.writer import Writer

DIRECTIONS = ("up", "down", "undecided")
SIGNS = {"up": 1, "down": -1, "undecided": 0}


@pytest.mark.parametrize("study", STUDIES)
def test_only_sections_with_three_sentences_state_a_result(study):
    change = r"\b(falls|rises|drops|grows|improves|worsens|hurts|helps)\b"
    for name, found in words._sections(study).items():
        begins = [p.partition(":")[0] for p in found]
        if "up" in begins:
            assert begins == [*DIRECTIONS] and all("{found}" in p for p in found), name
        else:
            assert not re.search(change, " ".join(found)), name


def test_limits_decide_what_is_stated():
    limits = {"up": (1, 3), "down": (-3, -1), "undecided": (-1, 3)}
    for direction, (low, high) in limits.items():
        result = words.Finding("of_idk", Interval((low + high) / 2, low, high))
        sentence = words.stated("slick", result)
        assert ("more of all" in sentence) == (direction == "up")
        assert ("is undecided" in sentence) == (direction == "undecided")
        assert f"[{low:+.1f}, {high:+.1f}]" in sentence
    alone = words.stated("slick", words.Finding("of_idk", Interval(5, np.nan, np.nan)))
    assert "undecided" in alone and "+5.0 points" in alone
    assert alone.endswith("A single value has no limits.")
    alike = words.stated("slick", words.Finding("of_idk", Interval(5, np.nan, np.nan, runs=3)))
    assert alike.endswith("+5.0 points. All 3 values are alike, which tells of no limits.")


@pytest.mark.parametrize(
    "seeds, of_curves", [((1,), set()), ((1, 2), {"Thin lines"}), ((1, 2, 3), {"Bands"})]
)
@pytest.mark.usefixtures("without_files")
def test_captions_speak_of_the_limits_that_are_drawn(tmp_path, seeds, of_curves):
    world = synthetic_slick.World(seeds=seeds, epochs=4, questions=20)
    page = (report(synthetic_slick.write(tmp_path / "s.h5", world)) / "index.html").read_text()
    captions = dict(re.findall(r'<figure id="(\w+)">.*?<figcaption>(.*?)<', page, re.DOTALL))
    of_lines = ("figure1_fit", "figure7_fit_by_category", "table3_idk_curves")
    of_bars = ("figure3a_unknown_ratio", "figure3b_known_only", "figure5_unknown_classifiers")
    for names, drawn_so in ((of_lines, of_curves), (of_bars, {"Bars"})):
        for name in names:
            told = {kind for kind in ("Bands", "Thin lines", "Bars") if f"{kind}:" in captions[name]}
            assert told == drawn_so, captions[name]
    assert "Bands" not in captions["figure4_fitted_share"]


def flip(right, sign):
    """[run, example] of a model, and of one that has a quarter more right, fewer, or as many."""
    base, other = np.zeros_like(right), np.zeros_like(right)
    base[:, 1::2] = 1
    other[:, 1::2] = 1
    other[:, ::4] = 1 if sign > 0 else other[:, ::4]
    other[:, 1::4] = 0 if sign < 0 else other[:, 1::4]
    if sign == 0:
        other[:, [0, 1]] = other[:, [1, 0]]
    return base, other


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_slick(tmp_path, direction):
    world = synthetic_slick.World(epochs=4, questions=20, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "s.h5", world)
    with h5py.File(path, "r+") as file:
        shape = file["predictions/correct_final"].shape
        stop, last = flip(np.zeros(shape, np.uint8), SIGNS[direction])
        file["predictions/correct_early_stop"][...] = stop
        file["predictions/correct_final"][...] = last
        if direction == "down":  # Unknown examples are fitted first
            known, unknown = (file[f"curves/fitted_{name}"] for name in ("known", "unknown"))
            known[...], unknown[...] = unknown[...], known[...]
    part = slick_part(path)
    first, after = (words.stated("slick", find(part)) for find in slick.findings.FINDINGS["figure1_fit"])
    words_of = {"up": "accuracy rises", "down": "accuracy falls", "undecided": "is undecided"}
    assert words_of[direction] in after
    which = "Unknown examples are fitted before Known" if direction == "down" else "Known examples"
    assert first.startswith(f"With 50 % Unknown, {which}")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_flearning(tmp_path, direction):
    world = synthetic_flearning.World(methods=("original", "forget_ft"), search=False)
    path = synthetic_flearning.write(tmp_path / "f.h5", world)
    with h5py.File(path, "r+") as file:
        method = file["points/method"].asstr()[()]
        old = file["outcomes/reliability_old"][()]
        base, other = flip(np.zeros_like(old[method == "original"]), SIGNS[direction])
        old[method == "original"] = base
        old[method == "forget_ft"] = np.tile(other, (2, 1))
        file["outcomes/reliability_old"][...] = old
    words_of = {"up": "more of the tokens", "down": "fewer of the tokens", "undecided": "whether"}
    (part,) = flearning.quantities.parts(read(path))
    (find,) = flearning.findings.FINDINGS["figure6_forgetting_full"]
    sentence = words.stated("flearning", find(part))
    assert f"against the original model: {words_of[direction]}" in sentence


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kshot(tmp_path, direction):
    world = synthetic_kshot.World(methods=("source_best", "source_best_sft"), axes=())
    path = synthetic_kshot.write(tmp_path / "k.h5", world)
    with h5py.File(path, "r+") as file:
        method = file["points/method"].asstr()[()]
        right = file["outcomes/right"][()]
        base, other = flip(right[method == "source_best_sft"], SIGNS[direction])
        right[method == "source_best_sft"] = other
        right[method == "source_best"] = base[: (method == "source_best").sum()]
        file["outcomes/right"][...] = right
    words_of = {"up": "adapter better:", "down": "adapter worse:", "undecided": "is undecided:"}
    (find,) = kshot.findings.FINDINGS["figure2_tuning"]
    part = kshot.quantities.part_of(read(path))
    assert words_of[direction] in words.stated("kshot", find(part))


def test_a_task_without_mixed_cases_is_in_no_mean_of_them(tmp_path):
    path = synthetic_kshot.write(tmp_path / "k.h5", synthetic_kshot.World(axes=()))
    (find,) = kshot.findings.FINDINGS["figure11_cases"]
    with h5py.File(path, "r+") as file:
        file["tests/right"][0] = 1  # every adapter has all of the first task right
    found = find(kshot.quantities.part_of(read(path))).found
    assert np.isfinite([found.value, found.low, found.high]).all()
    with h5py.File(path, "r+") as file:
        file["tests/right"][...] = 1
    with pytest.raises(Missing, match="a task with mixed cases"):
        find(kshot.quantities.part_of(read(path)))


def test_limits_of_a_difference_are_possible():
    found = crossed_mean(np.array([[100.0, 100, 0, 100], [-100, 0, -100, -100]])).interval
    assert (found.low, found.high) == (-100, 100) and found.runs == 2 and found.examples == 4


@pytest.mark.usefixtures("without_pdfs")
def test_published_numbers_stand_beside_the_papers_data_alone(tmp_path):
    few = {"epochs": 4, "questions": 12, "variants": ("unknown_ratio",)}
    world = synthetic_slick.World(seeds=(1,), facts="data/mine.csv", **few)
    path = synthetic_slick.write(tmp_path / "mine.h5", world)
    for options, shown in (((), False), (("--published",), True)):
        folder = report(path, *options)
        page = (folder / "index.html").read_text(encoding="utf-8")
        assert ('class="paper"' in page) == ("Gekhman" in page) == ("paper:" in page) == shown
        series = {row[1] for row in csv_rows(folder, "figure3a_unknown_ratio")}
        assert any("published" in name for name in series) == shown
        assert "Figure 3a. Test accuracy" in page and "With 100 % Unknown accuracy at" in page


def test_a_figure_without_a_known_value_is_left_out_and_said_so(tmp_path):
    writer, section = Writer(tmp_path, "slick", 1), Section("Results")

    def draw(known):
        figure, panels = style.panels(2)
        for axes, title in zip(panels, ("first", "second"), strict=True):
            axes.plot([1, 2], [np.nan, np.nan], label="ours")
            axes.plot([1, 2], [3, 4], label="ours, published")
            axes.set_title(title, loc="left")
        panels[0].lines[0].set_ydata([known, known])
        return figure

    writer.figures(section, {"exposures": lambda: draw(np.nan), "figure8_ood": lambda: draw(1)})
    assert writer.left_out == ["exposures: none of its values is known"]
    assert {file.stem for file in tmp_path.iterdir()} == {"figure8_ood"}
    assert "Panel second: none of its values is known." in section.parts[0]


@pytest.mark.usefixtures("without_pdfs")
def test_a_figure_says_which_curve_it_lacks(tmp_path, capsys):
    world = synthetic_slick.World(epochs=4, questions=12, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "empty.h5", world)
    with h5py.File(path, "r+") as file:
        file["curves/accuracy_dev"][...] = np.nan
    folder = report(path)
    assert "figure 1 needs dev accuracies (/curves/accuracy_dev)" in capsys.readouterr().out
    assert not (folder / "figure1_fit.png").exists()


@pytest.mark.usefixtures("without_pdfs")
def test_table_1_needs_no_out_of_distribution_questions(tmp_path, capsys):
    world = synthetic_slick.World(epochs=4, questions=12, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "id.h5", world)
    with h5py.File(path, "r+") as file:
        del file["curves/accuracy_ood"]
    folder = report(path)
    rows = csv_rows(folder, "table1_linear_model")
    assert {row[0] for row in rows[1:]} == {"ID b0", "ID b_kn", "ID b_unk", "ID R2"}
    assert "Table 1 (ood) needs /curves/accuracy_ood." in capsys.readouterr().out


def slick_part(path):
    sweep = read(path)
    return slick.quantities.parts(sweep, slick.quantities.models_of(sweep))[0]


WHOLE = {
    "slick": (synthetic_slick, slick_part, slick.report.FIGURES),
    "flearning": (
        synthetic_flearning,
        lambda path: flearning.quantities.parts(read(path))[0],
        flearning.report.FIGURES,
    ),
    "kshot": (
        synthetic_kshot,
        lambda path: kshot.quantities.part_of(read(path)),
        kshot.report.FIGURES,
    ),
}


@pytest.mark.parametrize("study", STUDIES)
def test_legends_lie_beside_the_data_and_name_what_is_drawn(tmp_path, study):
    made_up, part_of, figures = WHOLE[study]
    part = part_of(made_up.write(tmp_path / "f.h5"))
    for name, draw in figures.items():
        figure = draw(part)
        figure.draw_without_rendering()
        legends = [axes.get_legend() for axes in figure.axes] + figure.legends
        boxes = [legend.get_window_extent() for legend in legends if legend is not None]
        for axes in drawn.panels(figure):
            assert not any(box.overlaps(axes.bbox) for box in boxes), (name, axes.get_title("left"))
        if name in ("figure2_tuning", "figure8_perplexity"):
            (legend,) = figure.legends
            named = {text.get_text() for text in legend.get_texts()}
            assert named == set(synthetic_kshot.BANK) - {"broken"}
        plt.close(figure)


def test_a_legend_of_many_names_stays_within_the_figure():
    figure, axes = style.panels(2)
    for number in range(16):
        axes[0].plot([0, 1], [0, number], label=f"a long name of an adapter, {number}")
    style.legend_below(figure, style.in_order(axes[0]))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert len(legend.get_texts()) == 16
    plt.close(figure)
