"""Statistics against known answers."""

import math

import numpy as np
import pytest
from scipy import special, stats

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
    half = 4.302652729749462 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2 - half, 2 + half))
    bounded = statistics.mean([1.0, 2.0, 3.0], 0, 3)
    assert (bounded.low, bounded.high) == (0, 3)


def test_seeds_that_are_all_alike_tell_of_no_interval():
    for found in (
        statistics.mean([0.1, 0.1, 0.1]),
        statistics.mean_of_clusters(np.full(6, 0.1), np.arange(6) // 2),
    ):
        assert found.value == pytest.approx(0.1) and math.isnan(found.low + found.high)
        assert found.direction == "undecided"


def test_one_seed_has_no_interval():
    found = statistics.mean([0.4])
    assert found.value == 0.4
    assert math.isnan(found.low) and math.isnan(found.high)
    assert math.isnan(statistics.mean([0.4], 0, 1).low)  # though the value has bounds


def test_p_value_of_one_run_is_that_of_the_paired_t_test():
    a, b = [0.61, 0.55, 0.70, 0.52, 0.66], [0.58, 0.50, 0.71, 0.47, 0.60]
    found = statistics.crossed_mean(np.subtract([a], [b]))
    assert found.p_value == pytest.approx(0.04490879035036658)  # scipy.stats.ttest_rel
    assert statistics.crossed_mean(np.zeros((1, 9))).p_value == 1.0  # equal samples
    assert statistics.crossed_mean(np.ones((1, 9))).p_value < 1e-12  # the same everywhere
    assert statistics.crossed_mean(np.ones((1, 1))).p_value == 1.0  # tells of no spread


def test_chunk_test_tells_a_large_difference_from_none():
    generator = np.random.default_rng(3)
    weak, strong = generator.random((1, 2000)) < 0.40, generator.random((1, 2000)) < 0.50
    same = generator.random((1, 2000)) < 0.40
    assert statistics.stars(statistics.chunk_test(weak, strong)) == "**"
    assert statistics.stars(statistics.chunk_test(weak, same)) == ""


def test_chunk_test_of_one_seed_is_the_papers():
    a, b = np.array([[1.0, 1, 1, 1, 0, 1, 1, 1]]), np.array([[0.0, 0, 1, 0, 0, 0, 1, 0]])
    expected = stats.ttest_rel(a[0], b[0]).pvalue  # fewer questions than chunks: each is one
    assert statistics.chunk_test(a, b) == pytest.approx(expected)


def test_chunk_test_counts_the_chance_of_the_seeds():
    """Of two models that differ by their seeds alone it calls few different."""
    generator = np.random.default_rng(13)
    found, averaged = [], []
    for _ in range(200):
        levels = generator.normal(0.5, 0.04, (2, 3, 1))  # of a seed
        a, b = (generator.random((2, 3, 400)) < levels).astype(float)
        found.append(statistics.chunk_test(a, b) < 0.05)
        seeds_first = [verdicts.mean(axis=0, keepdims=True) for verdicts in (a, b)]
        averaged.append(statistics.chunk_test(*seeds_first) < 0.05)
    assert np.mean(found) <= 0.06
    assert np.mean(averaged) > 0.2  # what averaging over seeds first leads to


def _runs(generator, clusters, epochs=20, cluster_noise=0.0):
    cluster = np.repeat(np.arange(clusters), epochs)
    known, unknown = generator.random((2, clusters * epochs))
    design = np.column_stack([np.ones(len(cluster)), known, unknown])
    y = design @ [36.9, 7.3, -8.3] + generator.normal(0, 0.2, len(cluster))
    return design, y + generator.normal(0, cluster_noise, clusters)[cluster], cluster


def test_least_squares_is_exact_without_noise():
    design = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 0.5, 0.2]])
    *coefficients, r2 = statistics.least_squares(design, design @ [36.9, 7.3, -8.3])
    assert coefficients == pytest.approx([36.9, 7.3, -8.3])
    assert r2 == pytest.approx(1.0)


def test_bootstrap_recovers_the_coefficients():
    fit = statistics.cluster_bootstrap(*_runs(np.random.default_rng(1), 21))
    for found, truth in zip(fit.intervals, [36.9, 7.3, -8.3], strict=False):
        assert found.value == pytest.approx(truth, abs=0.15)
        assert found.low < truth < found.high
    assert fit.intervals[-1].low <= fit.intervals[-1].value <= fit.intervals[-1].high  # R^2


def test_bootstrap_sees_that_epochs_of_a_run_hang_together():
    design, y, cluster = _runs(np.random.default_rng(2), 12, epochs=200, cluster_noise=1.0)
    by_run, by_epoch = (
        statistics.cluster_bootstrap(design, y, names).intervals[0]
        for names in (cluster, np.arange(len(y)))
    )
    assert by_run.high - by_run.low > 2 * (by_epoch.high - by_epoch.low)


def test_dependent_regressors_are_refused():
    design = np.column_stack([np.ones(9), np.ones(9), np.arange(9.0)])
    with pytest.raises(ValueError, match="not independent"):
        statistics.cluster_bootstrap(design, np.arange(9.0), np.arange(9))


# --- Means over runs and examples --------------------------------------------------------------


def _limits(difference):
    return statistics.crossed_mean(difference).interval


def test_difference_of_one_run_has_the_student_interval_of_its_records():
    difference = np.random.default_rng(4).normal(0.5, 1.0, (1, 400))
    found, expected = _limits(difference), statistics.mean(difference[0])
    assert found.value == pytest.approx(expected.value)
    assert found.high == pytest.approx(expected.high)


