"""Statistics of the report: Student intervals, least squares, bootstraps, paired t-tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

CONFIDENCE = 0.95


# --- Means over seeds --------------------------------------------------------------------------


@cache
def student_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """The t that a two-sided interval of this confidence uses."""
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


@dataclass(frozen=True)
class Mean:
    """A mean with the half width of its 95 % Student interval (NaN from fewer than two values)."""

    value: float
    half: float
    n: int


def mean(values: Sequence[float] | np.ndarray) -> Mean:
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n, half = len(finite), math.nan
    if n > 1:
        half = student_quantile(n - 1) * float(np.std(finite, ddof=1)) / math.sqrt(n)
    return Mean(float(finite.mean()) if n else math.nan, half, n)


def as_arrays(means: Sequence[Mean]) -> tuple[np.ndarray, np.ndarray]:
    """Their values and their half widths."""
    return np.array([m.value for m in means]), np.array([m.half for m in means])


def mean_columns(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`mean` of each column of [seed, x]: values and half widths."""
    return as_arrays([mean(column) for column in np.asarray(values, dtype=float).T])


def mean_known(values: np.ndarray) -> np.ndarray:
    """Mean along the last axis of what is known (finite); NaN where nothing is."""
    known = np.isfinite(values)
    count = np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)
    return np.where(known, values, 0).sum(axis=-1) / count


# --- Least squares -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """Ordinary least squares y = X b: coefficients, R^2, and bootstrap limits of both."""

    coefficients: np.ndarray
    r2: float
    low: np.ndarray  # lower limits of the coefficients
    high: np.ndarray
    r2_low: float
    r2_high: float
    observations: int
    clusters: int


