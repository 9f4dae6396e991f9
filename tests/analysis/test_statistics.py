"""Statistics against known answers."""

import math

import numpy as np
import pytest

from analysis import statistics


@pytest.mark.parametrize(
    "degrees, expected",
    [
        (1, 12.706204736174694),
        (2, 4.302652729749462),
        (9, 2.262157162798205),
        (99, 1.9842169515864174),
    ],
)
def test_student_quantile(degrees, expected):
    assert statistics.student_quantile(degrees) == pytest.approx(expected, rel=1e-9)


def test_mean_interval_of_three_values():
    found = statistics.mean([1.0, 2.0, 3.0, math.nan])  # the NaN is an unfinished seed
    assert (found.value, found.n) == (2.0, 3)
    assert found.half == pytest.approx(4.302652729749462 / math.sqrt(3))


def test_one_seed_has_no_interval():
    found = statistics.mean([0.4])
    assert found.value == 0.4
    assert math.isnan(found.half)


def test_paired_t_test():
    a, b = [0.61, 0.55, 0.70, 0.52, 0.66], [0.58, 0.50, 0.71, 0.47, 0.60]
    t, p = statistics.paired_t(np.array(a), np.array(b))
    assert t == pytest.approx(2.8823067684915684)
    assert p == pytest.approx(0.04490879035036658)


def test_paired_t_test_of_equal_samples():
    assert statistics.paired_t(np.array([0.1, 0.2]), np.array([0.1, 0.2])) == (0.0, 1.0)


def test_chunk_test_tells_a_large_difference_from_none():
    generator = np.random.default_rng(3)
    weak, strong = generator.random(2000) < 0.40, generator.random(2000) < 0.50
    same = generator.random(2000) < 0.40
    assert statistics.stars(statistics.chunk_test(weak, strong)) == "**"
    assert statistics.stars(statistics.chunk_test(weak, same)) == ""


def test_chunk_test_with_fewer_questions_than_chunks():
    a, b = np.array([1.0, 1, 1, 1, 0, 1, 1, 1]), np.array([0.0, 0, 1, 0, 0, 0, 1, 0])
    assert statistics.chunk_test(a, b) == pytest.approx(statistics.paired_t(a, b)[1])


def _runs(generator, clusters, epochs=20, cluster_noise=0.0):
    cluster = np.repeat(np.arange(clusters), epochs)
    known, unknown = generator.random((2, clusters * epochs))
    design = np.column_stack([np.ones(len(cluster)), known, unknown])
    y = design @ [36.9, 7.3, -8.3] + generator.normal(0, 0.2, len(cluster))
    return design, y + generator.normal(0, cluster_noise, clusters)[cluster], cluster


def test_least_squares_is_exact_without_noise():
    design = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 0.5, 0.2]])
    coefficients, r2 = statistics.least_squares(design, design @ [36.9, 7.3, -8.3])
    assert coefficients == pytest.approx([36.9, 7.3, -8.3])
    assert r2 == pytest.approx(1.0)


def test_bootstrap_recovers_the_coefficients():
    fit = statistics.cluster_bootstrap(*_runs(np.random.default_rng(1), 21))
    assert fit.coefficients == pytest.approx([36.9, 7.3, -8.3], abs=0.15)
    assert (fit.low < [36.9, 7.3, -8.3]).all() and (fit.high > [36.9, 7.3, -8.3]).all()
    assert fit.r2_low <= fit.r2 <= fit.r2_high


def test_bootstrap_sees_that_epochs_of_a_run_hang_together():
    design, y, cluster = _runs(np.random.default_rng(2), 12, epochs=200, cluster_noise=1.0)
    by_run = statistics.cluster_bootstrap(design, y, cluster)
    by_epoch = statistics.cluster_bootstrap(design, y, np.arange(len(y)))
    assert (by_run.high - by_run.low)[0] > 2 * (by_epoch.high - by_epoch.low)[0]


def test_dependent_regressors_are_refused():
    design = np.column_stack([np.ones(9), np.ones(9), np.arange(9.0)])
    with pytest.raises(ValueError, match="not independent"):
        statistics.cluster_bootstrap(design, np.arange(9.0), np.arange(9))


# --- Paired differences ------------------------------------------------------------------------


def _limits(difference):
    return statistics.paired_difference(difference).interval


