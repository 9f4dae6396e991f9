"""`factsweep.open`: groups as data sets with named dimensions, read when they are used."""

import h5py
import numpy as np
import pytest
import synthetic_flearning
import synthetic_kshot
import synthetic_slick

import analysis
from analysis.store import StoreError

SLICK = synthetic_slick.World(seeds=(1, 2), epochs=6, questions=20, variants=("natural", "idk"))
FLEARNING = synthetic_flearning.World(seeds=(0, 1), records=(20,), edited=10)
KSHOT = synthetic_kshot.World(methods=("base", "ours"), axes=(), draws=(1,), examples=30)


@pytest.fixture(scope="module")
def slick(tmp_path_factory):
    return synthetic_slick.write(tmp_path_factory.mktemp("slick") / "a.h5", SLICK)


def test_points_have_axes_as_coordinates_and_states_in_words(slick):
    points = analysis.open(slick).points
    assert points["accuracy_test_final"].dims == ("point",)
    assert {"id", "variant", "unknown_ratio", "seed"} <= set(points.coords)
    assert points.seed.dtype == np.int64 and isinstance(points.variant.values[0], str)
    assert set(points.state.values) == {"done"}
    assert points["accuracy_test_final"].attrs["units"] == "fraction"


def test_values_are_those_of_the_file(slick):
    results = analysis.open(slick)
    with h5py.File(slick) as file:
        loss = file["curves/loss"][()]
        answers = file["predictions/answer_final"].asstr()[()]
        upstream = file["stages/upstream"][()]
    assert results.curves.loss.dims == ("point", "epoch")
    np.testing.assert_array_equal(results.curves.loss, loss)
    np.testing.assert_array_equal(results.curves.loss[::-1, [4, 1]], loss[::-1, [4, 1]])
    chosen = results["predictions"].answer_final.isel(point=[3, 0], question=slice(2, 9, 3))
    np.testing.assert_array_equal(chosen, answers[[3, 0], 2:9:3])
    np.testing.assert_array_equal(results.stages.upstream, upstream)
    assert results.stages.key.dims == ("stage",)


def test_a_curve_is_chosen_by_the_axes_of_its_points(slick):
    curves = analysis.open(slick).curves
    means = curves.accuracy_test.groupby("variant").mean("point")
    assert dict(means.sizes) == {"variant": 2, "epoch": 7}
    natural = curves.accuracy_test[curves.variant.values == "natural"]
    np.testing.assert_allclose(means.sel(variant="natural"), natural.mean("point"))


def test_nothing_is_read_before_it_is_used(slick, monkeypatch):
    from analysis import results

    read = []
    original = results._Stored._read
    monkeypatch.setattr(
        results._Stored, "_read", lambda self, key: read.append(self.name) or original(self, key)
    )
    predictions = analysis.open(slick)["predictions"]
    one = predictions.answer_final[0, 0]
    assert "/predictions/answer_final" not in read
    assert str(one.values).startswith("told") and "/predictions/answer_final" in read


@pytest.mark.parametrize(
    "synthetic, world", [(synthetic_flearning, FLEARNING), (synthetic_kshot, KSHOT)]
)
def test_other_studies_have_their_groups(tmp_path, synthetic, world):
    results = analysis.open(synthetic.write(tmp_path / "a.h5", world))
    expected = {
        "flearning": {"norms", "outcomes", "cases", "records/counterfact-edit"},
        "kshot": {"tests", "bank", "moe", "selection", "signals"},
    }[results.attributes["study"]]
    assert expected | {"points", "stages"} <= set(results)
    assert results["outcomes"].sizes["point"] == results.points.sizes["point"]
    assert "seed" in results["outcomes"].coords
    if "tests" in results:
        assert results.tests.right.dims == ("task", "model", "example")
    assert f"points: {{'point': {results.points.sizes['point']}}}" in repr(results)