def least_squares(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and R^2. ValueError when the columns are not independent."""
    coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < design.shape[1]:
        raise ValueError("the regressors are not independent")
    residual = y - design @ coefficients
    total = float(np.sum((y - y.mean()) ** 2))
    return coefficients, 1.0 - float(residual @ residual) / total if total > 0 else math.nan


def cluster_bootstrap(
    design: np.ndarray, y: np.ndarray, cluster: np.ndarray, resamples: int = 2000, seed: int = 0
) -> Fit:
    """Least squares with 95 % percentile limits from resampling whole clusters with replacement.

    The epochs of one training run are no independent observations, so the run is the cluster.
    Resamples whose regressors are not independent are left out.
    """
    coefficients, r2 = least_squares(design, y)
    names, index = np.unique(cluster, return_inverse=True)
    groups = [index == k for k in range(len(names))]
    moments = np.stack([design[g].T @ design[g] for g in groups])
    products = np.stack([design[g].T @ y[g] for g in groups])
    sums = np.array([[g.sum(), y[g].sum(), y[g] @ y[g]] for g in groups])

    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    moment = np.einsum("rk,kij->rij", draws, moments)
    usable = np.linalg.cond(moment) < 1e12
    moment, product = moment[usable], (draws @ products)[usable]
    count, total, square = (draws @ sums)[usable].T
    solutions = np.linalg.solve(moment, product[..., None])[..., 0]
    explained = np.einsum("ri,ri->r", solutions, product) - total**2 / count
    r2s = explained / (square - total**2 / count)

    limits = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    if len(names) < 2 or len(solutions) < resamples // 2:
        unknown = np.full(design.shape[1], math.nan)
        return Fit(coefficients, r2, unknown, unknown, math.nan, math.nan, len(y), len(names))
    low, high = np.percentile(solutions, limits, axis=0)
    r2_low, r2_high = np.percentile(r2s, limits)
    return Fit(coefficients, r2, low, high, float(r2_low), float(r2_high), len(y), len(names))


# --- Paired differences ------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % limits; NaN where nothing tells of them."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the claim holds that the value is positive."""
        if self.low > 0:
            return "holds"
        return "does not hold" if self.high < 0 else "undecided"


@dataclass(frozen=True)
class Chance:
    """Variance that one source of chance gives a mean, known with these degrees of freedom."""

    variance: float
    degrees: float  # 0: a single value, which tells of no variance

    @property
    def half(self) -> float:
        """Half width of the 95 % interval, were there no other source."""
        if self.degrees <= 0:
            return math.nan
        return student_quantile(self.degrees) * math.sqrt(self.variance)


@dataclass(frozen=True)
class Difference:
    """Mean over runs and records, both of which are drawn: other ones would give another value."""

    value: float
    runs: Chance
    records: Chance

    @property
    def interval(self) -> Interval:
        """The squares of the two half widths add; from a single run the records' alone."""
        runs = self.runs.half if self.runs.degrees > 0 else 0.0
        half = math.hypot(runs, self.records.half)
        return Interval(self.value, self.value - half, self.value + half)


def paired_difference(difference: np.ndarray) -> Difference:
    """Mean over runs of the mean over records of [run, record]; NaN: a record was not asked.

    Runs are seeds, or draws of the shots: few, so that a bootstrap of them is far too narrow (of
    three values it covers the mean in 72 to 79 % of cases). Hence Student's t over their means.
    All runs ask the same records, which their means say nothing of. Hence beside it the error by
    records: of the sum of a record's parts in the mean, for a record that three runs ask is no
    three records. Chance that is in runs and records alike counts in both, so that limits are
    never too narrow: in simulations they cover the mean in 95 to 99 % of cases.
    """
    asked = np.isfinite(difference)
    kept = asked.any(axis=1)
    difference, asked = difference[kept], asked[kept]
    runs = len(difference)
    if runs == 0:
        unknown = Chance(math.nan, 0)
        return Difference(math.nan, unknown, unknown)
    counts = asked.sum(axis=1)
    means = np.where(asked, difference, 0.0).sum(axis=1) / counts
    by_run = float(means.var(ddof=1)) / runs if runs > 1 else math.nan
    parts = np.where(asked, difference - means[:, None], 0.0) / (runs * counts[:, None])
    shares = parts.sum(axis=0)[asked.any(axis=0)]
    records = len(shares)
    by_record = float(shares @ shares) * records / (records - 1) if records > 1 else math.nan
    return Difference(float(means.mean()), Chance(by_run, runs - 1), Chance(by_record, records - 1))


def mean_difference(parts: Sequence[Difference]) -> Difference:
    """The mean of differences that are independent of each other."""
    return Difference(
        float(np.mean([part.value for part in parts])),
        _of_mean([part.runs for part in parts]),
        _of_mean([part.records for part in parts]),
    )


def _of_mean(chances: Sequence[Chance]) -> Chance:
    """Variances add; degrees of freedom by Satterthwaite (1946). What is not known is left out."""
    known = [c for c in chances if c.degrees > 0]
    total = sum(c.variance for c in known)
    squares = sum(c.variance**2 / c.degrees for c in known)
    least = min((c.degrees for c in known), default=0)
    return Chance(total / len(chances) ** 2, total**2 / squares if squares > 0 else least)


# --- Significance ------------------------------------------------------------------------------


def paired_t(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """t and two-sided p of the paired t-test; (0, 1) when the samples are equal."""
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    if len(difference) < 2 or not difference.any():
        return 0.0, 1.0
    if np.std(difference, ddof=1) == 0:
        return math.inf, 0.0  # a difference that is the same everywhere is certain
    found = stats.ttest_1samp(difference, 0.0)
    return float(found.statistic), float(found.pvalue)


def chunk_test(a: np.ndarray, b: np.ndarray, chunks: int = 100, seed: int = 0) -> float:
    """p-value of the paper's significance test (appendix I).

    The test questions are shuffled and split into `chunks` near-equal parts (fewer when there are
    fewer questions); the accuracies of two models a part are compared by a paired t-test.
    """
    order = np.random.default_rng(seed).permutation(len(a))
    parts = np.array_split(order, min(chunks, len(a)))
    first = np.array([a[part].mean() for part in parts])
    second = np.array([b[part].mean() for part in parts])
    return paired_t(first, second)[1]


def stars(p: float) -> str:
    """The paper's marks: * p < 0.05, ** p < 0.01."""
    return "**" if p < 0.01 else "*" if p < 0.05 else ""


# --- Correlation -------------------------------------------------------------------------------


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation of the pairs that are known, ties with their mean rank.

    NaN from fewer than three pairs, and where one side is constant.
    """
    both = np.isfinite(a) & np.isfinite(b)
    first, second = a[both], b[both]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(stats.spearmanr(first, second).statistic)
