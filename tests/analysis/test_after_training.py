"""What fine-tuning came to, in the part of the report that all studies share."""

import json

import h5py
import numpy as np
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
from reports import csv_rows, report

from analysis.after_training import abilities, rose_table
from analysis.flearning import quantities as of_edits
from analysis.flearning import tables as edit_tables
from analysis.kshot import quantities as of_experts
from analysis.kshot import tables as expert_tables
from analysis.slick import quantities as of_labels
from analysis.slick import tables as label_tables
from analysis.sweep import read


@pytest.mark.usefixtures("without_files")
def test_points_whose_loss_rose_are_listed(tmp_path):
    path = synthetic_slick.write(
        tmp_path / "rose.h5", synthetic_slick.World(seeds=(1,), epochs=4)
    )
    assert rose_table(read(path)) is None
    with h5py.File(path, "r+") as file:
        file["points/loss_rose"][2] = 1
        file["curves/loss"][2, 1:] = [5, 800, 700, 640]
        name = file["points/id"][2].decode()
    table = rose_table(read(path))
    assert table.rows == [[name, "5.000", "640.000"]]
    assert "1 of" in table.title
    assert csv_rows(report(path), "loss_rose")[1] == [name, "first epoch", "5", "", "", "", ""]


def test_a_loss_that_rose_is_told_of_every_study(tmp_path):
    """Also where it is that of a training which the point stands on."""
    for study in (synthetic_flearning, synthetic_kshot):
        path = study.write(tmp_path / f"{study.__name__}.h5")
        with h5py.File(path, "r+") as file:
            rose = np.zeros(len(file["points/id"]), np.uint8)
            rose[1] = 1
            file["points/loss_rose"] = rose
            name = file["points/id"][1].decode()
            if "loss" in file.get("curves", {}):
                file["curves/loss"][1] = np.nan
        table = rose_table(read(path))
        assert table.rows == [[name, "-", "-"]]
        assert "that of one it stands on did" in table.notes[0]


def write_abilities(path, ends, model="tiny"):
    """A task and a text: of the base model 0.5 and 8, of point k 0.25 and 10 + k at the end."""
    with h5py.File(path, "r+") as file:
        points = file["points"]
        n = len(points["id"])
        done = points["status"][()] == 2
        for name, units, found in (
            ("arc", "fraction", np.full(n, 0.25)),
            ("perplexity", "1", 10.0 + np.arange(n)),
        ):
            for k, end in enumerate(ends):
                shift = 0 if k == len(ends) - 1 else 0.125
                data = points.create_dataset(
                    f"ability_{name}{end}", data=np.where(done, found + shift, np.nan)
                )
                data.attrs["units"], data.attrs["role"] = units, "metric"
        base = file.create_group("abilities")
        base["model"] = np.array([b"other", model.encode()])
        base["ability_arc"], base["ability_perplexity"] = [0.75, 0.5], [9.0, 8.0]
    return path


def test_abilities_before_and_after_of_labels(tmp_path):
    world = synthetic_slick.World(seeds=(1, 2), epochs=4)
    path = synthetic_slick.write(tmp_path / "able.h5", world)
    (part,) = of_labels.parts(read(path), of_labels.models_of(read(path)))
    assert label_tables.abilities(part) is None and abilities(part.sweep) == []
    write_abilities(path, ("_early_stop", "_final"))
    sweep = read(path)
    (part,) = of_labels.parts(sweep, of_labels.models_of(sweep))
    assert abilities(sweep) == ["ability_arc", "ability_perplexity"]
    table = label_tables.abilities(part)
    head = ["ability", "D", "points", "base", "EARLY_STOP", "CONVERGENCE", "change"]
    assert table.columns == head
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    shown = rows["arc", "D_Natural"]
    # one model alone: of the first
    assert shown[0] == "2" and shown[1] == "75.0" and shown[4] == "-50.0"
    assert shown[2].startswith("37.5 ") and shown[3].startswith("25.0 ")
    natural = part.points[part.points["variant"] == "natural"].index
    change = 10 + natural.to_numpy().mean() - 9
    assert rows["perplexity", "D_Natural"][1] == "9.00"
    assert rows["perplexity", "D_Natural"][4] == f"{change:+.2f}"
    assert not any("at most are asked" in note for note in table.notes)
    with h5py.File(path, "r+") as file:
        science = json.loads(file.attrs["science"]) | {"ability.examples": "10"}
        file.attrs["science"] = json.dumps(science)
    sweep = read(path)
    (part,) = of_labels.parts(sweep, of_labels.models_of(sweep))
    assert "Of each task 10 examples at most are asked." in label_tables.abilities(part).notes


def test_abilities_before_and_after_of_experts_and_edits(tmp_path):
    path = synthetic_kshot.write(tmp_path / "experts.h5")
    write_abilities(path, ("",))
    table = expert_tables.abilities(of_experts.part_of(read(path)))
    assert table.columns == ["ability", "method", "points", "base", "after", "change"]
    assert [row[1] for row in table.rows if row[0] == "arc"][0] == "Base"
    assert {row[3] for row in table.rows if row[0] == "arc"} == {"75.0"}

    world = synthetic_flearning.World(methods=("original", "ft"), search=False)
    path = synthetic_flearning.write(tmp_path / "edits.h5", world)
    with h5py.File(path) as file:
        model = file["points/model"][0].decode()
    write_abilities(path, ("",), model)
    (part,) = of_edits.parts(read(path))
    table = edit_tables.ability_table(part)
    rows = {row[0]: row for row in table.rows}
    assert table.columns[1] == "Base model"
    assert rows["arc"][1] == "50.0" and rows["perplexity"][1] == "8.00"
    original = part.points[part.points["method"] == "original"].index.to_numpy()
    assert rows["perplexity"][2].startswith(f"{10 + original.mean():.2f}")
