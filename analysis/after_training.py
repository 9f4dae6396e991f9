"""Tables of what fine-tuning came to in any study: points whose loss rose."""

from __future__ import annotations

import numpy as np

from .sweep import Sweep
from .table import NONE, Table, number


def rose_table(sweep: Sweep) -> Table | None:
    """Points of which a training loss ended above where it began; None where there is none."""
    if "loss_rose" not in sweep.done:
        return None
    points = sweep.done[sweep.done["loss_rose"] == 1]
    if points.empty:
        return None
    table = Table(
        "loss_rose",
        f"Training loss of {len(points)} of {len(sweep.done)} points ended above where it began, or"
        " above that of guessing: their numbers are of no model",
        "A smaller learning rate may do. Where the loss of the point's own training, which is shown,"
        " did not rise, that of one it stands on did.",
    )
    curves = sweep.curves.get("loss")
    for row, point in points.iterrows():
        known = curves[row][np.isfinite(curves[row])] if curves is not None else ()
        ends = (known[0], known[-1]) if len(known) else (None, None)
        heads = ("first epoch", "last epoch")
        shown = [(head, number(x, 3) if x is not None else NONE) for head, x in zip(heads, ends)]
        table.row(("point", str(point["id"])), *shown)
    return table
