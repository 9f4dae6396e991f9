"""Figure 10: the shots, the open data and what was selected of them, in the plane.

The embeddings are in the weights file. Each task has a plane of its own, on which its pool, shots
and selections are placed together by t-SNE, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from ..store import WEIGHTS, Missing, StoreError, need, open_file
from .quantities import ExpertPart
from .tables import SELECTIONS

SHOWN = 2000  # of a pool: more make the figure large and t-SNE slow, not clearer
NEIGHBOURS = 30  # t-SNE's perplexity
FEW = 500  # vectors: threads wait for each other longer than one takes for the work
BESIDE = 4  # panels; more go below


def place(vectors: np.ndarray) -> np.ndarray:
    """[n, 2] places of [n, dimension] vectors, the same for the same vectors; those of too few for
    t-SNE are the first two principal components.
    """
    from sklearn.decomposition import PCA  # takes as long to import as a small report does
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    neighbours = min(NEIGHBOURS, (len(vectors) - 1) / 3)  # fewer than there are vectors
    if neighbours < 1:
        return PCA(2).fit_transform(vectors)
    with threadpool_limits(1 if len(vectors) < FEW else None):
        return TSNE(perplexity=neighbours, init="pca", random_state=0).fit_transform(vectors)


# --- What is shown -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """[n, 2] places of each kind."""

    pool: np.ndarray
    shots: np.ndarray
    selected: np.ndarray
    limits: np.ndarray  # [axis, low and high] of the task, the same in all of its panels


def projection(part: ExpertPart) -> Figure:
    """A panel a task and data selection, of the first draw that has finished."""
    points = part.along("data_selection", "figure 10")
    points = points[points["selected_data"] > 0].drop_duplicates(["task", "data_selection"])
    need(not points.empty, "figure 10 needs a finished point of ours with open data")
    found = _panels(part, points)
    cells = _cells(part, points)
    shape = np.max(list(cells.values()), axis=0) + 1
    figure, panels = style.panels(shape[1], shape[0], width=2.3, height=2.2, squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    for row, point in points.iterrows():
        axes = panels[cells[row]]
        _draw(axes, found[row])
        selection = SELECTIONS[point["data_selection"]].replace("D_A", "$D_A$")
        style.title(axes, f"{point['task']}, {selection}")
    style.legend_below(figure, style.in_order(axes))
    return figure


def _cells(part: ExpertPart, points: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """Row of a point -> row and column of its panel. Several selections: a task begins a row."""
    names = [name for name in SELECTIONS if name in set(points["data_selection"])]
    tasks = [task for task in part.tasks if task in set(points["task"])]
    rows = -(-len(names) // BESIDE)  # of a task
    found = {}
    for row, point in points.iterrows():
        task, name = tasks.index(point["task"]), names.index(point["data_selection"])
        first, place = (0, task) if len(names) == 1 else (task * rows, name)
        found[row] = (first + place // BESIDE, place % BESIDE)
    return found


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_visible(True)
    axes.plot(*panel.pool.T, ".", color=style.GREY, markersize=2, alpha=0.35, label="pool")
    shots = {"color": style.VERMILLION, "markersize": 4, "markeredgewidth": 0.7}
    axes.plot(*panel.shots.T, "x", label="$D_K$", **shots)
    axes.plot(*panel.selected.T, ".", color=style.BLUE, markersize=3.5, label="$D_A$")
    (left, right), (bottom, top) = panel.limits
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])


def _panels(part: ExpertPart, points: pd.DataFrame) -> dict[int, Panel]:
    """By row of a point."""
    path: Path = part.sweep.path.with_suffix(".weights.h5")
    found: dict[int, Panel] = {}
    try:
        with open_file(path, (WEIGHTS,)) as file:
            for _, members in points.groupby("task", sort=False):
                found |= _of_task(part, file, members)
    except (StoreError, KeyError) as error:
        raise Missing(f"figure 10 needs the embeddings in {path.name} ({error})") from error
    return found


def _of_task(part: ExpertPart, file: h5py.File, points: pd.DataFrame) -> dict[int, Panel]:
    """t-SNE has no place for vectors that come later, so that all of a task go in together."""
    task = points["task"].iloc[0]
    pool = file[f"embeddings/pools/{part.of_tasks.pool[part.tasks.index(task)]}"]
    thinned = np.arange(0, len(pool), max(1, -(-len(pool) // SHOWN)))
    chosen = {row: _known(part.selection.row[row]) for row in points.index}
    shown = np.unique(np.concatenate([thinned, *chosen.values()]))  # ascending, as h5py reads
    draws = points["draw"].unique()
    shots = [file[f"embeddings/shots/{task}/{draw}"][()] for draw in draws]
    vectors = [pool[shown], *shots]
    places = place(np.concatenate(vectors))
    of_pool, *rest = np.split(places, np.cumsum([len(v) for v in vectors[:-1]]))
    of_shots = dict(zip(draws, rest, strict=True))
    low, high = places.min(axis=0), places.max(axis=0)
    limits = np.stack([low, high], axis=1) + 0.04 * np.outer(high - low, [-1, 1])
    return {
        row: Panel(
            of_pool[np.isin(shown, thinned)],
            of_shots[draw][shots_among(part, row)],
            of_pool[np.isin(shown, chosen[row])],
            limits,
        )
        for row, draw in points["draw"].items()
    }


def shots_among(part: ExpertPart, row: int) -> np.ndarray:
    """Places of a point's shots among those of the largest K, which alone are embedded.

    Both are ascending by record, so that fewer shots are scattered among the many.
    """
    point = part.sweep.points.loc[row]
    draw = part.signals.draw.tolist().index(point["draw"])
    every = part.signals.row[part.tasks.index(point["task"]), draw]
    mine = _known(part.selection.shot_row[row])
    places = np.flatnonzero(np.isin(every, mine))
    need(
        len(places) == len(mine), "figure 10 needs the shots of /selection/shot_row in /signals/row"
    )
    return places


def _known(rows: np.ndarray) -> np.ndarray:
    return rows[rows >= 0]
