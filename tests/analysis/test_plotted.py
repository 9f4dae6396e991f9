"""Figures in the terms of Plotly: that each has what Matplotlib drew, where it drew it."""

import json
import math

import numpy as np
import pytest
from browser import in_browser
from matplotlib import pyplot as plt
from plotly.graph_objects import Figure

from analysis import html, style
from analysis.drawn import tell
from analysis.plotted import BEYOND, plotted
from analysis.statistics import Interval

FOUND = [Interval(10.0, 8.0, 13.0, 3, 50), Interval(20.0, math.nan, math.nan)]


def spec(figure, path):
    """As the page has it; Plotly knows all of its names and values."""
    style.save_png(figure, path / "figure.png")
    found = json.loads(json.dumps(plotted(figure), allow_nan=False))
    plt.close(figure)
    Figure(found)
    return found


def by_name(found, name):
    return [trace for trace in found["data"] if trace["name"] == name]


def test_bars_to_limits_and_what_the_pointer_tells(tmp_path):
    figure, axes = style.panels()
    rows = [[4, 7], [5]]
    style.interval_bars(axes, [1, 2], FOUND, rows, label="A & B", color=style.BLUE, marker="s")
    axes.set_xlabel("Share $\\lambda$")
    axes.set_ylabel("Accuracy (%)")
    style.legend_right(axes)
    (line,) = by_name(spec(figure, tmp_path), "A &amp; B")
    assert (line["x"], line["y"], line["mode"]) == ([1, 2], [10, 20], "lines+markers")
    assert line["error_y"]["array"] == [3, None] and line["error_y"]["arrayminus"] == [2, None]
    assert line["marker"]["symbol"] == "square" and line["showlegend"]
    assert line["line"]["color"] == "rgba(0,114,178,1)" and line["meta"] == rows
    assert line["customdata"] == [
        "A &amp; B<br>Share λ: 1<br>Accuracy (%): 10.0 [8.0, 13.0]<br>2 points: click",
        "A &amp; B<br>Share λ: 2<br>Accuracy (%): 20.0<br>1 points: click",
    ]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_curve_that_stands_aside_of_another_tells_its_own_place(tmp_path, scale):
    figure, axes = style.panels()
    for name in ("one", "other"):
        style.interval_bars(axes, [1, 2], [Interval(10, 8, 13), Interval(20, 19, 21)], label=name)
    axes.set_xscale(scale)
    found = spec(figure, tmp_path)
    (one,), (other,) = by_name(found, "one"), by_name(found, "other")
    assert one["x"] == [1, 2]
    assert 0.001 < other["x"][0] - 1 < 0.05 and 0.001 < other["x"][1] - 2 < 0.05
    assert other["y"] == pytest.approx(one["y"])
    assert other["error_y"]["array"] == one["error_y"]["array"]
    assert [told.replace("other", "one") for told in other["customdata"]] == one["customdata"]


def test_a_band_and_thin_lines_go_with_their_line(tmp_path):
    for seeds, areas, lines in ((3, 1, 1), (2, 0, 3), (1, 0, 1)):
        figure, axes = style.panels()
        values = np.array([[1.0, 2, 4], [2, 3, 5], [4, 4, 9]])[:seeds]
        style.mean_line(axes, np.arange(3), values, style.GREEN, label="norm", points=range(seeds))
        drawn = by_name(spec(figure, tmp_path), "norm")
        assert {trace["legendgroup"] for trace in drawn} == {"norm"}
        filled = [trace for trace in drawn if trace.get("fill") == "toself"]
        assert (len(filled), len(drawn) - len(filled)) == (areas, lines)
        assert drawn[-1]["y"] == pytest.approx(values.mean(axis=0), rel=1e-5)
        assert drawn[-1]["meta"] == [list(range(seeds))], "all are of the same points: told once"
        assert all("customdata" not in trace for trace in drawn[:-1])


def test_what_lies_across_a_panel_goes_beyond_it_and_tells_no_value(tmp_path):
    figure, axes = style.panels()
    axes.plot([0, 10], [0, 1], label="data")
    axes.axvline(4, linestyle=":", label="early stop")
    axes.axvspan(3, 5, color=style.GREY)
    axes.set_ylim(0, 1)
    style.legend_right(axes)
    found = spec(figure, tmp_path)
    (across,) = by_name(found, "early stop")
    assert across["x"] == [4, 4] and across["y"] == [-BEYOND, 1 + BEYOND]
    assert across["hoverinfo"] == "skip" and across["showlegend"]
    (area,) = [trace for trace in found["data"] if trace.get("fill")]
    assert (min(area["x"]), max(area["x"])) == (3, 5) and max(area["y"]) == 1 + BEYOND
    assert found["data"].index(area) == 0, "it lies behind the lines"


@pytest.mark.parametrize("across", [False, True])
def test_bars_have_their_place_length_and_name(tmp_path, across):
    figure, axes = style.panels()
    draw = axes.barh if across else axes.bar
    draw([0, 1], [30, 40], 0.5, color=style.BLUE, label="right")
    second = draw([0, 1], [70, 60], 0.5, [30, 40], color=style.SKY, label="wrong")
    tell(second, rows=[[1], [2]], names=["one", "two"])
    (axes.set_yticks if across else axes.set_xticks)([0, 1], ["one", "two"])
    found = spec(figure, tmp_path)
    (bars,) = by_name(found, "wrong")
    at, length = ("y", "x") if across else ("x", "y")
    assert (bars[at], bars[length], bars["base"]) == ([0, 1], [70, 60], [30, 40])
    assert bars["width"] == [0.5, 0.5] and bars["orientation"] == ("h" if across else "v")
    axis = found["layout"]["yaxis" if across else "xaxis"]
    assert (axis["tickvals"], axis["ticktext"]) == ([0, 1], ["one", "two"])
    assert "one" in bars["customdata"][0] and "70.0" in bars["customdata"][0]


