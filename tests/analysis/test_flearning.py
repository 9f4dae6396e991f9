"""The quantities behind the F-Learning tables and figures, from files whose truth is known."""

import h5py
import numpy as np
import pytest
import synthetic_flearning
from synthetic_flearning import MEAN, NORM, World

from analysis.flearning import orderings, quantities, tables, trainings
from analysis.store import Missing
from analysis.sweep import read

EIGHT = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


def part_of(path, world=World(), index=0):
    return quantities.parts(read(synthetic_flearning.write(path, world)))[index]


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return part_of(tmp_path_factory.mktemp("flearning") / "full.h5")


def only(part, method, lambda_=None):
    (found,) = [v for v in part.variants(method) if lambda_ in (None, v.lambda_)]
    return found


def test_columns_are_told_by_their_roles(part):
    axes = ["method", "lambda", "layers", "preset", "model", "data_set", "records", "seed"]
    assert part.sweep.axes == sorted(axes)
    assert {"reliability", "n_records"} <= set(part.sweep.metrics)
    assert part.sweep.roles["edit_seconds"] == "time"


def test_a_variant_has_a_point_for_each_seed(part):
    found = part.variants()
    assert all(v.points["seed"].tolist() == [0, 1, 2] for v in found)
    assert sum(len(v.points) for v in found) == len(part.sweep.points)
    assert [v.label for v in part.variants("f_learning_ft")] == [
        "F-Learning_FT, \u03bb 0.1",
        "F-Learning_FT, \u03bb 0.3",
        "F-Learning_FT, \u03bb searched: 0.3",  # the mean of 0.25, 0.3 and 0.35
    ]


def test_means_of_all_records_are_those_of_the_points(part):
    for variant in part.variants():
        for outcome in quantities.OUTCOMES:
            whole = part.mean(variant, outcome)
            assert part.mean(variant, outcome, first=80) == whole
            assert whole.value == pytest.approx(100 * variant.points[outcome].mean())
            assert whole.value == pytest.approx(
                100 * MEAN[variant.method][quantities.OUTCOMES.index(outcome)], abs=6
            )


def test_trained_methods_are_also_asked_about_what_the_editors_edited(part):
    assert (part.records, part.edited) == (80, 30)
    ft = only(part, "ft")
    values = part.outcomes.generality[ft.points.index.to_numpy()]
    expected = 100 * np.nanmean(values[:, :30].astype(float), axis=1)
    found = part.mean(ft, "generality", first=30)
    assert found.value == pytest.approx(expected.mean())
    assert (found.runs.degrees, found.examples.degrees) == (2, 28)  # one has no rephrasing
    row = {row[0]: row for row in tables.subset_table(part).rows}
    assert row["Full-FT"][5].startswith(f"{expected.mean():.1f}")
    assert row["ROME"][2] == "30" and row["Full-FT"][2] == "80"


# --- Orderings ---------------------------------------------------------------------------------


def verdicts(part):
    return {
        (t.better.method, t.outcome, t.better.lambda_): orderings.verdict(t)
        for t in orderings.tests(part)
    }


def test_planted_orderings_are_found(part):
    found = verdicts(part)
    for lambda_ in (0.1, 0.3):
        assert found["f_learning_ft", "reliability", lambda_] == "holds"
        assert found["f_learning_ft", "generality", lambda_] == "holds"
        assert found["f_learning_ft", "locality", lambda_] == "undecided"
    assert found["f_learning_lora", "reliability", 0.7] == "undecided"
    assert found["f_learning_lora_ft", "reliability", 3.0] == "does not hold"


def test_rome_is_set_against_the_strongest_on_its_own_records(part):
    (rome,) = [t for t in orderings.tests(part) if t.better.method == "rome"]
    assert (rome.worse.method, rome.records, rome.seeds) == ("memit", 30, 3)
    assert orderings.verdict(rome) == "holds"
    assert len(orderings.published_differences(part, rome)) == 4  # BLOOM has no ROME


def test_a_difference_is_that_of_the_same_record_and_seed(part):
    better, worse = only(part, "f_learning_ft", 0.3), only(part, "ft")
    found = orderings.test(part, better, worse, "reliability")
    expected = part.mean(better, "reliability").value - part.mean(worse, "reliability").value
    assert found.difference.value == pytest.approx(expected)
    assert found.difference.low < found.difference.value < found.difference.high


def test_few_records_give_no_verdict(tmp_path):
    world = World(methods=("ft", "f_learning_ft"), records=(10,), search=False)
    found = verdicts(part_of(tmp_path / "few.h5", world))
    assert set(found.values()) == {"too few records"}


def test_seeds_that_only_one_method_has_finished_are_left_out(tmp_path):
    world = World(methods=("ft", "f_learning_ft"), lambdas=(0.3,), search=False, unfinished=1)
    tests = orderings.tests(part_of(tmp_path / "partial.h5", world))
    assert [t.seeds for t in tests] == [2, 2, 2]


