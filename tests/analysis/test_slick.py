"""The quantities behind the figures, from a synthetic file whose truth is known."""

import copy
import itertools

import h5py
import numpy as np
import pytest
import synthetic_slick
from synthetic_slick import World

from analysis import drawn, style
from analysis.slick import errors, figures, quantities, ratios, tables
from analysis.slick.groups import Errors, Labels
from analysis.statistics import crossed_mean
from analysis.store import StoreError
from analysis.sweep import read


def parts_of(path):
    sweep = read(path)
    return quantities.parts(sweep, quantities.models_of(sweep))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return synthetic_slick.write(tmp_path_factory.mktemp("slick") / "full.h5")


@pytest.fixture(scope="module")
def part(file):
    (only,) = parts_of(file)
    return only


def test_reader_finds_axes_and_metrics(file):
    sweep = read(file)
    assert sweep.axes == ["seed", "unknown_ratio", "variant"]
    assert "accuracy_test_final" in sweep.metrics
    assert len(sweep.done) == len(sweep.points) == 3 * (7 + 5 + 5 + 1)
    assert sweep.group(Labels).answer[1] == "answer 1\u00e9"


def test_linear_model_recovers_the_synthetic_coefficients(part):
    fit = quantities.linear_model(part, "test")
    truth = [synthetic_slick.B0, synthetic_slick.B_KNOWN, synthetic_slick.B_UNKNOWN]
    assert [found.value for found in fit.intervals[:3]] == pytest.approx(truth, abs=0.2)
    assert fit.observations == 21 * 50  # epoch 0 is the base model, no training epoch
    assert fit.clusters == 21


def test_fitted_share_is_of_the_whole_set(part):
    points = part.ratios()
    share = quantities.fitted_share(part, points, "test")
    quarter = (points["unknown_ratio"] == 0.25).to_numpy()
    assert share["unknown"][quarter, -1] == pytest.approx(0.25, abs=0.02)
    assert share["known"][quarter, -1] == pytest.approx(0.75, abs=0.04)
    assert (share["unknown"][(points["unknown_ratio"] == 0).to_numpy()] == 0).all()


def test_learning_order_holds_and_a_planted_violation_is_found(file, tmp_path):
    (part,) = parts_of(file)
    assert all(not run.violations for run in quantities.learning_order(part))

    spoiled = tmp_path / "spoiled.h5"
    spoiled.write_bytes(file.read_bytes())
    row = int(part.ratios().query("unknown_ratio == 0.5 and seed == 2").index[0])
    with h5py.File(spoiled, "r+") as h5:
        h5["curves/fitted_unknown"][row, 7] = h5["curves/fitted_known"][row, 7]
    (part,) = parts_of(spoiled)
    bad = [run for run in quantities.learning_order(part) if run.violations]
    assert [(run.ratio, run.seed, run.violations) for run in bad] == [(0.5, 2, [7])]
    assert "14 of 15 runs" in tables.order_table(part).title


def test_unknown_by_sets_is_the_mean_over_all_choices():
    knows = np.random.default_rng(0).random((40, 5)) < 0.3
    for n in range(1, 6):
        choices = [~knows[:, list(c)].any(axis=1) for c in itertools.combinations(range(5), n)]
        assert quantities.unknown_by_sets(knows, n) == pytest.approx(np.mean(choices, axis=0))


def test_all_sets_give_the_stored_category(part):
    labels = part.labels
    by_sets = quantities.unknown_by_sets(quantities.set_knows(part, "test"), 10)
    assert ((by_sets == 1) == (labels.category == 3)).all()


def test_a_further_axis_makes_parts(tmp_path):
    path = synthetic_slick.write(
        tmp_path / "rates.h5",
        World(seeds=(1,), epochs=10, learning_rates=(1e-5, 1e-4), variants=("unknown_ratio",)),
    )
    found = parts_of(path)
    assert [s.name for s in found] == ["learning_rate = 1e-05", "learning_rate = 0.0001"]
    assert [len(s.points) for s in found] == [7, 7]