def test_a_group_that_is_not_there_names_those_that_are(slick):
    with pytest.raises(KeyError, match="no group 'moe'; there are: curves, errors, inputs, labels"):
        analysis.open(slick)["moe"]


# --- Several files -----------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path):
    """B has the seeds of A and one more, more epochs, and has not finished its last two points.

    Its keys are those of A where the work is A's.
    """
    worlds = {
        "a": SLICK,
        "b": synthetic_slick.World(**{**vars(SLICK), "epochs": 8, "unfinished": 2}),
    }
    paths = [synthetic_slick.write(tmp_path / f"{n}.h5", world) for n, world in worlds.items()]
    with h5py.File(paths[1], "r+") as file:
        for row in (1, 3):  # of the first and the third point
            file["stages/key"][row] = b"%016x" % (16 + row)
    return paths


def open_parts(parts):
    """Points of other keys are equal on every axis here, which is said."""
    with pytest.warns(UserWarning) as told:
        results = analysis.open(parts)
    assert [str(w.message) for w in told] == results.conflicts
    return results


@pytest.mark.filterwarnings("ignore:.* that are the same work")  # of worlds that are drawn apart
def test_rows_of_several_files_are_joined_by_their_keys(parts):
    results = open_parts(parts)
    points, curves = results.points, results.curves
    assert points.sizes["point"] == 4 + 2 == curves.sizes["point"]
    assert points.file.values.tolist() == [str(parts[0])] * 4 + [str(parts[1])] * 2
    with h5py.File(parts[0]) as a, h5py.File(parts[1]) as b:
        wide = np.full((4, 9), np.nan)
        wide[:, :7] = a["curves/loss"]
        np.testing.assert_array_equal(curves.loss, np.vstack([wide, b["curves/loss"][[0, 2]]]))
        said = [a["predictions/answer_final"].asstr()[k] for k in range(4)]
        said += [b["predictions/answer_final"].asstr()[k] for k in (0, 2)]
    predictions = results["predictions"]
    np.testing.assert_array_equal(predictions.answer_final, said)
    assert predictions.correct_final.dtype == np.uint8
    assert predictions.row.dims == ("question",)
    assert results.labels.equals(analysis.open(parts[0]).labels)


def test_other_values_of_the_same_work_are_told_where_they_are_read(tmp_path):
    paths = [synthetic_slick.write(tmp_path / f"{n}.h5", SLICK) for n in "ab"]
    with h5py.File(paths[1], "r+") as file:
        file["curves/loss"][1:3, 2] = 7.5
        file["predictions/correct_final"][0, :2] = 1 - file["predictions/correct_final"][0, :2]
    results = analysis.open(paths)
    assert results.conflicts == []  # what /points has is equal
    told = r"/curves of .*b\.h5 differs from that of an earlier file in 2 of 4 points .*\(loss\)"
    with pytest.warns(UserWarning, match=told) as warned:
        loss = results.curves.loss
    assert len(warned) == 1 and (loss[1:3, 2] != 7.5).all()
    with pytest.warns(UserWarning, match=r"/predictions of .* in 1 of 4 .*\(correct_final\)"):
        results["predictions"]


def test_stages_of_several_files_are_there_once(parts):
    results = open_parts(parts)
    stages, points = results.stages, results.points
    assert stages.sizes["stage"] == 5 + 2 and len(set(stages.key.values)) == 7
    np.testing.assert_array_equal(stages.key.values[points.stage], points.stage_key)
    assert (stages.status.values[points.stage] == points.status).all()


def test_a_group_that_differs_is_named_when_it_is_asked_for(parts):
    with h5py.File(parts[1], "r+") as file:
        file["labels/base/category"][3] ^= 1
    results = open_parts(parts)
    assert results.points.sizes["point"] == 6
    with pytest.raises(StoreError, match="/labels/base differs between .*a.h5 and .*b.h5"):
        results.labels  # noqa: B018
