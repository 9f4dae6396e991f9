"""Where words are drawn, in a figure or on the page: which of them overlap, or lie outside."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from browser import in_browser
from matplotlib import rcParams
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

TOUCH = 1.0  # pixels that the boxes of two texts may share

# In a browser: of each figure its name, width and height, and the words in it with their corners.
ON_THE_PAGE = """
await Promise.all(plots.map(drawing));
return plots.map((plot) => {
  const { left, top, width, height } = plot.getBoundingClientRect();
  const words = [...plot.querySelectorAll("text")].filter((text) => text.textContent.trim());
  return [plot.parentElement.id, [width, height], words.map((text) => {
    const box = text.getBBox(), matrix = text.getScreenCTM();
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([right, down]) => {
      const place = new DOMPoint(box.x + right * box.width, box.y + down * box.height);
      const { x, y } = place.matrixTransform(matrix);
      return [x - left, y - top];
    });
    return [text.textContent, corners];
  })];
});
"""


def _laid_out(figure: Figure) -> Figure:
    """As it is saved."""
    figure.set_dpi(rcParams["savefig.dpi"])
    figure.draw_without_rendering()
    return figure


def wrong_in(figure: Figure) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of texts whose boxes, as rendered, overlap, and texts that the figure cuts off."""
    found = [(text.get_text(), _corners(text)) for text in _drawn(_laid_out(figure))]
    return _overlapping(found), _outside(found, figure.bbox.min, figure.bbox.max)


def wrong_on_the_page(page: Path, width: int) -> dict[str, tuple]:
    """By the names of figures, as the page shows them: texts that overlap or are cut off."""
    return wrong_of(in_browser(page, ON_THE_PAGE, width))


def wrong_of(figures: list) -> dict[str, tuple]:
    """The same of what ON_THE_PAGE has found."""
    found = {}
    for name, size, words in figures:
        assert len(words) > 2, name
        boxes = [(text, _smaller(np.array(corners))) for text, corners in words]
        wrong = _overlapping(boxes), _outside(boxes, np.zeros(2), np.array(size))
        if any(wrong):
            found[name] = wrong
    return found


def _overlapping(boxes: list[tuple[str, np.ndarray]]) -> list[tuple[str, str]]:
    pairs = itertools.combinations(boxes, 2)
    return [(a, b) for (a, box), (b, other) in pairs if not _apart(box, other)]


def _outside(boxes: list[tuple[str, np.ndarray]], low: np.ndarray, high: np.ndarray) -> list[str]:
    low, high = low - TOUCH, high + TOUCH
    return [text for text, box in boxes if (box < low).any() or (box > high).any()]


def _smaller(corners: np.ndarray) -> np.ndarray:
    """By so much as two may share; the box of a line has room for accents, which words have not."""
    middle, (across, down) = (
        corners.mean(axis=0),
        (corners[1] - corners[0], corners[3] - corners[0]),
    )
    width, height = np.linalg.norm(across), np.linalg.norm(down)
    across, down = across * (1 - TOUCH / width), down * (1 - 0.15 - TOUCH / height)
    return middle + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 @ np.array([across, down])


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
