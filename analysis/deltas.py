"""`deltas FILE`: how far each matrix of the fine-tuned models moved, in how many directions, and
how alike that is between points. Reads the weights file in blocks (weights.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from .points import points_of
from .store import DONE, RESULTS, WEIGHTS, StoreError, open_file, text, values
from .weights import Matrix, matrices

MOST_STAGES = 20_000  # whose cosines are computed: 3.2 GB
DELTAS, COSINES = "deltas.csv", "cosines.csv"


def weights_path(results: Path) -> Path:
    return results.with_suffix(".weights.h5")


def deltas(results: Path, folder: Path | None, pairs: str = "all", ranks: bool = True) -> None:
    """Writes the tables and figures into `folder` (default: beside the file)."""
    path = weights_path(results)
    folder = folder or results.with_name(results.stem + "_deltas")
    with opened(results) as (found, stages):
        if not found:
            raise StoreError(f"{path}: holds no deltas of a stage that is done.")
        most = max(len(matrix.stages) for matrix in found)
        if pairs != "none" and most > MOST_STAGES:
            raise StoreError(
                f"{path}: a matrix has the deltas of {most} stages, and cosines are computed of "
                f"{MOST_STAGES} at most. Give --pairs none."
            )
        folder.mkdir(parents=True, exist_ok=True)
        tables = folder / DELTAS, folder / COSINES
        means = write_tables(found, stages, *tables, pairs, ranks)
    print(f"{len(found)} matrices: {tables[0]}")
    if pairs != "none":
        print(f"cosines between points: {tables[1]}")
    from .delta_figures import draw  # matplotlib is imported only where figures are drawn

    for figure in draw(means, folder):
        print(f"figure: {figure}")


@contextmanager
def opened(results: Path) -> Iterator[tuple[list[Matrix], pd.DataFrame]]:
    """What the weights file beside it holds of stages that are done, to be read while it is open;
    and _stages(). StoreError.
    """
    stages, path = _stages(results), weights_path(results)
    if not path.is_file():
        raise StoreError(
            f"{path}: no such file, so the run kept no weights. Run it with store.deltas = final."
        )
    with open_file(path, (WEIGHTS,)) as file:
        _check_same_run(results, file, path)
        yield matrices(file, (stages["status"] == DONE).to_numpy()), stages


def _stages(results: Path) -> pd.DataFrame:
    """The journal, each stage with the first point that it is the last stage of, and its axes."""
    points = points_of([results])
    with open_file(results, (RESULTS,)) as file:
        names = ("key", "kind", "title", "status")
        stages = pd.DataFrame({name: values(file[f"stages/{name}"]) for name in names})
    if "stage" not in points.table:
        raise StoreError(f"{results}: no /points/stage, which says whose weights are whose.")
    first = points.table.drop_duplicates("stage").set_index("stage")
    axes = first[["id", *points.axes]].rename(columns={"id": "point"})
    whole = {name: "Int64" for name in axes if axes[name].dtype.kind == "i"}
    return stages.join(axes.astype(whole))


def _check_same_run(results: Path, weights: h5py.File, path: Path) -> None:
    with open_file(results, (RESULTS,)) as file:
        runs = [text(f.attrs.get("run_id", "")) for f in (file, weights)]
    if runs[0] != runs[1]:
        raise StoreError(
            f"{path}: of another run than {results} (run_id {runs[1]} and {runs[0]}): "
            "bring the two files of one sweep together."
        )


# --- Tables ------------------------------------------------------------------------------------


def write_tables(
    found: list[Matrix],
    stages: pd.DataFrame,
    deltas_csv: Path,
    cosines_csv: Path,
    pairs: str,
    ranks: bool,
) -> pd.DataFrame:
    """One matrix after the other; what figures show of them: the means over points."""
    for path in (deltas_csv, cosines_csv):
        path.unlink(missing_ok=True)
    means = []
    for matrix in found:
        products = matrix.products() if pairs != "none" else None
        norms = np.sqrt(matrix.squares() if products is None else np.diag(products))
        rows = _norm_rows(matrix, stages, norms, ranks)
        _append(rows, deltas_csv)
        points = rows[rows["point"].notna()] if rows["point"].notna().any() else rows
        of_points = {name: points[name].mean() for name in ("norm", "effective_rank")}
        cosines = np.array([])
        if products is not None:
            rows = _cosine_rows(matrix, stages, products, norms, pairs)
            _append(rows, cosines_csv)
            cosines = rows["cosine"].dropna().to_numpy()
        mean = cosines.mean() if len(cosines) else np.nan
        means.append({**_place(matrix), **of_points, "cosine": mean})
    return pd.DataFrame(means)


def _append(rows: pd.DataFrame, path: Path) -> None:
    rows.to_csv(path, mode="a", index=False, header=not path.exists())


def _place(matrix: Matrix) -> dict[str, object]:
    return {n: getattr(matrix.which, n) for n in ("tensors", "when", "layer", "matrix", "expert")}


def _norm_rows(
    matrix: Matrix, stages: pd.DataFrame, norms: np.ndarray, ranks: bool
) -> pd.DataFrame:
    mine = stages.iloc[matrix.stages]
    axes = mine.drop(columns=["key", "kind", "title", "status", "point"])
    told = mine[["point", "key", "title"]].rename(columns={"key": "stage_key"})
    found = [matrix.effective_rank(k) if ranks else np.nan for k in range(len(norms))]
    rows = pd.concat([told, axes], axis=1)
    return rows.assign(**_place(matrix), norm=norms, effective_rank=found)


def _cosine_rows(
    matrix: Matrix, stages: pd.DataFrame, products: np.ndarray, norms: np.ndarray, pairs: str
) -> pd.DataFrame:
    mine = stages.iloc[matrix.stages]
    a, b = np.triu_indices(len(norms), 1)
    if pairs == "one_axis":
        chosen = _one_axis(mine)[a, b]
        a, b = a[chosen], b[chosen]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = products[a, b] / (norms[a] * norms[b])
    names = mine["point"].fillna(mine["title"]).to_numpy()
    place = {name: [value] * len(a) for name, value in _place(matrix).items()}
    return pd.DataFrame({"a": names[a], "b": names[b], **place, "cosine": cosine})


def _one_axis(stages: pd.DataFrame) -> np.ndarray:
    """[stage, stage]: both are a point's, and differ on one axis alone."""
    axes = stages.drop(columns=["key", "kind", "title", "status", "point"])
    differing = np.zeros((len(stages), len(stages)), int)
    for name in axes:
        codes = pd.factorize(axes[name])[0]
        differing += codes[:, None] != codes[None, :]
    points = stages["point"].notna().to_numpy()
    return (differing == 1) & points[:, None] & points[None, :]