def test_difference_of_runs_alone_has_their_student_interval():
    found = _limits(np.repeat([[1.0], [2.0], [4.0]], 50, axis=1))
    expected = statistics.mean([1.0, 2.0, 4.0])
    assert (found.value, found.high) == pytest.approx((expected.value, expected.high))


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
    found = statistics.crossed_mean(difference)
    assert (found.value, found.runs.degrees, found.examples.degrees) == (0.5, 1, 49)
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
        tasks = [statistics.crossed_mean(_drawn(generator, *mix)) for mix in mixes]
        found = statistics.mean_of_independent(tasks).interval
        covered.append(found.low <= 0 <= found.high)
    assert 0.93 <= np.mean(covered)


def test_mean_of_tasks_has_more_degrees_of_freedom_than_one():
    one = statistics.crossed_mean(_drawn(np.random.default_rng(9), 1, 0.1, 0.3))
    four = statistics.mean_of_independent([one] * 4)
    assert four.value == pytest.approx(one.value)
    assert four.runs.variance == pytest.approx(one.runs.variance / 4)
    assert (one.runs.degrees, four.runs.degrees) == (2, pytest.approx(8))
    nothing = statistics.crossed_mean(np.empty((0, 0)))
    assert math.isnan(statistics.mean_of_independent([one, nothing]).interval.value)


# --- Shares of right answers -------------------------------------------------------------------


def _answers(generator, level, seeds, seed_sd, example_sd, examples=100):
    """[seed, example] percent, of a logistic model; and the mean that limits must cover.

    From one seed limits tell of the examples alone, so the mean is that seed's.
    """
    seed = generator.normal(0, seed_sd, (seeds, 1))
    example = generator.normal(0, example_sd, (1, examples))
    drawn = generator.random((seeds, examples)) < special.expit(level + seed + example)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    spread = example_sd if seeds == 1 else np.hypot(seed_sd, example_sd)
    centre = level + (seed[0, 0] if seeds == 1 else 0)
    truth = special.expit(centre + spread * points) @ weights / weights.sum()
    return 100.0 * drawn, 100 * truth


@pytest.mark.parametrize("level", [-4.0, -1.0, 0.5, 3.5])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("seed_sd, example_sd", [(0.0, 0.0), (0.0, 2.0), (0.3, 1.0)])
def test_limits_of_a_share_cover_it(level, seeds, seed_sd, example_sd):
    """Over seeds alone limits cover it in as few as 74 % of these cases."""
    generator = np.random.default_rng(17)
    covered = []
    for _ in range(250):
        values, truth = _answers(generator, level, seeds, seed_sd, example_sd)
        found = statistics.crossed_mean(values).share
        assert 0 <= found.low <= found.value <= found.high <= 100
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.92  # 0.95 less two standard errors of the simulation


def test_seeds_that_agree_on_every_question_are_not_certain():
    right = np.repeat([[100.0] * 62 + [0.0] * 38], 3, axis=0)
    found = statistics.crossed_mean(right).share
    assert found.value == 62.0
    assert (found.low, found.high) == (pytest.approx(52.2, abs=0.3), pytest.approx(71.0, abs=0.3))
    all_right = statistics.crossed_mean(np.full((3, 20), 100.0)).share
    assert all_right.high == 100 and 80 < all_right.low < 84  # Wilson's, as Student's t has it


def test_where_nothing_differs_a_difference_is_not_certain():
    none = statistics.crossed_mean(np.zeros((3, 100)))
    # Clopper and Pearson's upper limit of 0 in 100
    most = 100 * stats.beta.ppf(0.975, 1, 100)
    assert most == pytest.approx(3.6217, abs=1e-4)
    assert none.interval == statistics.Interval(0, pytest.approx(-most), pytest.approx(most))
    assert none.interval.direction == "undecided" and none.p_value == 1
    assert none.best_of(5).high == pytest.approx(100 * stats.beta.ppf(0.995, 1, 100))
    every = statistics.crossed_mean(np.full((2, 20), 100.0)).interval
    assert every.low == pytest.approx(100 - 200 * stats.beta.ppf(0.975, 1, 20))
    assert (every.value, every.high) == (100, 100)
    one = np.zeros((1, 100))
    one[0, 0] = 100
    assert statistics.crossed_mean(one).interval.low == pytest.approx(-0.984, abs=1e-3)


def test_two_seeds_that_differ_give_no_limits_outside_of_a_share():
    values = np.repeat([[0.0], [40.6]], 50, axis=1)
    found = statistics.crossed_mean(values).share
    assert (found.low, found.high) == (0.0, 100.0)


def test_a_share_of_which_the_mean_alone_is_known():
    """The limits are those of seeds that agree on each question: the widest that can be."""
    right = np.repeat([[100.0] * 62 + [0.0] * 38], 3, axis=0)
    known = statistics.crossed_mean(right).share
    found = statistics.crossed_percent([62.0, 62.0, 62.0], 100).share
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=0.1)
    assert math.isnan(statistics.crossed_percent([math.nan], 100).share.value)


def test_weights_are_those_of_the_examples():
    values = np.random.default_rng(19).random((2, 40))
    chosen = np.arange(40) < 25
    alone, found = (
        statistics.crossed_mean(values[:, chosen]),
        statistics.crossed_mean(values, chosen),
    )
    assert (found.value, found.half()) == pytest.approx((alone.value, alone.half()))
    assert found.asked == pytest.approx(25)
    doubled = statistics.crossed_mean(values, 2.0 * chosen)
    assert doubled == found
