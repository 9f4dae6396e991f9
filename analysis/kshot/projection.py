"""Figure 10: the shots, the open data and what was selected of them, in the plane.

The embeddings are in the weights file. The plane is that of the pool's two first principal
components (the paper shows t-SNE): distances in it are true ones, and equal input gives equal
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .. import style
from ..store import WEIGHTS, Missing, StoreError, open_file
from .quantities import Study
from .tables import SELECTIONS

SHOWN = 4000  # of a pool: more make the figure large, not clearer


@dataclass(frozen=True)
class Plane:
    """Principal components of a pool: its mean, and the two directions it varies most along."""

    centre: np.ndarray
    directions: np.ndarray  # [dimension, 2]
    explained: float  # share of the variance

    def of(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors - self.centre) @ self.directions


def plane_of(vectors: np.ndarray) -> Plane:
    """The sign of a direction is that of its largest part, so that it is the same everywhere."""
    centre = vectors.mean(axis=0)
    _, spread, rows = np.linalg.svd(vectors - centre, full_matrices=False)
    directions = rows[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    total = float((spread**2).sum())
    return Plane(centre, directions.T, float((spread[:2] ** 2).sum()) / total if total else 1.0)


def projection(study: Study) -> Figure:
    """A row a task, a column a data selection, of the first draw that has finished."""
    points = study.along("data_selection", "figure 10")
    points = points[points["selected_data"] > 0].drop_duplicates(["task", "data_selection"])
    if points.empty:
        raise Missing("figure 10 needs a finished point of ours with open data")
    tasks = [task for task in study.tasks if task in set(points["task"])]
    names = [name for name in SELECTIONS if name in set(points["data_selection"])]
    vectors = _vectors(study, points)
    figure, panels = style.panels(
        len(names), len(tasks), width=2.3, height=2.2, squeeze=False, sharex="row", sharey="row"
    )
    for axes in panels.flat:
        axes.set_visible(False)
    for row, point in points.iterrows():
        at = tasks.index(point["task"]), names.index(point["data_selection"])
        axes, (pool, plane, shots, selected) = panels[at], vectors[row]
        axes.set_visible(True)
        axes.plot(*plane.of(pool).T, ".", color=style.GREY, markersize=2, alpha=0.5, label="pool")
        axes.plot(*plane.of(selected).T, ".", color=style.BLUE, markersize=3, label="$D_A$")
        axes.plot(*plane.of(shots).T, "x", color=style.VERMILLION, markersize=4, label="$D_K$")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{point['task']}, {SELECTIONS[point['data_selection']]}", loc="left")
        axes.set_xlabel(f"{100 * plane.explained:.0f} % of the variance", fontsize=7)
    style.legend_right(panels[0][-1])
    return figure


def _vectors(study: Study, points: pd.DataFrame) -> dict[int, tuple]:
    """Row of a point -> vectors of the pool (thinned), its plane, of the shots, of D_A."""
    path: Path = study.results.path.with_suffix(".weights.h5")
    planes: dict[str, tuple[np.ndarray, Plane]] = {}
    found = {}
    try:
        with open_file(path, (WEIGHTS,)) as file:
            for row, point in points.iterrows():
                pool_name = study.pools[study.tasks.index(point["task"])]
                pool = file[f"embeddings/pools/{pool_name}"]
                if pool_name not in planes:
                    thinned = pool[:: max(1, -(-len(pool) // SHOWN))]
                    planes[pool_name] = thinned, plane_of(thinned)
                shots = file[f"embeddings/shots/{point['task']}/{point['draw']}"]
                chosen = study.selection["row"][row]
                chosen = np.sort(chosen[chosen >= 0])  # as h5py reads them
                shown = shots[: int(point["shots"])]
                found[row] = (*planes[pool_name], shown, pool[chosen])
    except (StoreError, KeyError) as error:
        raise Missing(f"figure 10 needs the embeddings in {path.name} ({error})") from error
    return found
