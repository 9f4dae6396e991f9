"""What a figure shows, as numbers: for its CSV, and for the page, which draws it anew (plotted.py).

Everything in data coordinates counts: curves, bars and images. What is known beyond places (limits,
names, the points of the sweep that a value is of) is told with `tell` where it is drawn.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from .statistics import Interval
from .table import PAPER, alone, plain_numbers

OF_PAPER = "published"  # in the label of what is not of this sweep
Rows = Sequence[Sequence[int]]  # of /points, for each value


@dataclass(frozen=True)
class Told:
    label: str = ""  # where it is in no legend
    found: Sequence[Interval] = ()  # the values with their limits
    names: Sequence[str] = ()
    rows: Rows = ()


def tell(artist: object, **what) -> None:
    """Of a line, of the container of bars, or of what goes with a line or axes (their label)."""
    artist.told = Told(**what)


@dataclass
class Series:
    """What has one entry in the legend."""

    artist: Line2D | BarContainer | AxesImage
    panel: str
    label: str
    x: list[float | str]
    found: list[Interval]
    axes: tuple[str, str]  # labels
    names: list[str] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)

    @property
    def published(self) -> bool:
        return OF_PAPER in self.label or OF_PAPER in self.panel


def series(figure: Figure) -> list[Series]:
    """In the order of drawing."""
    return [one for axes in panels(figure) for one in of_panel(axes)]


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def known_by_panel(figure: Figure) -> dict[str, bool]:
    """Whether a panel, by its title, has a finite value of this sweep; without the paper's own."""
    known: dict[str, bool] = {}
    for axes in panels(figure):
        if OF_PAPER not in (title := _title(axes)):
            values = [f.value for one in of_panel(axes) if not one.published for f in one.found]
            known[title] = known.get(title, False) or bool(np.isfinite(values).any())
    return known


def of_paper(figure: Figure) -> bool:
    """Whether anything in it is the paper's."""
    return any(OF_PAPER in label for axes in panels(figure) for label in _labels(axes))


# What a paragraph of a caption begins with that is about what not every such figure has.
BANDS, BARS, THIN = "Bands", "Bars", "Thin lines"


def tell_caption(figure: Figure, paragraphs: Sequence[str]) -> None:
    """Of a figure whose caption words.md does not have under its name."""
    figure.caption = list(paragraphs)


def true_of(figure: Figure, caption: Sequence[str]) -> list[str]:
    """The paragraphs of a caption, without those about limits, or the paper's numbers, that are
    not drawn: from one seed there is no band.
    """
    there = {kind for axes in panels(figure) for kind in _limits(axes)}
    there |= {PAPER} if of_paper(figure) else set()
    absent = {BANDS, BARS, THIN, PAPER} - there
    return [told for told in caption if told.partition(":")[0] not in absent]


def _limits(axes: Axes) -> Iterator[str]:
    """How limits are drawn."""
    bars = [bar for bar in axes.containers if isinstance(bar, ErrorbarContainer)]
    of_bars = {id(lines) for bar in bars for lines in bar.lines[2]}
    if any(bar.has_yerr for bar in bars):
        yield BARS
    for one in axes.collections:
        if isinstance(one, PolyCollection):
            yield BANDS
        elif isinstance(one, LineCollection) and id(one) not in of_bars:
            yield THIN


def label_of(artist: Artist | BarContainer) -> str:
    """Its name in words; empty where it has none."""
    label = getattr(artist, "told", Told()).label or plain(str(artist.get_label()))
    return "" if label.startswith("_") else label


def _labels(axes: Axes) -> Iterator[str]:
    yield _title(axes)
    for artist in (*axes.lines, *axes.containers):
        yield str(artist.get_label())
        yield getattr(artist, "told", Told()).label


def stand_aside(axes: Axes, artists: Sequence[Artist], points: float) -> None:
    """Draws them so far to the right of their places, in points, which they keep in files."""
    aside = ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    for artist in artists:
        artist.set_transform(axes.transData + aside)
        artist.stands_aside = True


def is_of_data(axes: Axes, artist: Artist, transform: Transform) -> np.ndarray:
    """[x, y]: whether it is drawn along the axis of the data, not across the panel."""
    aside = getattr(artist, "stands_aside", False)
    return np.array(transform.contains_branch_seperately(axes.transData)) | aside


