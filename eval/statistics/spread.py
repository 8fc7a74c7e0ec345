"""Is one variant steadier than another? Compared apart from the means.

Pitman-Morgan is not offered: a few failed conversations make it err in a third of all cases.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import UNKNOWN, Array, Interval, complete_pairs, constant, numbers
from eval.statistics.paired import TTest, paired_t


class Ratio(NamedTuple):
    """A ratio of standard deviations."""

    value: float
    low: float
    high: float


def paired_brown_forsythe(a: ArrayLike, b: ArrayLike) -> TTest:
    """Paired t test on the distances from each variant's median (Brown and Forsythe 1974; Wilcox).

    Positive t: `a` spreads more.
    """
    first, second = complete_pairs(a, b)
    if first.size < 2:
        return paired_t(first - second)
    return paired_t(np.abs(first - np.median(first)) - np.abs(second - np.median(second)))


def sd_ratio(a: ArrayLike, b: ArrayLike, alpha: float = 0.05) -> Ratio:
    """sd(a) / sd(b) with jackknife limits on its logarithm (Miller 1968)."""
    first, second = complete_pairs(a, b)
    if first.size < 2 or constant(first) or constant(second):
        return Ratio(math.nan, *UNKNOWN)
    value = math.log(first.std(ddof=1) / second.std(ddof=1))
    limits = jackknife_log_ratio(first, second, value, alpha)
    return Ratio(math.exp(value), *(math.exp(limit) for limit in limits))


def jackknife_log_ratio(first: Array, second: Array, value: float, alpha: float) -> Interval:
    """Limits from leaving out one scenario at a time; `nan` where a rest does not vary."""
    n = first.size
    rests = [(np.delete(first, i), np.delete(second, i)) for i in range(n)]
    if n < 3 or any(constant(a) or constant(b) for a, b in rests):
        return UNKNOWN
    without = np.array([math.log(a.std(ddof=1) / b.std(ddof=1)) for a, b in rests])
    pseudo = n * value - (n - 1) * without
    half = stats.t.ppf(1 - alpha / 2, n - 1) * pseudo.std(ddof=1) / math.sqrt(n)
    return Interval(float(pseudo.mean() - half), float(pseudo.mean() + half))


def rerun_sd(groups: list[list[float]]) -> float:
    """Pooled standard deviation of repeated conversations inside a scenario.

    Root of the mean of the scenarios' variances, weighted by their degrees of freedom; `nan`
    where no scenario was repeated.
    """
    repeated = [numbers(group) for group in groups if len(group) > 1]
    freedom = sum(group.size - 1 for group in repeated)
    if not freedom:
        return math.nan
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in repeated)
    return math.sqrt(squares / freedom)


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact p that failures of one variant alone are as common as of the other (McNemar 1947)."""
    discordant = only_a + only_b
    return float(stats.binomtest(only_a, discordant, 0.5).pvalue) if discordant else 1.0
