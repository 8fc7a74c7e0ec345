"""Two variants on the same scenarios: is their mean difference real, negligible, or unknown?

All take the differences, one a scenario. Formulas: Student 1908 (t), Fisher 1935 (sign flips),
Lancaster 1961 (mid-p), Schuirmann 1987 (two one-sided tests), Cohen 1988 (noncentral t power).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from eval.statistics.arrays import Array, constant, numbers

MID_P_FROM = 20
"""Differences other than 0 that the mid-p needs; with fewer it rejects too often."""


class TTest(NamedTuple):
    """A paired t test."""

    t: float
    df: int
    p: float


def paired_t(differences: ArrayLike) -> TTest:
    """Two-sided t test that the mean difference is 0; `nan` where nothing varies."""
    sample = numbers(differences)
    if sample.size < 2 or constant(sample):
        return TTest(math.nan, max(sample.size - 1, 0), math.nan)
    result = stats.ttest_1samp(sample, 0.0)
    return TTest(float(result.statistic), sample.size - 1, float(result.pvalue))


def sign_flip_p(
    differences: ArrayLike, generator: np.random.Generator, resamples: int = 10_000
) -> float:
    """Two-sided p of the sign-flip permutation test that differences are symmetric about 0.

    All 2**n sign patterns where they are no more than `resamples`, else that many random ones with
    the observed pattern counted among them (Phipson and Smyth 2010). From `MID_P_FROM` differences
    other than 0 on, half of the ties count: scores are integers, and the exact p would be too large
    (Lancaster 1961). Below, half of the few patterns that there are would be too small.
    """
    sample = numbers(differences)
    if sample.size < 2:
        return math.nan
    observed = abs(sample.sum())
    if 2**sample.size <= resamples:
        sums = every_pattern(sample.size) @ sample
    else:
        count = resamples * sample.size
        drawn = np.frombuffer(generator.bytes(-(-count // 8)), dtype=np.uint8)
        flipped = np.unpackbits(drawn, count=count).reshape(resamples, sample.size)
        sums = np.append(sample.sum() - 2 * (flipped @ sample), observed)
    tie = 1e-9 * max(1.0, np.abs(sample).sum())
    if observed <= tie:
        return 1.0
    beyond = np.mean(np.abs(sums) > observed + tie)
    equal = np.mean(np.abs(np.abs(sums) - observed) <= tie)
    weight = 0.5 if np.count_nonzero(sample) >= MID_P_FROM else 1.0
    return float(beyond + weight * equal)


def every_pattern(n: int) -> Array:
    """All 2**n rows of signs."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.where(bits == 1, 1.0, -1.0)


def equivalence_p(differences: ArrayLike, margin: float) -> float:
    """The p value of the two one-sided t tests that the mean difference lies within +-margin.

    The larger of both one-sided p values (Schuirmann 1987).
    """
    sample = numbers(differences)
    if sample.size < 2 or constant(sample):
        return math.nan
    above = stats.ttest_1samp(sample, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(sample, margin, alternative="less").pvalue
    return float(max(above, below))


def minimum_detectable(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true mean difference that a paired t test finds with this power."""
    if n < 2 or not sd > 0:
        return math.nan
    return noncentrality(n, alpha, power) * sd / math.sqrt(n)


@lru_cache(1024)
def noncentrality(n: int, alpha: float, power: float) -> float:
    """Of the t distribution whose test has this power (Cohen 1988), found by its root."""
    critical = stats.t.ppf(1 - alpha / 2, n - 1)

    def excess(noncentrality: float) -> float:
        # The other tail holds less than a millionth here, where scipy's answer may be nan.
        return float(stats.nct.sf(critical, n - 1, noncentrality)) - power

    start = critical + stats.t.ppf(power, n - 1)
    return float(optimize.brentq(excess, 0.5 * start, 1.5 * start))


def verdict(difference: float, p: float, p_equivalence: float, alpha: float) -> str:
    """One of four words; both p values already corrected for the family of tests.

    A difference that is both real and smaller than the margin is called by its direction.
    """
    if p <= alpha:
        return "superior" if difference > 0 else "inferior"
    return "equivalent" if p_equivalence <= alpha else "inconclusive"