def of_panel(axes: Axes) -> Iterator[Series]:
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            yield _bars(axes, bars)
    for line in axes.lines:
        # lines across the panel are at the same place whatever its limits
        of_data = is_of_data(axes, line, line.get_transform()).all()
        unseen = line.get_linestyle() == "None" and line.get_marker() in ("", "None", None)
        if of_data and not (unseen and not getattr(line, "told", Told()).label):
            yield _line(axes, line)
    yield from (_image(axes, image) for image in axes.images)


def _line(axes: Axes, line: Line2D) -> Series:
    x, y = (np.asarray(data, dtype=float) for data in line.get_data())
    told = getattr(line, "told", Told())
    return _series(axes, line, told, list(x), list(told.found) or [*map(alone, y)])


def _bars(axes: Axes, bars: BarContainer) -> Series:
    across = bars.orientation == "horizontal"  # left, bottom, width and height of each
    boxes = np.array([patch.get_bbox().bounds for patch in bars]).reshape(-1, 4)
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    at, length = (middle[:, 1], boxes[:, 2]) if across else (middle[:, 0], boxes[:, 3])
    told = getattr(bars, "told", Told())
    found = list(told.found) or [*map(alone, length)]
    one = _series(axes, bars, told, list(at), found)
    if across:  # what is long is the value, and what it is of has a name
        one.x, one.names, one.axes = one.names or one.x, [], one.axes[::-1]
    return one


def _image(axes: Axes, image: AxesImage) -> Series:
    """Names are those of the columns."""
    values = np.ma.filled(image.get_array(), np.nan)
    y, x = (place.ravel() for place in np.indices(values.shape))
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = axes.get_ylabel() or "row"
    names = [f"{rows} {row}, {columns[column]}" for row, column in zip(y, x, strict=True)]
    told = Told(names=names)
    return _series(axes, image, told, list(x), [*map(alone, values.ravel())])


def _series(axes: Axes, artist, told: Told, x: list, found: list[Interval]) -> Series:
    return Series(
        artist,
        _title(axes),
        label_of(artist),
        _ticks(axes, x),
        found,
        (plain(axes.get_xlabel()), plain(axes.get_ylabel())),
        list(told.names),
        [list(map(int, rows)) for rows in told.rows],
    )


def _ticks(axes: Axes, x: list) -> list:
    """The words on the axis, where it has words for these places."""
    if not all(float(value).is_integer() for value in x if math.isfinite(value)):
        return x
    labels = {
        float(at): plain(label.get_text())
        for at, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=False)
    }
    if not any(is_word(text, at) for at, text in labels.items()):
        return x
    return [labels.get(value) or value for value in x]


def is_word(label: str, at: float) -> bool:
    """Whether a tick is called otherwise than by its number."""
    try:
        number = float(label.replace("\u2212", "-").replace("10^", "1e"))
    except ValueError:
        return bool(label)
    return not math.isclose(number, at)


def _title(axes: Axes) -> str:
    told = getattr(axes, "told", Told())
    return told.label or plain(axes.get_title("left"))


def plain(text: str) -> str:
    """Words without the marks of formulas."""
    text = re.sub(r"\\(?:mathrm|bf)\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\(lambda|tau|rho|theta|Delta|leq)", lambda m: SIGNS[m[1]], text)
    return " ".join(re.sub(r"[${}]|\\,", "", text.replace(r"\|", "‖")).split())


SIGNS = {"lambda": "λ", "tau": "τ", "rho": "ρ", "theta": "θ", "Delta": "Δ", "leq": "≤"}


def write_csv(path: Path, drawn: Sequence[Series]) -> None:
    """A row a value. Values of this sweep say how many seeds or draws and examples they are of."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        head = ["panel", "series", "x_label", "y_label", "name", "x", "y", "low", "high"]
        out.writerow([*head, "n", "examples"])
        for one in drawn:
            for k, (x, found) in enumerate(zip(one.x, one.found, strict=True)):
                if not math.isfinite(found.value):
                    continue
                shown = x if isinstance(x, str) else f"{x:.10g}"
                name = one.names[k] if one.names else ""
                begin = [one.panel, one.label, *one.axes, name, shown]
                out.writerow([*begin, *plain_numbers(found)])
