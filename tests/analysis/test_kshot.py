"""What the K-shot report shows: what was planted in a synthetic file is found again."""


import h5py
import numpy as np
import pytest
import synthetic_kshot
from synthetic_kshot import BANK, FAILURE, MEAN, OTHERS, World

from analysis.kshot import experts, figures, left_out, projection, tables
from analysis.kshot.quantities import CASES, METHODS, cases, part_of, task_of
from analysis.published import paper_table
from analysis.sources import source_table
from analysis.statistics import spearman
from analysis.sweep import read


def rows_of(table):
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return part_with(tmp_path_factory.mktemp("kshot"))


def part_with(folder, **world):
    return part_of(read(synthetic_kshot.write(folder / "whole.h5", World(**world))))


# --- Accuracy ----------------------------------------------------------------------------------


def test_first_setting_of_each_method_alone_makes_table_1(part):
    for method, planted in MEAN.items():
        found = part.average(part.first(method, "test"))
        one = method in ("base", "expert_lora", "source_best")
        assert found.value == pytest.approx(100 * planted, abs=8 if one else 4)  # 400 examples
        runs = part.accuracies(part.first(method, "test"))["arc_c"].runs
        assert runs.degrees == (0 if one else 2)


@pytest.mark.parametrize("axis", OTHERS)
def test_an_axis_is_varied_with_all_others_at_their_first_value(part, axis):
    points = part.along(axis, "test")
    planted = {**OTHERS[axis], synthetic_kshot.FIRST[axis]: 0.0}
    if axis == "budget":
        planted[0] = OTHERS["data_selection"]["none"]  # no open data at all
    counts = points.groupby(axis).size().to_dict()
    if axis == "tau":
        assert set(counts) == set(planted)
    assert counts == dict.fromkeys(planted, 12)  # 2 tasks, 3 draws, 2 seeds
    for value, added in planted.items():
        found = part.average(points[points[axis] == value])
        assert found.value == pytest.approx(100 * (MEAN["ours"] + added), abs=4)


def test_intervals_are_over_draws_with_their_seeds_averaged_and_over_examples(part):
    points = part.first("ours", "test")
    found = part.accuracies(points)["arc_c"]
    of_task = points[points["task"] == "arc_c"]
    assert found.value == pytest.approx(100 * of_task["accuracy"].mean())
    assert (found.runs.degrees, found.examples.degrees) == (2, 199)
    by_draw = 100 * of_task.groupby("draw")["accuracy"].mean()
    assert found.runs.variance == pytest.approx(by_draw.var() / 3)
    one = part.accuracies(points[points["draw"] == 1])["arc_c"]
    assert one.runs.degrees == 1  # one draw: over its seeds
    base = part.accuracies(part.first("base", "test"))["arc_c"].share
    assert base.low < base.value - 3 and base.high > base.value + 3  # of 200 examples alone


def test_a_task_that_has_not_finished_gives_no_average(part):
    points = part.first("ours", "test")
    points = points[points["task"] == "arc_c"]
    assert list(part.accuracies(points)) == ["arc_c"]
    assert np.isnan(part.average(points).value)


def test_published_numbers_stand_beside_ours(part):
    row = rows_of(tables.method_table(part))["Ours"]
    assert row["paper LLaMA2-7B"] == "57.8 / 24.8 (41.3)"  # of arc_c and gsm8k
    assert row["paper Mistral-7B"] == "81.4 / 52.9 (67.2)"
    by_experts = rows_of(tables.axis_table(part, "experts", "table6_experts"))
    assert by_experts["2"]["paper LLaMA2-7B"] == "(52.2)"
    by_data = rows_of(tables.axis_table(part, "data_selection", "table3_data_selection"))
    assert by_data["cosine, no dedup (\u03c4 = 1)"]["paper LLaMA2-7B"].startswith("54.6")


