"""Reads, compares and draws factsweep result files (layout: docs/layout.md).

Installed, this package is called `factsweep`. What a function needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .mixture import Mixture
    from .results import Results

__all__ = ["load_mixture", "open"]


def open(files: str | PathLike | Sequence[str | PathLike]) -> Results:
    """The groups of a results file as xarray data sets, read when their values are used.

    Several files of one study are joined: see `factsweep.results.Results`.
    """
    from .results import Results

    paths = [files] if isinstance(files, (str, PathLike)) else files
    return Results([Path(path) for path in paths])


def load_mixture(directory: str | PathLike, model: torch.nn.Module) -> Mixture:
    """Puts a mixture of experts that `factsweep export` wrote into a transformers model, in place.

    The model then computes what factsweep does, in every pass, so that generate() works, too. Give
    it the dtype that it is to have before: its experts take it, their routers stay in float32.
    """
    from .mixture import load_mixture as load

    return load(Path(directory), model)
