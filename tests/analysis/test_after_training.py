"""What fine-tuning came to, in the part of the report that all studies share."""

import h5py
import numpy as np
import synthetic_flearning
import synthetic_kshot
import synthetic_slick
from reports import csv_rows, report

from analysis.after_training import rose_table
from analysis.sweep import read


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


def test_a_loss_that_rose_is_told_of_every_study(tmp_path, capsys):
    """Also where it is that of a training which the point stands on."""
    for study in (synthetic_flearning, synthetic_kshot):
        path = study.write(tmp_path / f"{study.__name__}.h5")
        with h5py.File(path, "r+") as file:
            points = file["points"]
            rose = np.zeros(len(points["id"]), np.uint8)
            rose[1] = 1
            points["loss_rose"] = rose
            name = points["id"][1].decode()
            if "loss" in file.get("curves", {}):
                file["curves/loss"][1] = np.nan
        report(path)
        told = capsys.readouterr().out.split("their numbers are of no model")
        assert len(told) == 2 and name in told[1] and "that of one it stands on did" in told[1]
