"""A figure as the page draws it: what Matplotlib holds, in the terms of Plotly.

So each figure is written once. Panels, titles and legends stay where Matplotlib has laid them out.
On the page a figure can be zoomed, an entry of a legend hides what it names, and the pointer tells
values with their limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator

from .drawn import SIGNS, Series, is_of_data, is_word, label_of, of_panel, panels, plain
from .statistics import Interval
from .table import between

PIXELS = 115  # of the page to an inch of a figure
POINT = PIXELS / 72
EDGE = 8  # pixels around a figure
# Ticks have as many decimal places as their distance (1, 2 or 5 of the last one), which zooming
# changes: 0.5, 1.0, 1.5.
TICKS = [
    {"dtickrange": [float(f"0.9e-{places}"), float(f"6e-{places}")], "value": f".{places}f"}
    for places in range(1, 7)
]
BEYOND = 9  # how many times its length a line across a panel goes on, as the panel may be zoomed
SYMBOLS = {
    **{"o": "circle", ".": "circle", "s": "square", "D": "diamond", "*": "star"},
    **{"^": "triangle-up", "v": "triangle-down", "P": "cross", "X": "x", "x": "x-thin"},
}
DASHES = {"-": "solid", "--": "6px,4px", ":": "2px,3px"}
SIZES = {".": 0.5, "*": 0.75}  # of markers that are not as wide as Matplotlib's


def plotted(figure: Figure) -> dict:
    """Data and layout, of a figure as save_png has laid it out: a PDF has other letters."""
    width, height = figure.get_size_inches() * PIXELS
    layout = {
        "width": round(width) + 2 * EDGE,
        "height": round(height) + 2 * EDGE,
        "margin": dict.fromkeys("lrtb", EDGE) | {"autoexpand": False},
        "font": {"family": "Helvetica Neue, Arial, sans-serif", "color": "#222"},
        "barmode": "overlay",
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#222", "font": {"color": "white"}},
        "annotations": [],
    }
    traces: list[dict] = []
    shown = panels(figure)
    for k, axes in enumerate(shown):
        box, number = axes.get_position(), _number(k)
        for name, other, low, high in (("x", "y", box.x0, box.x1), ("y", "x", box.y0, box.y1)):
            axis = _axis(getattr(axes, f"{name}axis"))
            together = getattr(axes, f"get_shared_{name}_axes")()
            if like := [j for j in range(k) if together.joined(shown[j], axes)]:
                axis["matches"] = f"{name}{_number(like[0])}"
            layout[f"{name}axis{number}"] = axis | {"domain": [low, high], "anchor": other + number}
        place = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        traces += [trace | place for trace in _traces(axes)]
        layout["annotations"] += [*_title(axes), *_notes(axes, number)]
    _add_legends(figure, traces, layout)
    return {"data": traces, "layout": layout}


def _number(k: int) -> str:
    """What Plotly calls the first, second, ... of what there may be several of."""
    return str(k + 1) if k else ""


def _axis(axis: Axis) -> dict:
    limits, log = axis.get_view_interval(), axis.get_scale() == "log"
    found = {
        "range": _numbers(np.log10(limits) if log else limits),
        "type": "log" if log else "linear",
        "title": {"text": _html(axis.label), "standoff": 8, "font": _font(axis.label)},
        **{"showgrid": False, "zeroline": False, "linecolor": "#222"},
    }
    at, shown = axis.get_ticklocs(), axis.get_ticklabels()
    if not len(at):
        return found | {"showticklabels": False}
    labels = [tick.label1 for tick in axis.get_major_ticks()]  # shown or not
    found |= {"ticks": "outside", "ticklen": 4, "showticklabels": bool(shown)}
    found |= {"tickfont": _font(labels[0]), "tickangle": -labels[0].get_rotation()}
    words = [label.get_text() for label in labels]
    fixed = isinstance(axis.get_major_locator(), FixedLocator) or any(map(is_word, words, at))
    if log:
        decades, powers = np.ptp(found["range"]), not any(np.log10(at) % 1)
        found["nticks"] = math.ceil(decades if powers else 2 * decades)
        found["tickformat"] = "~g"
    elif fixed:
        found |= {"tickvals": _numbers(at), "ticktext": [*map(_html, labels)]}
    else:
        found["nticks"] = math.ceil(np.ptp(limits) / np.ptp(at[:2])) if len(at) > 1 else 1
        found["tickformatstops"] = TICKS
    if len(minor := axis.get_minorticklocs()):
        found["minor"] = {"tickvals": _numbers(minor), "ticks": "outside", "ticklen": 2}
    return found


# --- What is drawn -----------------------------------------------------------------------------


def _traces(axes: Axes) -> Iterator[dict]:
    """What lies behind comes first."""
    bars = {c.lines[0]: c for c in axes.containers if isinstance(c, ErrorbarContainer)}
    of_bars = [lines for c in bars.values() for lines in c.lines[2]]
    for one in axes.collections:
        if isinstance(one, PolyCollection):
            yield _area(one, one.get_paths()[0].vertices, one.get_facecolor()[0])
        elif isinstance(one, LineCollection) and one not in of_bars:
            yield from (_thin(one, path.vertices) for path in one.get_paths())
    in_bars = {p for c in axes.containers if isinstance(c, BarContainer) for p in c}
    for patch in axes.patches:
        if patch not in in_bars:
            outline = patch.get_patch_transform().transform(patch.get_path().vertices)
            yield _area(patch, _in_data(axes, patch, outline), patch.get_facecolor())
    told = {one.artist: one for one in of_panel(axes)}
    for artist, one in told.items():
        if isinstance(artist, BarContainer):
            yield _bars(artist) | _told(one)
        elif isinstance(artist, AxesImage):
            yield _image(artist) | _told(one, shape=artist.get_array().shape)
    for line in axes.lines:
        limits = {"error_y": _limits(line)} if line in bars and bars[line].has_yerr else {}
        yield _line(axes, line) | limits | (_told(told[line]) if line in told else UNTOLD)


UNTOLD = {"hoverinfo": "skip"}


def _scatter(artist: Artist, at: np.ndarray, mode: str) -> dict:
    return _named(artist) | {
        "type": "scatter",
        "x": _numbers(at[:, 0]),
        "y": _numbers(at[:, 1]),
        "mode": mode,
    }


def _named(artist: Artist) -> dict:
    """An entry of a legend hides what has its name in all panels."""
    label = label_of(artist)
    return {"name": label, "legendgroup": label, "showlegend": False}


def _area(artist: Artist, outline: np.ndarray, colour: Sequence[float]) -> dict:
    look = {"line": {"width": 0}, "fill": "toself", "fillcolor": _css(colour)}
    return _scatter(artist, outline, "lines") | look | UNTOLD


def _thin(lines: LineCollection, at: np.ndarray) -> dict:
    look = {"color": _css(lines.get_color()[0]), "width": lines.get_linewidth()[0] * POINT}
    return _scatter(lines, at, "lines") | {"line": look} | UNTOLD


def _line(axes: Axes, line: Line2D) -> dict:
    colour, alpha = line.get_color(), line.get_alpha()
    dash, symbol = DASHES.get(line.get_linestyle()), SYMBOLS.get(line.get_marker())
    mode = "+".join(["lines"] * bool(dash) + ["markers"] * bool(symbol)) or "none"
    at = np.column_stack([np.asarray(data, float) for data in line.get_data()])
    trace = _scatter(line, _in_data(axes, line, at), mode)
    if dash:
        width = line.get_linewidth() * POINT
        trace["line"] = {"color": _css(colour, alpha), "width": width, "dash": dash}
    if symbol:
        edge = {"color": _css(line.get_markeredgecolor(), alpha), "width": 1.2}
        size = line.get_markersize() * POINT * SIZES.get(line.get_marker(), 1)
        fill = _css(line.get_markerfacecolor(), alpha)
        trace["marker"] = {"symbol": symbol, "size": size, "color": fill, "line": edge}
    return trace


def _limits(line: Line2D) -> dict:
    found: Sequence[Interval] = line.told.found
    return {
        "symmetric": False,
        "array": _numbers([one.high - one.value for one in found]),
        "arrayminus": _numbers([one.value - one.low for one in found]),
        **{"color": _css(line.get_color()), "thickness": 1.2, "width": 3},
    }


def _bars(bars: BarContainer) -> dict:
    boxes = np.array([patch.get_bbox().bounds for patch in bars]).reshape(-1, 4)
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    across = int(bars.orientation == "horizontal")
    x, y = middle[:, across], boxes[:, 3 - across]  # where they are, and how long
    sides = {"width": boxes[:, 2 + across], "base": boxes[:, 1 - across]}
    sides |= {"x": y, "y": x} if across else {"x": x, "y": y}
    look = {"color": _css(bars[0].get_facecolor()), "line": {"width": 0}}
    found = {"type": "bar", "orientation": "h" if across else "v", "marker": look}
    return _named(bars) | found | {name: _numbers(values) for name, values in sides.items()}


def _image(image: AxesImage) -> dict:
    low, high = image.get_clim()
    shades = [_css(shade) for shade in image.get_cmap()(np.linspace(0, 1, 17))]
    found = {
        "type": "heatmap",
        "z": [_numbers(row) for row in np.ma.filled(image.get_array(), np.nan)],
        **{"zmin": low, "zmax": high, "name": "", "showlegend": False, "showscale": False},
        "colorscale": [[k / 16, shade] for k, shade in enumerate(shades)],
    }
    return found | (_colorbar(image.colorbar) if image.colorbar else {})


def _colorbar(bar: Colorbar) -> dict:
    box, label = bar.ax.get_position(), bar.ax.yaxis.label
    width = box.width * bar.ax.figure.get_size_inches()[0] * PIXELS
    place = {
        **{"x": box.x0, "xanchor": "left", "xpad": 0, "thickness": width},
        **{"y": box.y0, "yanchor": "bottom", "ypad": 0, "len": box.height},
        "title": {"text": _html(label), "side": "right", "font": _font(label)},
        "tickfont": _font(bar.ax.get_yticklabels()[0]),
    }
    return {"showscale": True, "colorbar": place | {"ticks": "outside", "outlinewidth": 0}}


def _in_data(axes: Axes, artist: Line2D | Patch, at: np.ndarray) -> np.ndarray:
    """Places in coordinates of the data; a line across a panel is at the same place of its axis
    whatever the limits of the other.
    """
    of_patch = isinstance(artist, Patch)
    transform = artist.get_data_transform() if of_patch else artist.get_transform()
    if transform == axes.transData:
        return at
    beyond = np.where(is_of_data(axes, artist, transform), at, (1 + 2 * BEYOND) * at - BEYOND)
    return axes.transData.inverted().transform(transform.transform(beyond))


def _told(one: Series, shape: tuple[int, ...] = (-1,)) -> dict:
    """What the pointer tells, and the points that a click leads to (page.js)."""
    x_label, y_label = one.axes[0] or "x", one.axes[1] or "value"
    names = one.names or [""] * len(one.found)
    rows = one.rows or [[]] * len(one.found)
    lines = []
    for name, x, found, points in zip(names, one.x, one.found, rows, strict=True):
        shown = [", ".join(filter(None, (one.panel, one.label, name)))]
        shown.append(f"{x_label}: {x if isinstance(x, str) else f'{x:.4g}'}")
        shown.append(f"{y_label}: {between(found, _digits(found.value))}")
        shown += [f"{len(points)} points: click"] if points else []
        lines.append("<br>".join(map(escape, filter(None, shown))))
    told = {"customdata": np.reshape(lines, shape).tolist()}
    if one.rows:  # those of the first are those of all where all are alike
        alike = all(rows == one.rows[0] for rows in one.rows)
        told["meta"] = one.rows[:1] if alike else one.rows
    return told | {"hovertemplate": "%{customdata}<extra></extra>"}


def _digits(value: float) -> int:
    """Decimal places that show about four digits."""
    size = 0 if value == 0 or not math.isfinite(value) else math.floor(math.log10(abs(value)))
    return min(max(2 - size, 1), 6)


# --- Words -------------------------------------------------------------------------------------


def _title(axes: Axes) -> Iterator[dict]:
    if words := axes.get_title("left"):
        box = axes.get_position()
        place = {"x": box.x0, "xref": "paper", "xanchor": "left"}
        place |= {"y": box.y1, "yref": "paper", "yanchor": "bottom", "yshift": 4}
        yield _words(axes.title) | {"text": _html(words), "align": "left"} | place


def _notes(axes: Axes, number: str) -> Iterator[dict]:
    """Words beside a place, which go with it when a panel is zoomed."""
    low, high = sorted(axes.get_ylim())
    # the place on a logarithmic axis is that of the exponent
    scaled = math.log10 if axes.get_xscale() == "log" else float
    for text in axes.texts:
        x, y = text.xy if isinstance(text, Annotation) else text.get_position()
        note = _words(text) | {"x": scaled(x), "xref": f"x{number}", "yref": f"y{number}"}
        # what is above the panel stays there
        note |= {"y": float(y)} if low <= y <= high else {"y": 1, "yref": f"y{number} domain"}
        anchor = {"bottom": "bottom", "baseline": "bottom", "top": "top"}
        note["xanchor"] = text.get_horizontalalignment()
        note["yanchor"] = anchor.get(text.get_verticalalignment(), "middle")
        if isinstance(text, Annotation) and text.arrow_patch is not None:
            from_x, from_y = text.get_position()
            colour = _css(text.arrow_patch.get_edgecolor())
            note |= {"ax": scaled(from_x), "axref": note["xref"]}
            note |= {"ay": float(from_y), "ayref": note["yref"]}
            note |= {"showarrow": True, "arrowcolor": colour, "arrowwidth": 1.5, "standoff": 7}
        elif isinstance(text, Annotation):
            right, up = text.get_position()  # points away from it
            note |= {"xshift": right * POINT, "yshift": up * POINT}
            if text.get_verticalalignment() == "baseline":  # which letters reach below
                note["yshift"] -= 0.3 * note["font"]["size"]
        yield note


def _words(text: Text) -> dict:
    look = _font(text) | {"color": _css(text.get_color())}
    return {"text": _html(text), "font": look, "showarrow": False, "borderpad": 0}


def _font(text: Text) -> dict:
    return {"size": round(text.get_fontsize() * POINT, 1)}


def _html(text: Text | str) -> str:
    """Words, and the formulas between $ among them, in the tags that Plotly knows."""
    words = text if isinstance(text, str) else text.get_text()
    parts = re.split(r"\$(.*?)\$", escape(words, quote=False).replace("\n", "<br>"))
    parts[1::2] = map(_formula, parts[1::2])
    return "".join(parts)


def _formula(text: str) -> str:
    text = re.sub(r"\\(lambda|tau|rho|theta|Delta|leq)", lambda m: SIGNS[m[1]], text)
    text = re.sub(r"\\bf\{(\w+)\}", r"<b>\1</b>", text.replace(r"\|", "\u2016"))
    text = re.sub(r"_(?:\\mathrm)?(?:\{(\w+)\}|(\w))", r"<sub>\1\2</sub>", text)
    text = re.sub(r"\^(?:\{(.+?)\}|(\w+))", r"<sup>\1\2</sup>", text)
    return re.sub(r"[{}]|\\,", "", text)


# --- Legends -----------------------------------------------------------------------------------


def _add_legends(figure: Figure, traces: list[dict], layout: dict) -> None:
    """Each column of a legend is one of Plotly's, which has a place of its own."""
    legends = [(axes, axes.get_legend()) for axes in panels(figure) if axes.get_legend()]
    columns: dict[tuple, list[tuple[Text, Artist]]] = {}
    for axes, legend in [*legends, *((None, legend) for legend in figure.legends)]:
        for entry in zip(legend.get_texts(), legend.legend_handles, strict=True):
            left = round(entry[0].get_window_extent().x0)
            columns.setdefault((axes, legend, left), []).append(entry)
    for k, ((axes, _, _), entries) in enumerate(columns.items()):
        name = f"legend{_number(k)}"
        layout[name] = _column(figure, [text for text, _ in entries])
        panel = f"x{_number(panels(figure).index(axes))}" if axes else ""
        for rank, (text, handle) in enumerate(entries):
            trace = _first_of(plain(text.get_text()), panel, traces) or _entry(handle, traces)
            shown = {"showlegend": True, "legend": name, "legendrank": rank}
            trace.update(shown, name=_html(text))