def test_an_image_is_the_way_up_that_it_was_and_what_is_not_known_is_blank(tmp_path):
    figure, axes = style.panels()
    image = axes.imshow([[0.0, 1.0], [np.nan, 0.5]], aspect="auto", vmin=0, vmax=1)
    axes.set_xticks([0, 1], ["one", "other"])
    axes.set_ylabel("Layer")
    figure.colorbar(image, ax=axes, label="Share")
    found = spec(figure, tmp_path)
    (heat,) = found["data"]
    assert heat["z"] == [[0, 1], [None, 0.5]] and heat["colorbar"]["title"]["text"] == "Share"
    low, high = found["layout"]["yaxis"]["range"]
    assert low > high, "row 0 is above"
    assert "Layer 1, other" in heat["customdata"][1][1] and "0.50" in heat["customdata"][1][1]


def test_axes_have_their_limits_places_and_scales(tmp_path):
    figure, (left, right) = style.panels(2, width=5, sharey=True)
    left.plot([1, 1000], [0, 5])
    left.set_xscale("log")
    left.set_xlim(1, 1000)
    left.set_ylim(5, 0)
    style.panel_title(right, "b", "$D_\\mathrm{IDK}$ at $10^4$ <1")
    layout = spec(figure, tmp_path)["layout"]
    assert layout["xaxis"]["type"] == "log" and layout["xaxis"]["range"] == [0, 3]
    assert layout["yaxis"]["range"] == [5, 0] and layout["yaxis2"]["matches"] == "y"
    assert layout["yaxis"]["showticklabels"] and not layout["yaxis2"]["showticklabels"]
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]
    (title,) = layout["annotations"]
    assert title["text"] == "<b>b</b> D<sub>IDK</sub> at 10<sup>4</sup> &lt;1"
    assert title["x"] == layout["xaxis2"]["domain"][0]


TICKS = """
const texts = (plot) => ["x", "y"].map((axis) =>
  [...plot.querySelectorAll(`.${axis}tick text`)].map((text) => text.textContent));
const [plot] = plots, found = [];
await drawing(plot);
found.push(texts(plot));
await Plotly.relayout(plot, { "xaxis.range": [0.31, 0.6], "yaxis.range": [0.51, 0.58] });
return [...found, texts(plot)];
"""


def test_labels_of_ticks_have_equal_places_and_a_zoomed_axis_has_some(tmp_path):
    figure, axes = style.panels()
    axes.plot([1, 1000], [0, 2.0])
    axes.set_xscale("log")
    axes.set_xlim(0.9, 1100)
    section = html.Section("Ticks")
    style.save_png(figure, tmp_path / "figure.png")
    section.figure("figure", "Ticks.", plotted(figure))
    plt.close(figure)
    html.write_page(tmp_path / "index.html", "Ticks", [section], [])
    whole, zoomed = in_browser(tmp_path / "index.html", TICKS)
    assert whole[0] == ["1", "10", "100", "1000"]
    places = {len(label.partition(".")[2]) for label in whole[1]}
    assert len(whole[1]) > 3 and len(places) == 1, whole
    assert len(zoomed[0]) > 1 and [label for label in zoomed[1] if label == "0.54"], zoomed


def test_words_beside_a_place_and_arrows_go_with_it(tmp_path):
    figure, axes = style.panels()
    axes.plot([0, 1], [0, 1])
    style.note(axes, "1 set", (0.5, 0.25), (6, 0), va="center")
    axes.annotate("", (1, 1), (1, 0), arrowprops={"arrowstyle": "->", "color": style.GREEN})
    axes.text(0.5, 1.02, "767", ha="center", va="bottom")
    axes.set_ylim(0, 1)
    note, arrow, above = spec(figure, tmp_path)["layout"]["annotations"]
    assert (note["x"], note["y"], note["xref"], note["yanchor"]) == (0.5, 0.25, "x", "middle")
    assert note["xshift"] > 0 and not note["showarrow"]
    assert arrow["showarrow"] and [arrow[n] for n in ("ax", "ay", "x", "y")] == [1, 0, 1, 1]
    assert above["y"] == 1 and above["yref"] == "y domain"


def test_words_and_arrows_find_their_place_on_a_logarithmic_axis(tmp_path):
    figure, axes = style.panels()
    axes.plot([1, 1000], [0, 1])
    axes.set_xscale("log")
    style.note(axes, "10.0", (100, 0.5), (6, 0))
    axes.annotate("", (10, 1), (100, 0), arrowprops={"arrowstyle": "->"})
    note, arrow = spec(figure, tmp_path)["layout"]["annotations"]
    assert (note["x"], arrow["x"], arrow["ax"]) == (2, 1, 2)


def test_columns_of_a_legend_have_places_of_their_own_and_names_without_a_curve_an_entry(tmp_path):
    figure, axes = style.panels(width=6)
    lines = [axes.plot([0, 1], [k, k], label=f"line {k}")[0] for k in range(4)]
    extra = plt.matplotlib.patches.Patch(facecolor=style.GREY, alpha=0.5, label="thin: published")
    style.legend_below(figure, [*lines, extra], columns=2)
    found = spec(figure, tmp_path)
    shown = {trace["name"]: trace for trace in found["data"] if trace["showlegend"]}
    assert [trace["legend"] for trace in shown.values()] == ["legend"] * 3 + ["legend2"] * 2
    assert found["layout"]["legend"]["x"] < found["layout"]["legend2"]["x"]
    assert shown["thin: published"]["marker"]["color"] == "rgba(138,138,138,0.5)"
    assert shown["thin: published"]["x"] == [None]
