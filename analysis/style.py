"""What all figures share: size, type, colours told apart by the colour-blind
(Okabe and Ito's, and Tol's purple), legends, saving."""

from __future__ import annotations

import contextlib
import logging
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)
import numpy as np  # noqa: E402
from fontTools import subset  # noqa: E402
from matplotlib import colormaps  # noqa: E402
from matplotlib.artist import Artist  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from matplotlib.container import ErrorbarContainer  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from .drawn import OF_PAPER, Rows, label_of, plain, stand_aside, tell  # noqa: E402
from .statistics import Interval, mean  # noqa: E402

BLUE, SKY, GREEN, VERMILLION = "#0072B2", "#56B4E9", "#009E73", "#D55E00"
ORANGE, PURPLE, BLACK, GREY = "#E69F00", "#AA3377", "#222222", "#8A8A8A"

PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
PUBLISHED = {"linestyle": (0, (4, 2)), "linewidth": 1.0, "alpha": 0.55}  # dashed and faint

# The PDF writer warns of the old dates in the fonts that formulas use.
logging.getLogger("fontTools").setLevel(logging.ERROR)


class WithoutShaping(subset.Options):
    """By which Matplotlib cuts the fonts of a PDF, whose letters have their places: the tables that
    tell places are of no use in it, and cutting them takes twice as long as all the rest of a font.
    """

    SHAPING = ("GDEF", "GPOS", "GSUB", "kern")

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.drop_tables += self.SHAPING


def load_font(path: str, options: subset.Options, *more, _load=subset.load_font, **keywords):
    """Without those tables from the first, as cutting reads them even where it drops them."""
    font = _load(path, options, *more, **keywords)
    for table in getattr(options, "SHAPING", ()):
        if table in font:
            del font[table]
    return font


subset.Options, subset.load_font = WithoutShaping, load_font
plt.style.use(str(resources.files(__package__) / "figures.mplstyle"))


def panels(columns: int = 1, rows: int = 1, width: float = 3.5, height: float = 2.7, **keywords):
    """A figure of panels of this size in inches, and its axes."""
    return plt.subplots(rows, columns, figsize=(width * columns, height * rows), **keywords)