def test_difference_of_one_run_has_the_student_interval_of_its_records():
    difference = np.random.default_rng(4).normal(0.5, 1.0, (1, 400))
    found, expected = _limits(difference), statistics.mean(difference[0])
    assert found.value == pytest.approx(expected.value)
    assert found.high - found.value == pytest.approx(expected.half)


def test_difference_of_runs_alone_has_their_student_interval():
    found = _limits(np.repeat([[1.0], [2.0], [4.0]], 50, axis=1))
    expected = statistics.mean([1.0, 2.0, 4.0])
    assert (found.value, found.high - found.value) == pytest.approx((expected.value, expected.half))


def test_a_record_that_every_run_asks_is_not_several():
    one = np.random.default_rng(5).normal(0.0, 1.0, (1, 300))
    alone, three = _limits(one), _limits(np.repeat(one, 3, axis=0))
    assert three.high - three.low == pytest.approx(alone.high - alone.low)


def test_difference_sees_that_runs_differ():
    records = np.random.default_rng(6).normal(0.0, 0.1, (1, 300))
    apart = records + np.array([[-1.0], [0.0], [1.0]])
    assert _limits(apart).verdict == "undecided"
    assert _limits(apart + 2).verdict == "undecided"  # t of two degrees of freedom is 4.3
    assert _limits(apart + 3).verdict == "holds"
    assert _limits(apart - 3).verdict == "does not hold"


def test_difference_leaves_out_what_was_not_asked():
    difference = np.full((3, 50), np.nan)
    difference[0, :40], difference[1, 10:] = 1.0, 0.0
    found = statistics.paired_difference(difference)
    assert (found.value, found.runs.degrees, found.records.degrees) == (0.5, 1, 49)
    assert math.isnan(_limits(difference[2:]).value)
    assert _limits(difference[2:]).verdict == "undecided"
    assert math.isnan(_limits(difference[:, :1]).low)  # a single record tells of no spread


# draw sd, example sd, and the sd of what is in both: the effect is 0
MIXES = [
    (0, 1, 0),
    (1, 0, 0),
    (0, 0, 1),
    (1, 0.1, 0.3),
    (0.3, 1, 0.3),
    (0.1, 1, 0.3),
    (0.1, 0.5, 1),
    (0.05, 0.4, 0.4),
]


def _drawn(generator, runs, records, both):
    """Three draws of 100 examples."""
    return (
        generator.normal(0, runs, (3, 1))
        + generator.normal(0, records, (1, 100))
        + generator.normal(0, both, (3, 100))
    )


@pytest.mark.parametrize("mix", MIXES)
def test_limits_cover_the_true_difference(mix):
    """Of three draws a percentile bootstrap covers as little as 72 %."""
    generator = np.random.default_rng(7)
    found = [_limits(_drawn(generator, *mix)) for _ in range(800)]
    covered = np.mean([f.low <= 0 <= f.high for f in found])
    assert covered >= 0.93
    if 0 in mix[:2] and mix[2] == 0:
        assert covered <= 0.97  # one source of chance alone: exact


@pytest.mark.parametrize("mixes", [[(0.3, 0.1, 0.3)] * 4, [(1, 0.1, 0.3), *[(0.05, 0.5, 0.5)] * 3]])
def test_limits_of_a_mean_of_tasks_cover_the_true_difference(mixes):
    generator = np.random.default_rng(8)
    covered = []
    for _ in range(150):
        tasks = [statistics.paired_difference(_drawn(generator, *mix)) for mix in mixes]
        found = statistics.mean_difference(tasks).interval
        covered.append(found.low <= 0 <= found.high)
    assert 0.93 <= np.mean(covered)


def test_mean_of_tasks_has_more_degrees_of_freedom_than_one():
    one = statistics.paired_difference(_drawn(np.random.default_rng(9), 1, 0.1, 0.3))
    four = statistics.mean_difference([one] * 4)
    assert four.value == pytest.approx(one.value)
    assert four.runs.variance == pytest.approx(one.runs.variance / 4)
    assert (one.runs.degrees, four.runs.degrees) == (2, pytest.approx(8))
    nothing = statistics.paired_difference(np.empty((0, 0)))
    assert math.isnan(statistics.mean_difference([one, nothing]).interval.value)
