"""Statistics of the report: intervals over runs and examples, least squares, bootstraps, tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import special

CONFIDENCE = 0.95
RESAMPLED = 100  # resamples at once
_NO_SPREAD = 1e-9  # percent points: what rounding leaves


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % limits; NaN where nothing tells of them."""

    value: float
    low: float
    high: float
    runs: int = field(default=0, compare=False)  # seeds or draws that it is over; 0: not told
    examples: int = field(default=0, compare=False)  # that each was asked; 0: none, or not told

    @property
    def direction(self) -> str:
        """Which side of 0 the limits leave no doubt of: up, down, or undecided."""
        if self.low > 0:
            return "up"
        return "down" if self.high < 0 else "undecided"

    @property
    def verdict(self) -> str:
        """Whether the claim holds that the value is positive."""
        return {"up": "holds", "down": "does not hold"}.get(self.direction, self.direction)


# --- Means over seeds --------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def student_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """The t that a two-sided interval of this confidence uses."""
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


def mean(
    values: Sequence[float] | np.ndarray, low: float = -math.inf, high: float = math.inf
) -> Interval:
    """With 95 % Student limits within what the value can be; NaN limits where no two differ."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    value, half = float(finite.mean()) if n else math.nan, math.nan
    if n > 1 and _differ(finite):
        half = student_quantile(n - 1) * float(np.std(finite, ddof=1)) / math.sqrt(n)
    return Interval(value, max(value - half, low), min(value + half, high), runs=n)


def mean_of_clusters(
    values: np.ndarray, cluster: np.ndarray, low: float = -math.inf, high: float = math.inf
) -> Interval:
    """Mean of all values with Student's limits over the clusters that they come in.

    The ratio estimator of cluster sampling (Cochran 1977, section 9A): clusters may differ in size;
    where they do not, these are the limits of mean() over the clusters' means.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    values, names = values[known], np.unique(np.asarray(cluster)[known], return_inverse=True)[1]
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan)
    value, runs = float(values.mean()), int(names.max()) + 1
    if runs < 2 or not _differ(values):
        return Interval(value, math.nan, math.nan)
    residuals = np.bincount(names, values - value)
    error = math.sqrt(runs / (runs - 1) * float(residuals @ residuals)) / len(values)
    half = student_quantile(runs - 1) * error
    return Interval(value, max(value - half, low), min(value + half, high))


def _differ(values: np.ndarray) -> bool:
    """By more than rounding: values that are all alike tell nothing of their spread."""
    return bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def mean_known(values: np.ndarray) -> np.ndarray:
    """Mean along the last axis of what is known (finite); NaN where nothing is."""
    known = np.isfinite(values)
    count = np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)
    return np.where(known, values, 0).sum(axis=-1) / count


# --- Least squares -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """Ordinary least squares y = X b: coefficients, then R^2, each with its bootstrap limits."""

    intervals: list[Interval]
    observations: int
    clusters: int


