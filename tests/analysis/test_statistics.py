"""Statistics against known answers; t and beta function constants are those of scipy 1.17."""

import math

import numpy as np
import pytest

from analysis import statistics


@pytest.mark.parametrize(
    "a, b, x, expected",
    [
        (2, 3, 0.4, 0.5248),
        (0.5, 0.5, 0.1, 0.20483276469913345),
        (50, 0.5, 0.9, 0.001204149832559813),
    ],
)
def test_incomplete_beta(a, b, x, expected):
    assert statistics.incomplete_beta(a, b, x) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "t, degrees, expected",
    [
        (0.5, 1, 0.7048327646991335),
        (2.0, 5, 0.10193947882985835),
        (2.5, 99, 0.014062596921149069),
        (-3.3, 30, 0.002499307439798054),
        (40.0, 99, 6.385085160287251e-63),
    ],
)
def test_student_p_value(t, degrees, expected):
    assert statistics.student_p_value(t, degrees) == pytest.approx(expected, rel=1e-10)


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


def test_paired_bootstrap_of_one_seed_is_the_error_of_the_mean():
    difference = np.random.default_rng(4).normal(0.5, 1.0, (1, 400))
    found = statistics.paired_bootstrap(difference)
    error = difference.std(ddof=1) / math.sqrt(400)
    assert found.value == pytest.approx(difference.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_paired_bootstrap_does_not_count_a_record_asked_by_every_seed_as_several():
    one = np.random.default_rng(5).normal(0.0, 1.0, (1, 300))
    alone = statistics.paired_bootstrap(one)
    three = statistics.paired_bootstrap(np.repeat(one, 3, axis=0))
    assert three.high - three.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_paired_bootstrap_sees_that_seeds_differ():
    records = np.random.default_rng(6).normal(0.0, 0.1, (1, 300))
    apart = records + np.array([[-1.0], [0.0], [1.0]])
    assert statistics.paired_bootstrap(apart).verdict == "undecided"
    assert statistics.paired_bootstrap(apart + 3).verdict == "holds"
    assert statistics.paired_bootstrap(apart - 3).verdict == "does not hold"


def test_paired_bootstrap_leaves_out_what_was_not_asked():
    difference = np.full((3, 50), np.nan)
    difference[0, :40], difference[1, 10:] = 1.0, 0.0
    assert statistics.paired_bootstrap(difference).value == 0.5
    assert math.isnan(statistics.paired_bootstrap(difference[2:]).value)