def test_only_the_same_method_has_a_published_number(part):
    """The paper's Random has fresh experts; its Arrow and PHATGOOSE were given the task's data."""
    unlike = {METHODS[m] for m in ("random", "arrow", "lora", "uniform", "phatgoose")}
    for table in (tables.method_table(part), tables.difference_table(part)):
        without = {row for row, cells in rows_of(table).items() if cells["paper LLaMA2-7B"] == "-"}
        assert without == unlike
    assert rows_of(tables.method_table(part))["Arrow"]["paper LLaMA2-7B"] == "56.9 / 22.6 (39.8)"


def test_published_averages_are_those_the_paper_prints():
    table1 = paper_table("kshot", "method")
    means = {method: np.mean(row["LLaMA2-7B"]) for method, row in table1.items()}
    printed = {
        "base": 36.60,
        "fresh_experts_shots": 42.11,
        "fresh_experts": 44.07,
        "source_best_sft": 51.45,
        "lorahub_data": 43.86,
        "mixlora": 42.21,
        "mixlora_data": 46.30,
        "smear": 50.28,
        "phatgoose_data": 42.38,
        "arrow_trained": 50.68,
        "ours": 52.50,
    }
    for method, value in printed.items():
        assert means[method] == pytest.approx(value, abs=0.011)
    signals, shots = (paper_table("kshot", name) for name in ("signals", "shots"))
    assert table1["ours"] == signals["pad"] == shots["50"]
    assert [task_of(n) for n in ("ARC-c", "arc-easy", "w1")] == ["arc_c", "arc_e", None]


def test_likelihood_is_a_column_of_tasks_with_options_alone(part):
    table = tables.method_table(part)
    assert table.columns[2:7] == ["arc_c", "likelihood", "gsm8k", "average", "likelihood"]
    accuracy, likelihood = (float(cell.partition(" ")[0]) for cell in table.rows[0][2:4])
    assert likelihood == pytest.approx(accuracy / 2, abs=0.1)


def test_differences_are_paired_and_judged(part):
    found = rows_of(tables.difference_table(part))
    for method, label in (
        ("base", "Base"),
        ("random", METHODS["random"]),
        ("lorahub", "LoRAHub"),
    ):
        assert found[label]["ours is better"] == "holds"
        value = float(found[label]["average"].partition(" ")[0])
        assert value == pytest.approx(100 * (MEAN["ours"] - MEAN[method]), abs=5)
    assert "Ours" not in found
    assert found["Base"]["paper LLaMA2-7B"] == "23.9 / 8.1 (16.0)"  # of arc_c and gsm8k


def test_a_difference_is_over_draws_or_of_a_single_one_over_seeds(part, tmp_path):
    def of_task(source, method):
        points = source.first(method, "test")
        return points[points["task"] == "arc_c"]

    found = part.difference(of_task(part, "ours"), of_task(part, "base"))
    assert (found.runs.degrees, found.examples.degrees) == (2, 199)
    one = part_with(tmp_path, methods=("uniform", "ours"), axes=(), draws=(1,), seeds=(1, 2, 3, 4))
    found = one.difference(of_task(one, "ours"), of_task(one, "uniform"))
    assert found.runs.degrees == 3  # uniform has no seeds
    alone = part_with(tmp_path, methods=("base", "ours"), axes=(), draws=(1,), seeds=(1,))
    notes = " ".join(tables.difference_table(alone).notes)
    assert "limits tell of the examples alone" in notes
    assert "limits tell of the examples alone" not in " ".join(tables.difference_table(part).notes)


def test_what_an_expert_lora_learnt_stands_beside_what_there_was_to_learn(part, tmp_path):
    (note,) = [n for n in tables.method_table(part).notes if "Expert LoRA learnt" in n]
    assert "arc_c 90 of 400; gsm8k 100 of 400" in note  # of arc_c 10 had too long a prompt
    few = part_with(tmp_path, methods=("base",))
    assert not any("Expert LoRA learnt" in note for note in tables.method_table(few).notes)