def wrapped(count: int, most: int = 3, **keywords) -> tuple[Figure, list[Axes]]:
    """So many panels, at most `most` beside each other: wider figures are too small on a page."""
    rows = -(-count // most)
    figure, axes = panels(-(-count // rows), rows, squeeze=False, **keywords)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    return figure, list(axes.flat[:count])


def row_labels(panels: Sequence[Axes], words: str) -> None:
    """The y label, on the first panel of each row alone."""
    for axes in panels:
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel(words)


def last_of_first_row(panels: Sequence[Axes]) -> Axes:
    return [axes for axes in panels if axes.get_subplotspec().is_first_row()][-1]


_STEP_ASIDE = 2.5  # points: about a bar's cap


def interval_bars(
    axes: Axes,
    x: Sequence[float],
    found: Sequence[Interval],
    rows: Rows = (),
    name: str = "",
    **keywords,
) -> None:
    """A curve with markers, and bars to the limits where they are known; `rows`, `name`: told of
    it, the name where it has no label. Curves after the first stand a little to the right or left
    of it, as bars to limits at one place would hide each other.
    """
    value, low, high = (np.array([getattr(f, n) for f in found]) for n in ("value", "low", "high"))
    known = np.isfinite(low)
    if known.any():
        keywords["yerr"] = np.where(known, [value - low, high - value], 0)
    before = sum(isinstance(drawn, ErrorbarContainer) for drawn in axes.containers)
    bars = axes.errorbar(x, value, capsize=2, elinewidth=0.8, **keywords)
    if before > 0 and known.any():
        steps = (before + 1) // 2 * (1 if before % 2 else -1)
        stand_aside(axes, bars.get_children(), steps * _STEP_ASIDE)
    label = name or plain(str(keywords.get("label", "")))
    tell(bars.lines[0], label=label, found=found, rows=rows)


def mean_line(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str, **keywords) -> np.ndarray:
    """The means of [seed, x] as a line, their intervals as a band; returns the means. Limits of two
    values say little but that they are two: both are drawn, thin, in place of a band.

    `bounds`: what the values can't leave, if anything; `points`: rows of /points, a seed each.
    """
    bounds = keywords.pop("bounds", (-np.inf, np.inf))
    rows = [keywords.pop("points", [])] * len(x)
    means = [mean(column, *bounds) for column in np.transpose(values)]
    centre, low, high = np.array([(m.value, m.low, m.high) for m in means]).T
    (line,) = axes.plot(x, centre, color=colour, **keywords)
    tell(line, found=means, rows=rows)
    if max(m.runs for m in means) == 2:
        both = [np.column_stack([x, one]) for one in values if np.isfinite(one).any()]
        thin = LineCollection(both, colors=[colour], linewidths=0.6, alpha=0.6)
        tell(axes.add_collection(thin), label=label_of(line))
        axes.autoscale_view()
    elif np.isfinite(low).any():  # else there is one seed
        band = axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
        tell(band, label=label_of(line))
    return centre


def colours(names: Sequence[str], fixed: Mapping[str, str]) -> dict[str, object]:
    """Fixed where a name has one; the others take what a colour map gives."""
    other = [name for name in names if name not in fixed]
    shades = colormaps["viridis"](np.linspace(0.1, 0.85, max(1, len(other))))
    return {**fixed, **dict(zip(other, shades, strict=False))}


def note(axes: Axes, words: str, at: tuple, offset: tuple, **look) -> None:
    """Small words beside a place, `offset` points away from it."""
    axes.annotate(words, at, offset, textcoords="offset points", fontsize=7, **look)


def title(axes: Axes, words: str) -> None:
    """Above the panel, in as many lines as its width wants."""
    width = axes.get_window_extent().width / axes.figure.dpi  # inches
    lines = textwrap.wrap(words, int(width / 0.065), break_long_words=False)
    axes.set_title("\n".join(lines), loc="left")


def panel_title(axes: Axes, letter: str, words: str) -> None:
    title(axes, f"$\\bf{{{letter}}}$ {words}")


def in_order(axes: Axes) -> list:
    """What a legend has, in drawing order, but the published references last."""
    handles, _ = axes.get_legend_handles_labels()
    return sorted(handles, key=lambda handle: OF_PAPER in str(handle.get_label()))


def legend_right(axes: Axes, **keywords) -> None:
    if keywords or axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), **keywords)


def legend_under(axes: Axes) -> None:
    """The panel's own legend, where no bar can reach."""
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
    axes.legend(handles=in_order(axes), ncols=2, columnspacing=1.2, **place)


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int = 0) -> None:
    """One legend for all panels; it takes no width from them, and as few rows as there is room
    for (of `columns` at most).
    """
    count = len(handles)
    for rows in range(-(-count // (columns or count or 1)), count + 1):
        legend = figure.legend(
            handles=handles, loc="outside lower center", ncols=-(-count // rows), columnspacing=1.2
        )
        # letters are a little wider at another resolution
        if rows == count or legend.get_window_extent().width <= 0.96 * figure.bbox.width:
            return
        legend.remove()


def whole_axis(axes: Axes, words: str) -> None:
    """An x axis of layers, or epochs: there is none between two."""
    axes.set_xlabel(words)
    axes.xaxis.get_major_locator().set_params(integer=True)


def save(figure: Figure, png: Path) -> Path:
    """Writes the PNG, and a PDF beside it; returns the former. The figure is laid out from then on.
    """
    save_png(figure, png)
    save_pdf(figure, png.with_suffix(".pdf"))
    return png


def lay_out(figure: Figure) -> None:
    """For all that saves it later; once for each figure."""
    figure.set_dpi(plt.rcParams["savefig.dpi"])
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")


def save_png(figure: Figure, path: Path) -> None:
    """Lays the figure out, too."""
    lay_out(figure)
    with _laid_out(figure):
        figure.savefig(path)


def save_pdf(figure: Figure, path: Path) -> None:
    # No date: equal results give equal files.
    with _laid_out(figure):
        figure.savefig(path, metadata={"CreationDate": None})


@contextlib.contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """While a figure has an engine for its layout, even one that does nothing, saving draws it
    twice.
    """
    with plt.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        yield
