"""`compare`: equal to the bit or not, and which dataset differs first."""

import h5py
import numpy as np
import pytest
import synthetic_slick
from reports import compare
from results_file import write_root
from synthetic_slick import World

from analysis.paired import joined
from analysis.sweep import read

WORLD = World(seeds=(1, 2), epochs=8, questions=30, variants=("unknown_ratio", "natural"))


@pytest.fixture
def pair(tmp_path):
    return [synthetic_slick.write(tmp_path / f"{name}.h5", WORLD) for name in "ab"]


def test_what_depends_on_the_run_alone_does_not_count(pair, capsys):
    with h5py.File(pair[1], "r+") as h5:
        for name in ("points/seconds", "points/rank", "stages/seconds", "stages/rank"):
            h5[name][...] = h5[name][...] + 1
        h5.attrs["ranks"] = 2
        h5.attrs["start_time"] = "2031-05-05T00:00:00Z"
    assert compare(pair) == 0
    assert "identical" in capsys.readouterr().out
    assert not list(pair[0].parent.glob("*.png"))


@pytest.mark.parametrize(
    "name, place",
    [
        ("curves/accuracy_test", (3, 4)),
        ("predictions/correct_final", (2, 5)),
        ("labels/base/drawn", (7, 1)),
        ("labels/base/category_probability", (11, 3)),
    ],
)
def test_one_flipped_bit_is_found_and_named(pair, capsys, name, place):
    with h5py.File(pair[1], "r+") as h5:
        value = np.array([h5[name][place]])
        value.view(np.uint8)[0] ^= 1
        h5[name][place] = value[0]
    assert compare(pair, "--no-figure") == 1
    assert (
        f"different: 1 datasets, the first /{name} (1 values, the first at {list(place)}"
        in capsys.readouterr().out
    )


def test_a_changed_text_and_a_missing_dataset_are_found(pair, capsys):
    with h5py.File(pair[1], "r+") as h5:
        h5["labels/base/answer"][4] = "answer 5"
        del h5["curves/loss"]
    assert compare(pair, "--no-figure") == 1
    assert "different: 2 datasets, the first /curves/loss (only in A)" in capsys.readouterr().out


def test_points_are_joined_by_their_axes(pair):
    """B holds the points of A in reverse order, the natural ones with NaN for a ratio."""
    with h5py.File(pair[1], "r+") as h5:
        for group in ("points", "curves"):
            for name, data in h5[group].items():
                if name not in ("point", "epoch"):
                    data[...] = data[...][::-1]
    a, b = read(pair[0]), read(pair[1])
    points = joined(a, b)
    assert len(points) == len(a.points)
    assert (points["row_a"] + points["row_b"] == len(a.points) - 1).all()
    assert (points["accuracy_test_final_a"] == points["accuracy_test_final_b"]).all()


def test_differences_are_printed_and_drawn(pair, capsys):
    synthetic_slick.write(pair[1], WORLD, random_seed=1)
    with h5py.File(pair[1], "r+") as h5:
        h5["points/accuracy_dev_final"][...] = h5["points/accuracy_dev_final"][...]
        h5.attrs["science"] = '{"train.epochs": "9"}'
    assert compare(pair) == 1
    printed = capsys.readouterr().out
    assert "deck differs: train.epochs = 8 in A, 9 in B" in printed
    assert "accuracy_test_early_stop" in printed and "curve fitted_known" in printed
    assert (pair[0].parent / "a_vs_b.png").stat().st_size > 10_000


def _weights(path, value):
    """A weights file with one bf16 tensor, in the 16-bit float type of the layout."""
    bf16 = h5py.h5t.IEEE_F32LE.copy()
    bf16.set_fields(15, 7, 8, 0, 7)
    bf16.set_size(2)
    bf16.set_ebias(127)
    with h5py.File(path, "w") as h5:
        write_root(h5, "factsweep weights", study="slick")
        group = h5.create_group("deltas/natural-s1/final")
        space = h5py.h5s.create_simple((4,))
        tensor = h5py.Dataset(h5py.h5d.create(group.id, b"lm_head.weight", bf16, space))
        tensor[...] = np.array([0.0, 1.0, -2.0, value], np.float32)
    return path


def test_weights_files_are_compared_too(tmp_path, capsys):
    one, other = _weights(tmp_path / "a.h5", 0.5), _weights(tmp_path / "b.h5", 0.25)
    assert compare([one, one]) == 0
    assert compare([one, other]) == 1
    assert (
        "/deltas/natural-s1/final/lm_head.weight (1 values, the first at [3])"
        in capsys.readouterr().out
    )


def test_files_of_two_kinds_are_refused(pair, tmp_path, capsys):
    assert compare([pair[0], _weights(tmp_path / "w.h5", 1.0)]) == 2
    assert "two files of one kind" in capsys.readouterr().err