# --- Selection ---------------------------------------------------------------------------------


def test_cases_of_two_experts(part):
    """Adapter 0 has the first 70 % right, adapter 1 the first 60 %: a tenth is mixed."""
    found = cases(part)
    assert len(found) == 12
    for one in found:
        assert one.experts == list(BANK[:2])
        assert dict(zip(CASES, one.counts, strict=True)) == {
            "all correct": 120,
            "mixed": 20,
            "all incorrect": 60,
        }
        assert one.expert_errors.tolist() == [0, 100]
        assert one.mixture_error < 60
    row = rows_of(experts.mixed_table(part))["arc_c"]
    assert (
        row["best expert"].startswith("0.0 [0.0, ")
        and row["cases"] == "20.0"
        and row["paper"] == "40 / 50.0 / 37.5 / 32.5"
    )


def test_reasoning_perplexity_tells_the_good_adapters(part):
    assert part.correlations(0, "reasoning_perplexity") == pytest.approx([-1, -1, -1])
    assert (part.correlations(0, "perplexity") > -1).all()
    row = rows_of(experts.correlation_table(part))["arc_c"]
    assert row["reasoning"] == "-1.00" and row["adapters"] == "5"


def test_spearman():
    a = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, np.array([4.0, 3.0, 2.0, 1.0, 0.0])) == pytest.approx(-1)
    assert spearman(a, np.array([1.0, 2.0, 2.0, 3.0, 0.0])) == pytest.approx(0.9486833)  # scipy's
    assert np.isnan(spearman(a, np.ones(5))) and np.isnan(spearman(a[:2], a[:2]))


def test_kept_share_of_the_open_data(part):
    row = rows_of(experts.kept_table(part))["100 at 0.8"]
    assert row["arc_c"] == row["kept (%)"] == "20.0"  # in every draw
    assert row["paper"] == "10"


def test_a_task_whose_adapters_were_not_tested_has_no_panel(tmp_path):
    path = synthetic_kshot.write(tmp_path / "half.h5")
    with h5py.File(path, "r+") as file:
        file["tests/accuracy"][1] = np.nan
    half = part_of(read(path))
    for draw, columns in ((figures.perplexity, 2), (figures.tuned, 1)):
        titles = [axes.get_title(loc="left") for axes in draw(half).axes]
        assert len(titles) == columns and all(title.startswith("arc_c") for title in titles)
    assert list(rows_of(experts.correlation_table(half))) == ["arc_c"]


# --- The selection in the plane ----------------------------------------------------------------


def test_few_shots_are_found_among_the_many_that_are_embedded(tmp_path, monkeypatch):
    """Few are scattered among many, so that they are not the first of them."""
    few = part_with(tmp_path, shots=(5, 50), methods=("ours",))
    points = few.along("data_selection", "test")
    assert (points["shots"] == 5).all()
    for row, point in points.iterrows():
        places = projection.shots_among(few, row)
        rows = synthetic_kshot.records(point["task"], point["draw"], 50)[places]
        assert rows.tolist() == synthetic_kshot.records(point["task"], point["draw"], 5).tolist()
        assert places.tolist() != list(range(5))

    monkeypatch.setattr(projection, "place", lambda vectors: vectors[:, :2])
    figure = projection.projection(few)
    for axes, task in zip(figure.axes[::2], few.tasks, strict=True):  # cosine and random a task
        lines = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
        place = np.isin(synthetic_kshot.records(task, 1, 50), synthetic_kshot.records(task, 1, 5))
        expected = synthetic_kshot.shot_vectors(task, 1)[place, :2]
        assert lines["$D_K$"] == pytest.approx(expected)
        assert len(lines["pool"]) == synthetic_kshot.POOL and len(lines["$D_A$"]) == 20
        assert set(map(tuple, lines["$D_A$"])) <= set(map(tuple, lines["pool"]))