def test_lambda_zero_is_no_case_of_a_claim(tmp_path):
    world = World(methods=("ft", "f_learning_ft"), lambdas=(0.0, 0.3), search=False)
    found = verdicts(part_of(tmp_path / "zero.h5", world))
    assert {lambda_ for _, _, lambda_ in found} == {0.3}


def test_orderings_need_two_methods(tmp_path):
    alone = part_of(tmp_path / "alone.h5", World(methods=("ft",)))
    with pytest.raises(Missing, match="two methods"):
        orderings.tests(alone)


def test_published_differences_of_a_claim():
    for table in ("outcomes", "lambda", "seconds"):
        assert all(quantities.paper(f"{table} {name}") for name in quantities.DATA_SETS)
    rows = quantities.paper("outcomes zsre")
    better, worse = rows["f_learning_ft"], rows["ft"]
    assert better["LLaMA2-7B"][0] - worse["LLaMA2-7B"][0] == pytest.approx(3.63)
    assert quantities.data_set_of("zsre_mend_eval") == "zsre"
    assert quantities.data_set_of("Counter-Fact-edit") == "counterfact"
    assert quantities.data_set_of("wiki_recent") is None


# --- Layers and lambda -------------------------------------------------------------------------


def test_norms_are_at_lambda_one_whatever_lambda_was_run(part):
    full, lora = (quantities.forget_norms(part, how) for how in ("full", "lora"))
    assert list(full) == ["q", "k", "v", "o", "gate", "up", "down"]
    assert list(lora) == ["q", "v"]  # the others do not move
    for values in (*full.values(), *lora.values()):
        assert values.shape == (3, 4)
        assert values == pytest.approx(NORM)


def test_norms_come_from_points_that_forget_everywhere(tmp_path):
    world = World(methods=("forget_ft",), layers=("2-3", "all"))
    assert quantities.forget_norms(part_of(tmp_path / "all.h5", world), "full")[
        "q"
    ] == pytest.approx(NORM)
    world = World(methods=("forget_ft",), layers=("2-3",))
    with pytest.raises(Missing, match="figure 4"):
        quantities.forget_norms(part_of(tmp_path / "some.h5", world), "full")


def test_cosines_of_the_adapted_matrices(part):
    found = quantities.cosines(part, only(part, "f_learning_lora", 0.7))
    assert list(found) == ["q", "v"]
    assert found["q"][0] == pytest.approx([-0.2, -0.1, 0.0, 0.1], abs=1e-6)


def test_lambda_zero_is_the_original_model(part):
    curve = quantities.by_lambda(
        part, part.variants("forget_ft"), "reliability_old", at_zero="original"
    )
    assert list(curve) == [0.0, 0.1, 0.3]  # the searched one has no place of its own
    assert curve[0.0] == part.mean(only(part, "original"), "reliability_old")


# --- Time and trainings ------------------------------------------------------------------------


def test_seconds_by_number_of_edits_and_their_ratio_to_full_fine_tuning(tmp_path):
    world = World(methods=("ft", "f_learning_ft", "rome"), records=(1, 10), edited=5, search=False)
    table = tables.time_table(part_of(tmp_path / "time.h5", world))
    assert table.columns[1:5] == ["1 edits: s", "s per edit", "x Full-FT", "paper 1"]
    rows = {row[0]: row for row in table.rows}
    assert rows["F-Learning_FT, \u03bb 0.1"][1:5] == ["1", "1", "2.00", "1.47 (2.04)"]
    assert rows["ROME"][5:8] == ["50 for 5", "10", "20.00"]
    assert rows["ROME"][5].found[0].examples == 5


def test_eight_lambdas_share_the_trainings_before_them(tmp_path):
    world = World(seeds=(0,), lambdas=EIGHT, methods=("forget_ft", "f_learning_ft"), search=False)
    whole = read(synthetic_flearning.write(tmp_path / "eight.h5", world))
    forgetting, learning, _ = sorted(trainings.savings(whole), key=lambda s: s.alone)
    assert (learning.points, learning.alone, learning.shared) == (8, 24, 10)
    assert (forgetting.points, forgetting.alone, forgetting.shared) == (8, 16, 2)
    assert learning.shared_seconds == 30 + 20 + 8 * 25
    assert trainings.training_table(whole).title == "Trainings: 10 in place of 40"


def test_all_methods_together_trained_what_the_journal_has(part):
    kinds = part.sweep.stages["kind"].value_counts()
    together = trainings.savings(part.sweep)[-1]
    assert together.shared == kinds["original"] + kinds["delta"] + kinds["learn"]
    assert together.points == len(part.sweep.points)


def test_two_models_have_their_own_trainings(tmp_path):
    world = World(seeds=(0,), models=("tiny", "small"), methods=("ft",))
    whole = read(synthetic_flearning.write(tmp_path / "models.h5", world))
    saving, _ = trainings.savings(whole)
    assert (saving.points, saving.alone, saving.shared) == (2, 4, 4)
    assert saving.alone_seconds == saving.shared_seconds == 2 * (30 + 25)


