"""Tables of what fine-tuning came to in any study: points whose loss rose, and other abilities."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from .statistics import crossed_percent, mean
from .store import RESULTS, open_file, values
from .sweep import Sweep
from .table import NONE, Cell, Table, between, number, percent

ABILITY = "ability_"  # what columns of abilities begin with
MOST_ROWS = 8  # of points whose loss rose that stand before all results
WHEN = {"_early_stop": "EARLY_STOP", "_final": "CONVERGENCE"}  # what they may end with


def rose_table(sweep: Sweep) -> Table | None:
    """Points of which a training loss ended above where it began; None where there is none."""
    if "loss_rose" not in sweep.done:
        return None
    points = sweep.done[sweep.done["loss_rose"] == 1]
    if points.empty:
        return None
    table = Table(
        "loss_rose",
        f"Training loss of {len(points)} of {len(sweep.done)} points ended above where it began, "
        "or above that of guessing: their numbers are of no model",
        "Where it rose far, a smaller learning rate may do; where it hardly moved, nothing was "
        "learnt. Where the loss of the point's own training, which is shown, did not rise, that of "
        "one it stands on did.",
    )
    table.folded = len(points) > MOST_ROWS
    curves = sweep.curves.get("loss")
    for row, point in points.iterrows():
        known = curves[row][np.isfinite(curves[row])] if curves is not None else ()
        first, last = (number(known[k], 3) if len(known) else NONE for k in (0, -1))
        table.row(("point", str(point["id"])), ("first epoch", first), ("last epoch", last))
    return table


# --- Abilities ---------------------------------------------------------------------------------


def abilities(sweep: Sweep) -> list[str]:
    """What the models were asked besides: columns of points, without when."""
    found = [column for column in sweep.points if column.startswith(ABILITY)]
    if found and all(column.endswith(tuple(WHEN)) for column in found):
        found = [c.removesuffix(end) for c in found for end in WHEN if c.endswith(end)]
    return list(dict.fromkeys(found))


def base_ability(sweep: Sweep, ability: str, model: str = "") -> float:
    """The base model's value; NaN where the file has none. `model`: of several, its name."""
    with open_file(sweep.path, (RESULTS,)) as file:
        group = file.get("abilities", {})
        if ability not in group:
            return np.nan
        names = [str(name) for name in values(group["model"])]
        return float(group[ability][names.index(model) if model in names else 0])


def is_share(sweep: Sweep, column: str) -> bool:
    """Shown in percent; a perplexity is shown as it is."""
    return sweep.units.get(column, "fraction") == "fraction"


def ability_cell(sweep: Sweep, column: str, found: pd.Series) -> Cell:
    """The mean over points with limits over them."""
    found = found.to_numpy(dtype=float)
    if is_share(sweep, column):
        return percent(crossed_percent(100 * found, asked=0))
    return between(mean(found, low=1), digits=2)


def single_cell(sweep: Sweep, column: str, value: float, sign: str = "") -> Cell:
    """One value, or a difference, of what the column has."""
    return number(100 * value, 1, sign) if is_share(sweep, column) else number(value, 2, sign)


def ability_table(
    sweep: Sweep, groups: Iterable[tuple[str, pd.DataFrame]], head: str
) -> Table | None:
    """Before and after fine-tuning, a row an ability and group of points; None where none is asked.

    `groups`: finished points by what they have in common, which `head` says what it is.
    """
    drawn = sweep.science.get("ability.examples", "0")
    table = Table(
        "abilities",
        "Other abilities before and after fine-tuning (percent; the perplexity of a text as it is)",
        "Limits are over the points alone. What is asked has nothing to do with what is taught.",
    )
    if drawn != "0":
        table.notes.append(f"Of each task {drawn} examples at most are asked.")
    named, groups = abilities(sweep), list(groups)
    ends = WHEN if named and f"{named[0]}_final" in sweep.points else {"": "after"}
    for ability in named:
        for label, points in groups:
            models = points["model"].unique() if "model" in points else ()
            base = base_ability(sweep, ability, str(models[0]) if len(models) == 1 else "")
            cells = [
                (shown, ability_cell(sweep, ability + end, points[ability + end]))
                for end, shown in ends.items()
            ]
            last = ability + list(ends)[-1]
            change = float(points[last].mean()) - base
            table.row(
                ("ability", ability.removeprefix(ABILITY)),
                (head, label),
                ("points", str(len(points))),
                ("base", single_cell(sweep, last, base)),
                *cells,
                ("change", single_cell(sweep, last, change, "+")),
            )
    return table if table.rows else None
