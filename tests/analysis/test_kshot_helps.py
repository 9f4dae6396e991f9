"""Which adapters do most: what is planted in a K-shot file is what the sentences say of it."""

from unittest import mock

import h5py
import numpy as np
import pytest
import synthetic_kshot
from synthetic_kshot import BANK, World

from analysis.kshot import helps
from analysis.kshot.quantities import part_of
from analysis.statistics import Interval
from analysis.sweep import read

EXPERTS = {"pad": (0, 1), "p": (0, 2), "random": (1, 2)}  # of the points by their signals
EXAMPLES = 200


def part_with(folder, change=lambda file, signals: None, **world):
    """Mixtures with adapter 2 ("far") have 120 of 200 right, others 80 of these."""
    small = {"tasks": ("arc_c",), "kinds": ("letter",), "methods": ("ours",), "seeds": (1,)}
    path = folder / "helps.h5"
    synthetic_kshot.write(path, World(**small | {"axes": ("signals",)} | world))
    with h5py.File(path, "r+") as file:
        signals = file["points/signals"].asstr()[()]
        for row, selected_by in enumerate(signals):
            experts = EXPERTS[selected_by]
            file["selection/adapter"][row, :2] = experts
            right = np.arange(EXAMPLES) < (120 if 2 in experts else 80)
            file["outcomes/right"][row] = right
        shape = len(signals), len(BANK)
        for name in ("perplexity_rank", "accuracy_rank"):
            file[f"selection/{name}"] = np.tile([1.0, 3, 2, 4, 5, np.nan], (shape[0], 1))
        file["selection/pool"] = np.tile(np.array([1, 1, 1, 1, 0, 0], np.uint8), (shape[0], 1))
        change(file, signals)
    return part_of(read(path))


def line(part, words):
    (found,) = [one for one in helps.sentences(part) if words in one]
    return found


def test_the_best_alone_is_named_with_what_it_has_over_the_base_and_the_next(tmp_path):
    part = part_with(tmp_path)
    assert line(part, "alone arc_c helps most").startswith("arc_c: alone arc_c helps most: +40.")
    assert "the best of 5" in line(part, "alone arc_c helps most")
    assert "gsm8k, which is nearest, by +10.0 [" in line(part, "has fewer right")


@pytest.mark.parametrize("share, words", [(0.2, "is below the base model"), (0.3, "is undecided")])
def test_no_adapter_is_said_to_help_that_does_not(tmp_path, share, words):
    def weaken(file, signals):
        right = np.arange(EXAMPLES) < share * EXAMPLES
        file["tests/right"][0, 1:] = right if share < 0.3 else np.roll(right, 1)

    found = line(part_with(tmp_path, weaken), "helps alone")
    assert words in found and found.startswith("arc_c: ")


def test_adapters_that_are_equally_right_are_not_told_apart(tmp_path):
    def equal(file, signals):
        file["tests/right"][0, 2] = file["tests/right"][0, 1][::-1]

    found = line(part_with(tmp_path, equal), "has more right alone is undecided")
    assert found.startswith("arc_c: whether arc_c or gsm8k has more right")


def test_in_the_mixture_it_is_what_mixtures_with_and_without_it_differ_by(tmp_path):
    found = line(part_with(tmp_path), "in the mixture far helps most")
    # with far: p and random, 60 %; without: pad, 40 %
    assert "with it +20.0 [" in found and "the best of 3 that can be told" in found
    part = part_with(tmp_path, axes=())
    assert "nothing tells what each adapter adds" in line(part, "all mixtures of a draw have")


def test_a_mixture_is_compared_with_those_of_its_own_draw_alone(tmp_path):
    def one_draw(file, signals):
        for row in np.flatnonzero(file["points/draw"][()] != 1):
            file["selection/adapter"][row, :2] = (0, 1)
            file["outcomes/right"][row] = 1

    (one,) = helps.answers(part_with(tmp_path, one_draw))
    assert one.in_mixture[2].value == pytest.approx(20) and one.in_mixture[2].count == 1


def test_whether_shots_and_draws_decide_the_experts_is_said(tmp_path):
    same = line(part_with(tmp_path), "neither shots nor draws decide the experts")
    assert same.endswith("K = 50: arc_c in 3 of 3, gsm8k in 3 of 3.")

    def other(file, signals):
        row = np.flatnonzero((signals == "pad") & (file["points/draw"][()] == 2))[0]
        file["selection/adapter"][row, :2] = (0, 3)

    differ = line(part_with(tmp_path, other), ": shots and draws decide the experts")
    assert differ.endswith("K = 50: arc_c in 3 of 3, gsm8k in 2 of 3, near in 1 of 3.")
    one = line(part_with(tmp_path, draws=(1,)), "decide the experts")
    assert "is not known from one draw" in one


@pytest.mark.parametrize(
    "right, words",
    [
        (0.9, "a better adapter: alone it has +30."),
        (0.1, "which alone is below gsm8k, which took its place: -50."),
        (0.6, "undecided"),
    ],
)
def test_what_diversity_kept_out_is_said_and_whether_it_is_better(tmp_path, right, words):
    def plant(file, signals):
        file["tests/right"][0, 3] = np.arange(EXAMPLES) >= (1 - right) * EXAMPLES - 0.5

    found = line(part_with(tmp_path, plant), "diversity kept far out in 3 of 3 points")
    assert words in found and "gsm8k" in found


def test_those_kept_out_of_which_nothing_is_decided_are_in_one_sentence(tmp_path, monkeypatch):
    (one,) = helps.answers(part_with(tmp_path))
    differences = {2: Interval(1, -3, 5), 3: Interval(-1, -4, 2), 1: Interval(9, 5, 12)}
    monkeypatch.setattr(one, "kept_out", {k: {0: 2} for k in differences}, raising=False)
    over = {k: mock.Mock(interval=found) for k, found in differences.items()}
    monkeypatch.setattr(one, "over", lambda adapter, other: over[adapter])
    better, both = helps._kept_out(one)
    assert better.values["adapter"] == one.part.bank[1]
    assert f"kept {one.part.bank[2]}, {one.part.bank[3]} out" in both and "is undecided" in both


def test_what_is_best_by_its_ranks_or_not_in_the_pool_was_not_kept_out(tmp_path):
    def chosen(file, signals):
        file["selection/pool"][:, 2] = 0

    assert not any("diversity" in one for one in helps.sentences(part_with(tmp_path, chosen)))


def test_every_adapter_stands_in_the_table(tmp_path):
    table = helps.table(part_with(tmp_path))
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert set(rows) == set(BANK) - {"broken"}  # which was not tested
    far = rows["far"]
    assert (far["points"], far["selected in"], far["kept out in"]) == ("3", "0", "3")
    assert far["with - without"].startswith("+20.0 [") and far["alone - base"].startswith("+20.")
    assert rows["useless"]["with - without"] == "-"