def least_squares(design: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients, then R^2. ValueError when the columns are not independent."""
    coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < design.shape[1]:
        raise ValueError("the regressors are not independent")
    residual, total = y - design @ coefficients, float(np.sum((y - y.mean()) ** 2))
    r2 = 1.0 - float(residual @ residual) / total if total > 0 else math.nan
    return np.append(coefficients, r2)


def cluster_bootstrap(
    design: np.ndarray, y: np.ndarray, cluster: np.ndarray, resamples: int = 2000, seed: int = 0
) -> Fit:
    """Least squares with 95 % percentile limits from resampling whole clusters with replacement.

    The epochs of one training run are no independent observations, so the run is the cluster.
    Resamples whose regressors are not independent are left out. The first column is of ones.
    """
    found = least_squares(design, y)
    order = np.argsort(cluster, kind="stable")
    names, begin = np.unique(cluster[order], return_index=True)
    centre = y.mean()  # the sums of squares of what is near 0 lose no digits
    rows = np.column_stack([design, y - centre])[order]
    # X'X, X'y and y'y of each cluster, of which a resample is the sum
    products = np.add.reduceat(rows[:, :, None] * rows[:, None, :], begin, axis=0)
    generator, fits = np.random.default_rng(seed), []
    for _ in range(resamples // RESAMPLED if len(names) > 1 else 0):
        chances = np.full(len(names), 1 / len(names))
        drawn = generator.multinomial(len(names), chances, size=RESAMPLED)
        fits.append(_fits(np.tensordot(drawn, products, axes=1)))
    low, high = np.full((2, len(found)), math.nan)
    known = np.concatenate(fits) if fits else np.empty((0, len(found)))
    if len(known) and len(known) >= resamples // 2:
        known[:, 0] += centre
        low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)], axis=0)
    return Fit([*map(Interval, found, low, high)], len(y), len(names))


def _fits(products: np.ndarray) -> np.ndarray:
    """Coefficients and R^2 of every matrix of [X y]'[X y], the first column of X being ones, whose
    regressors are independent.
    """
    gram = products[:, :-1, :-1]
    spread = np.linalg.eigvalsh(gram)
    products = products[spread[:, 0] > 1e-12 * spread[:, -1]]
    gram, right, square = products[:, :-1, :-1], products[:, :-1, -1], products[:, -1, -1]
    coefficients = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
    residual = square - (coefficients * right).sum(axis=1)
    total = square - right[:, 0] ** 2 / gram[:, 0, 0]
    r2 = np.divide(total - residual, total, out=np.full(len(total), math.nan), where=total > 0)
    return np.column_stack([coefficients, r2])


# --- Means over runs and examples --------------------------------------------------------------


@dataclass(frozen=True)
class Chance:
    """Variance that one source of chance gives a mean, known with these degrees of freedom."""

    variance: float
    degrees: float  # 0: a single value, which tells of no variance

    def half(self, confidence: float = CONFIDENCE) -> float:
        """Half width of the interval, were there no other source."""
        if self.degrees <= 0:
            return math.nan
        return student_quantile(self.degrees, confidence) * math.sqrt(self.variance)


@dataclass(frozen=True)
class CrossedMean:
    """Mean over runs and examples, both of which are drawn: other ones would give another value."""

    value: float
    runs: Chance
    examples: Chance
    asked: float  # examples; of weighted ones as many of equal weight as tell as much
    count: int  # of runs; of several means together the fewest that one has

    def half(self, confidence: float = CONFIDENCE) -> float:
        """The squares of the two half widths add; from a single run the examples' alone."""
        return math.hypot(self._runs(confidence), self.examples.half(confidence))

    def _runs(self, confidence: float = CONFIDENCE) -> float:
        return self.runs.half(confidence) if self.runs.degrees > 0 else 0.0

    @property
    def interval(self) -> Interval:
        """Of a difference of percentages: as far on both sides, within -100 and 100."""
        return self.best_of(1)

    def best_of(self, count: int) -> Interval:
        """The same of the best of so many differences, which chance has a part in: all of them are
        within limits of this confidence at once (Bonferroni).

        Where no example and no run differs from the others, there is no spread to tell of others
        that would. So many examples without one leave that share of all examples of which none
        would be among them by such a chance (Clopper and Pearson 1934), each as far away as can be.
        """
        confidence = 1 - (1 - CONFIDENCE) / count
        half = self.half(confidence)
        if half < _NO_SPREAD and self.asked > 0:
            share = 1 - ((1 - confidence) / 2) ** (1 / self.asked)
            half = share * (100 + abs(self.value))
        return self._told(max(self.value - half, -100.0), min(self.value + half, 100.0))

    def _told(self, low: float, high: float) -> Interval:
        return Interval(self.value, low, high, self.count, round(self.asked))

    @property
    def share(self) -> Interval:
        """Of percentages, such as of right answers: limits that stay between 0 and 100.

        By the examples Wilson's (1927), for as many examples as answers with this spread amount to
        and with Student's t in place of the normal quantile: where all are right the limits still
        tell that others might not be. Distances by the runs are added in squares on each side.
        """
        if not math.isfinite(self.value):
            return self._told(math.nan, math.nan)
        sides = [self.value - self._wilson(-1), self._wilson(1) - self.value]
        low, high = (math.hypot(side, self._runs()) for side in sides)
        return self._told(max(0.0, self.value - low), min(100.0, self.value + high))

    def _wilson(self, side: int) -> float:
        """Lower (-1) or upper (1) limit by the examples; the value where they are too few."""
        if self.examples.degrees <= 0:
            return math.nan if self.runs.degrees <= 0 else self.value
        p, t = self.value / 100, student_quantile(self.examples.degrees)
        spread = self.examples.variance / 100**2
        n = p * (1 - p) / spread if spread > 0 and 0 < p < 1 else self.asked
        middle = (p + t * t / (2 * n)) / (1 + t * t / n)
        half = t / (1 + t * t / n) * math.sqrt(p * (1 - p) / n + t * t / (4 * n * n))
        return 100 * (middle + side * half)

    @property
    def p_value(self) -> float:
        """Of the claim that the value is not 0: 1 - the confidence at which a limit is 0."""
        if not self.half() >= 0 or self.value == 0:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.half(middle) < abs(self.value) else (low, middle)
        return 1 - low


def crossed_mean(values: np.ndarray, weights: np.ndarray | None = None) -> CrossedMean:
    """Mean over runs of the mean over examples of [run, example]; NaN: an example was not asked.

    Runs are seeds, or draws of the shots: few, so that a bootstrap of them is far too narrow (of
    three values it covers the mean in 72 to 79 % of cases). Hence Student's t over their means.
    All runs ask the same examples, which their means say nothing of. Hence beside it the error by
    examples: of the sum of an example's parts in the mean, for one that three runs ask is no three.
    Chance that is in runs and examples alike counts in both, so that limits are never too narrow:
    in simulations they cover the mean in 95 to 99 % of cases. `weights`: of the examples.
    """
    values = np.asarray(values, dtype=float)
    asked = np.isfinite(values)
    weight = asked * (1.0 if weights is None else np.asarray(weights, dtype=float))
    kept = weight.sum(axis=1) > 0
    values, asked, weight = values[kept], asked[kept], weight[kept]
    runs = len(values)
    if runs == 0:
        unknown = Chance(math.nan, 0)
        return CrossedMean(math.nan, unknown, unknown, 0, 0)
    total = weight.sum(axis=1)
    means = (np.where(asked, values, 0.0) * weight).sum(axis=1) / total
    by_run = float(means.var(ddof=1)) / runs if runs > 1 else math.nan
    parts = np.where(asked, values - means[:, None], 0.0) * weight / (runs * total[:, None])
    shares = parts.sum(axis=0)[(weight > 0).any(axis=0)]
    count = len(shares)
    by_example = float(shares @ shares) * count / (count - 1) if count > 1 else math.nan
    whole = weight.sum(axis=0)
    return CrossedMean(
        float(means.mean()),
        Chance(by_run, runs - 1),
        Chance(by_example, count - 1),
        float(whole.sum() ** 2 / (whole @ whole)),
        runs,
    )


def crossed_percent(percent: Sequence[float] | np.ndarray, asked: float) -> CrossedMean:
    """Of runs whose percentages of right answers alone are known, to so many equal questions.

    The spread by questions is the largest that there can be: that of runs which agree on each.
    """
    known = np.asarray(percent, dtype=float)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return crossed_mean(np.empty((0, 0)))
    value, runs = float(known.mean()), len(known)
    by_run = float(known.var(ddof=1)) / runs if runs > 1 else math.nan
    by_question = value * (100 - value) / asked if asked > 1 else math.nan
    degrees = asked - 1 if asked > 1 else 0
    return CrossedMean(value, Chance(by_run, runs - 1), Chance(by_question, degrees), asked, runs)


def mean_of_independent(parts: Sequence[CrossedMean]) -> CrossedMean:
    """The mean of means that are independent of each other."""
    return CrossedMean(
        float(np.mean([part.value for part in parts])),
        _of_mean([part.runs for part in parts]),
        _of_mean([part.examples for part in parts]),
        sum(part.asked for part in parts),
        min(part.count for part in parts),
    )


def _of_mean(chances: Sequence[Chance]) -> Chance:
    """Variances add; degrees of freedom by Satterthwaite (1946). What is not known is left out."""
    known = [c for c in chances if c.degrees > 0]
    total = sum(c.variance for c in known)
    squares = sum(c.variance**2 / c.degrees for c in known)
    least = min((c.degrees for c in known), default=0)
    return Chance(total / len(chances) ** 2, total**2 / squares if squares > 0 else least)


# --- Significance ------------------------------------------------------------------------------


def chunk_test(a: np.ndarray, b: np.ndarray, chunks: int = 100, seed: int = 0) -> float:
    """p-value of the paper's significance test (appendix I), carried over to several seeds.

    a, b: [seed, question] of two models. The test questions are shuffled and split into `chunks`
    near-equal parts (fewer when there are fewer questions); the accuracies of the two a part are
    compared. From one seed that is the paper's paired t-test. From several, other seeds and other
    questions would give another difference, and both count (`crossed_mean`).
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    order = np.random.default_rng(seed).permutation(difference.shape[1])
    parts = np.array_split(order, min(chunks, len(order)))
    of_parts = np.column_stack([mean_known(difference[:, part]) for part in parts])
    return crossed_mean(of_parts).p_value


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
    from scipy import stats  # takes as long to import as a small report does

    return float(stats.spearmanr(first, second).statistic)
