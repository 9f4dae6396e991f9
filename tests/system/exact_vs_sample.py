"""What exact_vs_sample.sh runs: are the counts of EXACT's and of SAMPLE's file draws of Binomial(SAMPLES, p)?

Three tests, each failing beyond p < 1e-5: every (question, set) by its two-sided binomial tail (Bonferroni), all together
by chi-square, and the total, which shows a small bias that no single question shows.
"""

import math
import sys

import h5py
import numpy as np

EXACT, SAMPLE, SAMPLES = sys.argv[1], sys.argv[2], int(sys.argv[3])
LEVEL = 1e-5
PRUNED = 1e-4  # branches below label.branch_floor are not followed: p may be low by about so much


def tail(count, p):
    """Two-sided tail of a binomial count, by summing the smaller side."""
    if p <= 0 or p >= 1:
        return 1.0 if count == SAMPLES * p else 0.0
    side = range(count + 1) if count <= SAMPLES * p else range(count, SAMPLES + 1)
    logs = [
        math.lgamma(SAMPLES + 1) - math.lgamma(k + 1) - math.lgamma(SAMPLES - k + 1) + k * math.log(p) + (SAMPLES - k) * math.log1p(-p)
        for k in side
    ]
    return min(1.0, 2 * sum(map(math.exp, logs)))


def normal_tail(z):
    return math.erfc(abs(z) / math.sqrt(2))


def check(name, drawn, p):
    widened = np.where(drawn > SAMPLES * p, np.minimum(p + PRUNED, 1), p)
    least = min(tail(int(count), float(chance)) for count, chance in zip(drawn, widened))
    variance = SAMPLES * p * (1 - p)
    usable = variance > 3  # chi-square wants counts that are nearly normal
    z = (drawn - SAMPLES * p)[usable] / np.sqrt(variance[usable])
    degrees = int(usable.sum())
    # Wilson and Hilferty: the cube root of chi-square is nearly normal
    cube = ((z**2).sum() / degrees) ** (1 / 3)
    chi = (cube - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))
    total = (drawn.sum() - SAMPLES * p.sum()) / math.sqrt(variance.sum())
    print(f"{name}: {drawn.size} counts, least tail {least:.2g}; chi-square {(z**2).sum():.1f} of {degrees}; total off by {total:+.2f} sigma")
    assert degrees > 50, degrees
    assert least * drawn.size > LEVEL, least
    assert normal_tail(chi) > LEVEL, chi
    assert normal_tail(total) > LEVEL, total


with h5py.File(EXACT) as exact, h5py.File(SAMPLE) as sample:
    a, b = exact["labels/base"], sample["labels/base"]
    assert (a["question"][:] == b["question"][:]).all()
    assert (a["exemplars/W1/question"][:] == b["exemplars/W1/question"][:]).all()
    different = a["greedy"][:] != b["greedy"][:]
    assert not different.any(), f"{different.sum()} greedy verdicts differ, the first at {np.argwhere(different)[0]}"
    right = a["greedy"][:].mean()
    assert 0.05 < right < 0.95, f"{right} of the greedy answers are right: this world tests nothing"
    p = a["p"][:].astype(np.float64).ravel()
    assert ((p >= 0) & (p <= 1)).all()
    assert not (a["drawn"][:] == b["drawn"][:]).all(), "both files hold the same draws"
    check(f"{SAMPLE}, really sampled", b["drawn"][:].ravel(), p)
    check(f"{EXACT}, drawn from p", a["drawn"][:].ravel(), p)
    # what the file derives from the counts
    for labels in (a, b):
        assert np.allclose(labels["p_sample"][:], labels["drawn"][:].mean(axis=1) / SAMPLES, atol=1e-6)
        assert np.allclose(labels["p_greedy"][:], labels["greedy"][:].mean(axis=1), atol=1e-6)
    assert np.allclose(a["p_exact"][:], p.reshape(a["p"].shape).mean(axis=1), atol=1e-6)
    assert np.isnan(b["p_exact"][:]).all()