def test_selected_data_are_shown_where_the_pool_is_thinned(part, monkeypatch):
    monkeypatch.setattr(projection, "SHOWN", 10)
    monkeypatch.setattr(projection, "place", lambda vectors: vectors[:, :2])
    lines = projection.projection(part).axes[0].get_lines()
    counts = {line.get_label(): len(line.get_xydata()) for line in lines}
    assert counts == {"pool": 10, "$D_A$": 20, "$D_K$": 50}


def test_a_task_begins_a_row_of_panels_where_there_are_several_selections(part):
    several = part.along("data_selection", "test").drop_duplicates(["task", "data_selection"])
    several = several[several["selected_data"] > 0]
    cells = projection._cells(part, several)
    assert sorted(cells.values()) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {cells[row][0] for row in several.index[several["task"] == "gsm8k"]} == {1}
    one = several[several["data_selection"] == "cosine"]
    assert sorted(projection._cells(part, one).values()) == [(0, 0), (0, 1)]


def test_places_by_tsne_keep_groups_apart():
    generator = np.random.default_rng(2)
    # more directions tell the groups apart than a plane of two components has
    centres = 10 * np.eye(6)
    vectors = np.repeat(centres, 40, axis=0) + generator.normal(size=(240, 6))
    places = projection.place(vectors)
    groups = places.reshape(6, 40, 2)
    middles = groups.mean(axis=1)
    inside = np.linalg.norm(groups - middles[:, None], axis=2).max()
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)[~np.eye(6, dtype=bool)].min()
    assert apart > inside
    assert projection.place(vectors) == pytest.approx(places)  # seeded
    assert projection.place(vectors[:3]).shape == (3, 2)


# --- What could not be used --------------------------------------------------------------------


def test_unusable_adapters_are_named_with_the_reason(part, tmp_path):
    assert left_out.unusable_adapters(part) == [f"Adapter broken is not usable: {FAILURE}."]
    older = part_with(tmp_path, counts=False)
    assert left_out.unusable_adapters(older) == [
        "Adapter broken is not usable: its training diverged."
    ]


def test_bad_records_are_named_with_their_place(part, tmp_path):
    first, second = source_table(part.sweep).rows
    assert first == ["one.json", "1", "left out", "the record has an empty 'output'", "one.json:3"]
    assert second[1:3] == ["2", "used"]
    path = synthetic_kshot.write(tmp_path / "older.h5", World())
    with h5py.File(path, "r+") as h5:
        del h5["sources"]
    assert source_table(read(path)) is None


def test_examples_left_out_or_cut(part):
    found = rows_of(left_out.example_table(part))
    assert list(found) == ["adapter arc_c", "pool open"]  # what lost nothing is not shown
    assert list(found["adapter arc_c"].values())[1:] == ["100", "10", "3", "4", "-"]
    assert list(found["pool open"].values())[1:] == ["60", "-", "-", "0", "2"]


def test_points_that_could_not_learn_all(part):
    lines = left_out.cut_points(part)
    assert len(lines) == 2  # tasks; nothing was cut
    points = (part.points["task"] == "arc_c").sum()
    assert lines[0] == (
        f"arc_c, in 6 of {points} points: 1 to 3 examples of D_K and D_A not learnt, as the prompt "
        "alone reaches kshot.longest."
    )


def test_programs_that_were_stopped(part, tmp_path):
    assert left_out.stopped_table(part) is None  # no task has programs
    code = part_with(tmp_path, kinds=("letter", "code"), methods=("base", "ours"), axes=())
    found = {row[0]: row[1:] for row in left_out.stopped_table(code).rows}
    assert found == {
        "gsm8k, Base": ["1", "200", "0", "0.0"],
        "gsm8k, Ours": ["6", "1200", "6", "0.5"],
        "gsm8k, base and bank": ["6", "1200", "15", "1.2"],  # the unusable one was not tested
    }