def _first_of(label: str, panel: str, traces: list[dict]) -> dict | None:
    """The first trace of this name that no legend has, of this panel where it has one."""
    named = [t for t in traces if t["name"] == label and not t["showlegend"] and "fill" not in t]
    return next((t for t in named if t["xaxis"] == panel), named[0] if named else None)


def _entry(handle: Line2D | Patch, traces: list[dict]) -> dict:
    """Of a legend that has a name which nothing drawn has."""
    colour = handle.get_facecolor() if isinstance(handle, Patch) else handle.get_color()
    look = {"symbol": "square", "size": 10, "color": _css(colour, handle.get_alpha())}
    traces.append({"type": "scatter", "x": [None], "y": [None], "mode": "markers", "marker": look})
    return traces[-1]


def _column(figure: Figure, texts: Sequence[Text]) -> dict:
    to_shares = figure.transFigure.inverted()
    boxes = [text.get_window_extent().transformed(to_shares) for text in texts]
    # what is before the words, in letters: a handle and the blank after it
    before = 2.8 * texts[0].get_fontsize() / 72 / figure.get_size_inches()[0]
    place = {"x": boxes[0].x0 - before, "y": (boxes[0].y1 + boxes[-1].y0) / 2}
    place |= {"xanchor": "left", "yanchor": "middle", "traceorder": "normal"}
    return place | {"font": _font(texts[0]), "bgcolor": "rgba(0,0,0,0)"}


def _css(colour: Sequence[float] | str, alpha: float | None = None) -> str:
    if isinstance(colour, str) and colour == "none":
        return "rgba(0,0,0,0)"
    red, green, blue, opaque = to_rgba(colour, alpha)
    return f"rgba({255 * red:.0f},{255 * green:.0f},{255 * blue:.0f},{opaque:.2g})"


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    """As JSON has them: none where they are not finite."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in map(float, values)]