def test_searches_tell_what_they_tried(part):
    title, tried, locality, found = trainings.searches(part.sweep)[1]
    assert (title, found) == ("full all tiny counterfact-edit n80 s1", 0.3)
    assert tried.tolist() == [2.0, 1.0, 0.5, 0.25]  # what was not tried is left out
    assert locality == pytest.approx(1 - 0.4 * tried)


def test_cases_are_told_at_the_papers_lambda_and_of_the_first_seed(part):
    table = tables.case_table(part)
    assert table.columns[1:] == [f"Where is {k}\u00e9?" for k in range(5)]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["the new answer"] == [f"new {k}" for k in range(5)]
    assert rows["F-Learning_FT, \u03bb 0.3"][4] == "f_learning_ft 0.3 s0 4"
    assert rows["Original model"][0] == "original nan s0 0"
    assert len(table.rows) == 2 + len(MEAN)


def test_abilities_stand_beside_the_task_of_the_same_name(tmp_path):
    table = tables.ability_table(part_of(tmp_path / "abilities.h5", World(abilities=True)))
    rows = {row[0]: row for row in table.rows}
    assert rows["gsm8k"][1:3] == ["2.0 [2.0, 2.0]", "2.4"]
    assert rows["mmlu_college_physics"][2] == "19.6"
    assert table.columns[3] == "Forgetting (FT), \u03bb 0.3"  # the paper's lambda


def test_a_bloom_like_matrix_name_is_shortened():
    assert quantities.short_module("self_attn.q_proj") == "q"
    assert quantities.short_module("self_attention.query_key_value") == "query_key_value"


def test_two_models_of_one_name_are_no_seeds_of_one(tmp_path):
    world = World(models=("base", "other"), methods=("original", "ft"), seeds=(0, 1), search=False)
    path = synthetic_flearning.write(tmp_path / "twins.h5", world)
    with h5py.File(path, "r+") as h5:
        names = h5["points/model"].asstr()[()]
        for name in ("outcomes/reliability", "points/reliability"):
            values = h5[name][()]
            values[names == "other"] = 0.0
            h5[name][...] = values
        h5["points/model"][...] = np.full(len(names), "base").astype(h5["points/model"].dtype)
    first, second = quantities.parts(read(path))
    assert (first.name, second.name) == ("base (1)", "base (2)")
    assert first.mean(only(first, "ft"), "reliability").value > 60
    assert second.mean(only(second, "ft"), "reliability").value == 0
    for part in (first, second):
        for row in tables.outcome_table(part).rows:
            assert row[1] == "2"  # seeds


def test_two_seeds_that_differ_print_no_limits_outside_of_a_share(tmp_path):
    world = World(methods=("ft",), seeds=(0, 1), search=False)
    path = synthetic_flearning.write(tmp_path / "two.h5", world)
    with h5py.File(path, "r+") as h5:
        h5["outcomes/reliability"][0], h5["outcomes/reliability"][1] = 0.0, 0.41
        h5["points/reliability"][...] = [0.0, 0.41]
    (part,) = quantities.parts(read(path))
    (row,) = tables.outcome_table(part).rows
    assert row[3] == "20.5 [0.0, 100.0]"


def test_a_file_without_outcomes_by_record_still_has_its_means(tmp_path):
    path = synthetic_flearning.write(tmp_path / "means.h5", World(search=False))
    with h5py.File(path, "r+") as h5:
        del h5["outcomes"]
    (part,) = quantities.parts(read(path))
    rows = {row[0]: row for row in tables.outcome_table(part).rows}
    assert (
        rows["ROME"][3].partition(" ")[0]
        == f"{100 * part.variants('rome')[0].points['reliability'].mean():.1f}"
    )
    with pytest.raises(Missing, match="/outcomes/reliability"):
        orderings.tests(part)


def test_records_left_out_are_told_from_those_not_used_wholly(part):
    table = trainings.left_out_table(part.sweep)
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["left out of the file"] == "7 no new answer (a.json:3; a.json:9)"
    assert row["questions left out"] == "none"
    assert row["repeated"] == "none"
    assert row["not measured"] == "none"
    assert row["not used"] == "4 'portability'; 2 further rephrasings"


def test_portability_is_a_metric_where_it_is_asked(part, tmp_path):
    assert "portability" not in tables.outcome_table(part).columns
    asked = part_of(tmp_path / "ported.h5", World(methods=("original", "ft"), portability=True))
    table = tables.outcome_table(asked)
    for row in table.rows:
        at = table.columns.index("portability")
        assert row[at].startswith("25.0")
        assert row[at + 1].startswith("25.0")


def test_an_original_model_as_it_is_takes_no_training(tmp_path):
    path = synthetic_flearning.write(tmp_path / "as_it_is.h5", World(methods=("original", "ft")))
    with h5py.File(path, "r+") as h5:
        for key in list(h5["tuning"]):
            del h5[f"tuning/{key}/seconds"]
            h5[f"tuning/{key}/locality_predicted"] = np.zeros((1, 1), np.int32)
    original, full, both = trainings.savings(read(path))
    assert (original.alone, original.shared) == (0, 0)
    assert (full.alone, full.shared) == (3, 3)
    assert both.shared == 3