def test_points_of_another_model_have_its_labels(tmp_path):
    path = synthetic_slick.write(
        tmp_path / "models.h5",
        World(seeds=(1,), epochs=10, variants=("unknown_ratio", "natural")),
    )
    with h5py.File(path, "r+") as file:
        # as if the second half of the points were of a second model, which knows nothing
        count = len(file["points/id"])
        names = ["first"] * (count // 2) + ["second"] * (count - count // 2)
        file["points"].create_dataset("model", data=np.array(names, dtype="S6"))
        file["points/model"].attrs["role"] = "axis"
        unknown = np.full(len(file["labels/base/category"]), 3, dtype=np.uint8)
        file.create_dataset("labels/second/category", data=unknown)
    first, second = parts_of(path)
    assert (first.name, second.name) == ("model = first", "model = second")
    assert (second.labels.category == 3).all() and (first.labels.category != 3).any()
    assert second.labels.question.tolist() == first.labels.question.tolist()


def test_table2_marks_the_weak_variant_and_not_the_best(part):
    table = tables.table2(part, "final")
    full = {row[0]: row[2] for row in table.rows}
    assert full["D_Unknown"].endswith("**")
    assert not full["D_MaybeKnown"].endswith("*")


def test_limits_of_table_2_tell_of_seeds_and_questions(part):
    natural = part.variant("natural", "test")
    found = quantities.answers(part, natural, "final", "id", "test")
    assert found.index.tolist() == [1, 2, 3] and set(np.unique(found)) == {0.0, 100.0}
    accuracy = 100 * natural["accuracy_test_unknown_final"].to_numpy()
    unknown = crossed_mean(quantities.of_category(part, found, "unknown"))
    assert unknown.value == pytest.approx(
        np.mean([found.loc[s][part.labels.category[found.columns] == 3].mean() for s in (1, 2, 3)])
    )
    assert unknown.examples.degrees == (part.labels.category[found.columns] == 3).sum() - 1
    assert np.isfinite(accuracy).all()
    row = next(r for r in tables.table2(part, "final").rows if r[0] == "D_Natural")
    low, high = row[2].split("[")[1].rstrip("]*").split(", ")
    assert float(high) - float(low) > 4  # 600 questions alone give 95 % limits 7 points apart


def test_seeds_that_agree_are_not_certain(tmp_path):
    """62 of 100 questions right from every seed: not 62.0 \u00b1 0.0."""
    world = World(questions=25, epochs=4, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "agree.h5", world)
    with h5py.File(path, "r+") as h5:
        for when in ("early_stop", "final"):
            right = np.zeros(h5[f"predictions/correct_{when}"].shape, np.uint8)
            right[:, :62] = 1
            h5[f"predictions/correct_{when}"][...] = right
    (part,) = parts_of(path)
    row = tables.results_table(part).rows[0]
    assert row[3] == "62.0 [52.0, 71.0]"
    assert row[7] == "+0.0 [-3.6, +3.6]"  # the same answers at both ends
    with h5py.File(path, "r+") as h5:
        h5["points/epoch_early_stop"][...] = 4
    (part,) = parts_of(path)
    assert tables.results_table(part).rows[0][7] == "-"  # of one model, which both ends are


def test_both_lines_of_two_seeds_are_in_the_figure_and_one_epoch_is_no_epochs(tmp_path):
    world = World(seeds=(1, 2), questions=20, epochs=4, variants=("unknown_ratio",))
    path = synthetic_slick.write(tmp_path / "two.h5", world)
    with h5py.File(path, "r+") as h5:
        dev = h5["curves/accuracy_dev"]
        dev[...] = np.where((h5["points/seed"][()] == 2)[:, None], 0.9, dev[()])
    (part,) = parts_of(path)
    bottom = figures.fitting(part, ("known", "unknown"), "figure 1").axes[1]
    low, high = bottom.get_ylim()
    assert low < 100 * dev_of(part, 1).min() and high > 90
    assert all(float(tick).is_integer() for tick in bottom.get_xticks())
    left = ratios.by_duration(part, "test", "figure 3a").axes[0]
    named = [text.get_text() for text in left.get_legend().get_texts()]
    assert named[:2] == ["1 epoch", "2 epochs"]


def dev_of(part, seed):
    """[point, trained epoch] at half of the examples Unknown."""
    _, points = part.half("the test")
    return part.curve("accuracy_dev", points[points["seed"] == seed], "the test")[:, 1:]


def test_i_dont_know_is_no_answer(part):
    idk = part.variant("idk", "test")
    found = quantities.answers(part, idk, "final", "id", "test")
    assert found.isna().any(axis=None)
    expected = 100 * idk["accuracy_test_final"].mean()
    assert crossed_mean(found).value == pytest.approx(expected)
    table = tables.table3(part)
    share = 100 * (1 - found.isna().to_numpy().mean())
    assert table.rows[1][table.columns.index("CONV answered")].startswith(f"{share:.1f} [")


def test_right_of_all_counts_silence_as_wrong(part):
    idk = part.variant("idk", "test")
    rows = np.isin(part.predictions.row, np.flatnonzero(part.labels.rows("test", "id")))
    right = part.predictions.correct_final[idk.index][:, rows] == 1
    row = dict(zip(tables.table3(part).columns, tables.table3(part).rows[1], strict=True))
    assert row["CONV right of all"].startswith(f"{100 * right.mean():.1f} [")
    assert float(row["CONV accuracy"].split()[0]) > 100 * right.mean()


def test_exact_match_and_f1_and_kinds_are_of_the_same_answers(part):
    table = errors.f1_table(part)
    assert len(table.rows) == 7 + 5 + 5 + 1
    row = next(dict(zip(table.columns, r, strict=True)) for r in table.rows if r[0] == "D_Natural")
    exact, f1 = (float(row[f"CONV {name}"].split()[0]) for name in ("EM", "F1"))
    points = part.variant("natural", "test")
    rows = np.isin(part.predictions.row, np.flatnonzero(part.labels.rows("test", "id")))
    stored = part.predictions.f1_final[points.index][:, rows]
    assert f1 == pytest.approx(100 * stored.mean(), abs=0.06) and f1 > exact
    assert "over 108 evaluations" in table.notes[0]  # 54 runs, two ends

    kinds = errors.kind_table(part)
    row = next(r for r in kinds.rows if r[:2] == ["D_Natural", "CONV"])
    shares = [float(cell.split()[0]) for cell in row[3:]]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert float(row[2].split()[0]) == pytest.approx(100 - exact, abs=0.11)
    stored = part.predictions.kind_final[points.index][:, rows]
    assert shares[1] == pytest.approx(100 * (stored == 2).sum() / (stored > 0).sum(), abs=0.3)


def test_wrong_answers_of_the_base_model_are_counted_and_listed(file):
    sweep = read(file)
    found = sweep.group(Errors)
    rows = {row[0]: row[1:] for row in errors.base_table(found, {}).rows}
    assert rows["same words"] == ["1", "1", "25.0"] and rows["other"] == ["0", "0", "0.0"]
    listed = errors.base_answers(found, sweep.group(Labels))
    assert len(listed.rows) == 8
    labels = sweep.group(Labels)
    first = np.flatnonzero(labels.split == "test")[0]
    assert listed.rows[0] == [
        labels.question[first],
        labels.answer[first],
        "no 0\u00e9",
        "greedy",
        "same words",
        "25.0",
    ]


def test_early_stop_of_idk_says_which_rule(part):
    assert part.early_stop.endswith("of all of them (slick.early_stop = all)")


def test_records_that_differ_and_records_left_out_are_told(part):
    labels = part.labels
    table = tables.label_table(labels, {}, "train", "id", "four_categories")
    count = int(labels.ambiguous[labels.rows("train", "id") & labels.labelled].sum())
    assert any(note.startswith(f"{count} of them ask") for note in table.notes)
    assert tables.data_table(part.data, "left_out").rows == [["several answers", "31"]]


def test_table3_compares_with_the_ratio_of_idk(part):
    plain, idk = tables.table3(part).rows
    assert plain[4].startswith("100.0")  # answered
    assert float(idk[2].split()[0]) > float(plain[2].split()[0])  # accuracy over the answered


def test_label_table_counts_and_smallest_category(part):
    labels = part.labels
    table = tables.label_table(labels, {}, "train", "id", "four_categories")
    chosen = labels.rows("train", "id") & labels.labelled
    assert [int(table.rows[-1][k]) for k in (1, 3, 5, 7)] == np.bincount(
        labels.category[chosen]
    ).tolist()
    assert int(table.rows[-1][-1]) == sum(int(row[-1]) for row in table.rows[:-1])
    assert any(note.startswith("min: the smallest category") for note in table.notes)


def test_label_table_has_what_limits_d_by_the_rule_of_the_deck(part):
    labels = part.labels
    table = tables.label_table(labels, {}, "train", "id", "known_unknown")
    for row in table.rows[:-1]:
        of = labels.rows("train", "id") & labels.labelled & (labels.relation == row[0])
        *known, unknown = labels.counts(of)
        assert int(row[-1]) == min(sum(known), unknown)
    assert any(note.startswith("min: the smaller of Known and Unknown") for note in table.notes)


def test_questions_with_several_answers_are_counted_as_such(part):
    aliases = np.full(len(part.labels.question), "", dtype=object)
    chosen = np.flatnonzero(part.labels.rows("train", "id") & part.labels.labelled)
    aliases[chosen[:3]] = '["another"]'
    labels = copy.copy(part.labels)
    labels.aliases, labels.ambiguous = aliases, None
    notes = tables.label_table(labels, {}, "train", "id", "four_categories").notes
    assert "3 of them have several answers, of which any is right." in notes
    assert not any("data.repeated" in note for note in notes)


@pytest.mark.parametrize(
    "attribute, value, message",
    [
        ("filetype", "something", "filetype is 'something'"),
        ("filetype", "factsweep weights", "not NAME.weights.h5"),
        ("layout_version", 1, "layout_version is 1"),
    ],
)
def test_a_foreign_file_is_refused(file, tmp_path, attribute, value, message):
    path = tmp_path / "foreign.h5"
    path.write_bytes(file.read_bytes())
    with h5py.File(path, "r+") as h5:
        h5.attrs[attribute] = value
    with pytest.raises(StoreError, match=message):
        read(path)


def test_what_went_from_right_to_wrong_and_to_what(tmp_path):
    path = synthetic_slick.write(tmp_path / "forgot.h5", World(seeds=(1, 2), epochs=4, questions=6))
    with h5py.File(path, "r+") as h5:
        rows = h5["predictions/row"][:]
        variant = h5["points/variant"].asstr()[:]
        h5["labels/base/greedy"][:, 0] = 0
        h5["labels/base/greedy"][rows[3], 0] = 1
        h5["labels/base/greedy"][rows[4], 0] = 1
        h5["predictions/correct_final"][:] = 1
        natural = np.flatnonzero(variant == "natural")
        h5["predictions/correct_final"][natural[0], 3] = 0
        h5["predictions/correct_final"][natural[1], 5] = 0  # wrong before, too
        h5["predictions/answer_final"][natural[0], 3] = "a lie"
    (part,) = parts_of(path)
    (row,) = errors.forgotten_table(part).rows
    assert row[0] == "D_Natural" and row[2] == f"answer {rows[3]}\u00e9"
    assert row[4:] == [f"said {rows[3]}", "a lie", "1 of 2"]
    with h5py.File(path, "r+") as h5:
        del h5["predictions/answer_final"]
    (part,) = parts_of(path)
    assert errors.forgotten_table(part) is None


def test_exposures_of_a_large_corpus_are_shown_by_powers_of_ten(tmp_path):
    path = synthetic_slick.write(tmp_path / "counted.h5", World(seeds=(1,), epochs=4))
    with h5py.File(path, "r+") as h5:
        counts = h5["labels/base/exposures"]
        counts[:] = -1
        counts[:5] = [0, 7, 950, 20_000, 5_000_000]
        asked = h5["labels/base/category"][:5] != 255
    figure = figures.categories_by_exposure(read(path).group(Labels))
    (axes,) = figure.axes[:1]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert asked.all()
    assert shown == ["0", "2\u201310", "$\\leq 10^3$", "$\\leq 10^5$", "$> 10^6$"]
    style.save(figure, tmp_path / "exposures.png")
    first = drawn.series(figure)[0]
    assert first.x == ["0", "2\u201310", "\u2264 10^3", "\u2264 10^5", "> 10^6"]
    assert [found.examples for found in first.found] == [1] * 5
