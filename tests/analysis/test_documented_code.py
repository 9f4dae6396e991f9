"""Every Python block of the documents runs, on made-up files of the names that it reads."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
import weights_file

import analysis

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), ROOT / "analysis/README.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (?:import|from) \w|^    .*\b(?:factsweep|xarray|h5py|pandas)\.\w+\(")

WORLDS = {  # by how a file's name begins; others are SliCK's
    "flearning": (synthetic_flearning, synthetic_flearning.World(records=(20,), edited=10)),
    "kshot": (synthetic_kshot, synthetic_kshot.World(axes=(), examples=30)),
    "": (synthetic_slick, synthetic_slick.World(seeds=(1, 2), epochs=4, questions=20)),
}


def blocks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            if found.group(1) == "python":
                line = text[: found.start()].count("\n") + 2
                place = f"{page.relative_to(ROOT)}:{line}"
                yield pytest.param(place, found.group(2), id=place)


def make(path):
    """A results file of this name, and its weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    synthetic, world = next(w for prefix, w in WORLDS.items() if path.name.startswith(prefix))
    synthetic.write(path, world)
    with weights_file.begin(path) as file:
        tensors = {"model.norm.weight": np.ones((2, 8), np.float32)}
        weights_file.write_group(file, "full", [1, 2], tensors)


def make_mixture(folder):
    """MODEL, and a mixture for it in MIXTURE."""
    for package in ("torch", "transformers", "safetensors"):
        pytest.importorskip(package, reason="mixtures need it")
    from mixture_files import tiny_llama, write_mixture

    model = tiny_llama()
    model.save_pretrained(folder / "MODEL")
    write_mixture(folder / "MIXTURE", model)


@pytest.mark.parametrize("place, code", list(blocks()))
def test_it_runs(place, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "factsweep", analysis)
    for name in sorted(set(re.findall(r"[\"']([\w./-]+\.h5)[\"']", code))):
        if not name.endswith(".weights.h5"):
            make(tmp_path / name)
    if "load_mixture" in code:
        make_mixture(tmp_path)
    exec(compile(code, place, "exec"), {"__name__": "documented"})


def test_no_python_is_left_out():
    """Indented blocks are commands and decks; Python stands in fences, where this test finds it."""
    found = []
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        found += [f"{page.name}: {line}" for line in text.splitlines() if INDENTED.match(line)]
    assert not found
