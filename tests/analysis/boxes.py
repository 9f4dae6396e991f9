"""Where a figure's words are drawn: which of them overlap, or lie outside of it."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib import rcParams
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

TOUCH = 1.0  # pixels that the boxes of two texts may share


def _laid_out(figure: Figure) -> Figure:
    """As it is saved."""
    figure.set_dpi(rcParams["savefig.dpi"])
    figure.draw_without_rendering()
    return figure


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes, as rendered, overlap."""
    boxes = [(text.get_text(), _corners(text)) for text in _drawn(_laid_out(figure))]
    pairs = itertools.combinations(boxes, 2)
    return [(a, b) for (a, box), (b, other) in pairs if not _apart(box, other)]


def outside(figure: Figure) -> list[str]:
    """Texts that the figure cuts off."""
    _laid_out(figure)
    low, high = figure.bbox.min - TOUCH, figure.bbox.max + TOUCH
    found = ((text.get_text(), _corners(text)) for text in _drawn(figure))
    return [text for text, box in found if (box < low).any() or (box > high).any()]


def _drawn(figure: Figure) -> list[Text]:
    """Texts that are seen: labels of ticks beyond the limits of an axis are not."""
    hidden: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            hidden |= {id(one) for one in _beyond(axis)}
        if not axes.get_visible():
            hidden |= {id(one) for one in axes.findobj(Text)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def _beyond(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [
        label
        for tick in ticks
        for label in (tick.label1, tick.label2)
        if not low - slack <= tick.get_loc() <= high + slack
    ]


def _corners(text: Text) -> np.ndarray:
    """[corner, 2] pixels; of turned words the turned box."""
    box, angle = text.get_window_extent(), text.get_rotation()
    middle = (box.min + box.max) / 2
    text.set_rotation(0)
    half = np.array(text.get_window_extent().size) / 2 - TOUCH / 2
    text.set_rotation(angle)
    turn = np.deg2rad(angle)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return middle + corners @ turned.T


def _apart(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether some side of two rectangles has them on both sides of it."""
    for box in (a, b):
        for side in (box[1] - box[0], box[2] - box[1]):
            one, other = a @ side, b @ side
            if one.max() <= other.min() or other.max() <= one.min():
                return True
    return False
