"""Made-up weights files in the layout of docs/layout.md, beside a results file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from results_file import write_root


def weights_path(results: Path) -> Path:
    return results.with_suffix(".weights.h5")


def begin(results: Path, study: str = "slick") -> h5py.File:
    """A new weights file, open for writing."""
    file = h5py.File(weights_path(results), "w")
    write_root(file, "factsweep weights", study=study)
    return file


def write_group(
    file: h5py.File,
    group: str,
    stages: Sequence[int],
    tensors: Mapping[str, np.ndarray],
    when: str = "final",
    **about: Sequence[str],
) -> None:
    """The rows of a group of deltas; texts of `about` are one for all stages, or one a stage."""
    folder = file.require_group(f"deltas/{group}")
    if "stage" not in folder:
        folder["stage"] = np.asarray(stages, np.int64)
    for name, values in tensors.items():
        folder[f"{when}/{name}"] = values
    for name, texts in about.items():
        width = max(map(len, texts))
        dtype = h5py.string_dtype("utf-8", width)
        folder[f"about/{name}"] = np.array(texts, f"S{width}").astype(dtype)


def lora_config(**keys) -> str:
    return json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4, **keys})
