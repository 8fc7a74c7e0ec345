"""One sample: mean, spread, its t interval, and the share of failures with exact limits."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import UNKNOWN, Interval, numbers


class Summary(NamedTuple):
    """A sample in numbers; `low` and `high` limit the mean, `q1` and `q3` its middle half."""

    n: int
    mean: float
    sd: float
    median: float
    low: float
    high: float
    q1: float
    q3: float


def t_interval(values: ArrayLike, alpha: float = 0.05) -> Interval:
    """Student's interval for the mean: m +- t(1 - alpha/2; n - 1) s / sqrt(n) (Student 1908).

    `nan` below two values. A sample without any variation gives an interval of no width.
    """
    sample = numbers(values)
    if sample.size < 2:
        return UNKNOWN
    half = stats.t.ppf(1 - alpha / 2, sample.size - 1) * sample.std(ddof=1) / math.sqrt(sample.size)
    return Interval(float(sample.mean() - half), float(sample.mean() + half))


def summary(values: ArrayLike, alpha: float = 0.05) -> Summary:
    """Count, mean, standard deviation (n - 1), median, t interval and quartiles of a sample."""
    sample = numbers(values)
    if sample.size == 0:
        return Summary(0, *([math.nan] * 7))
    sd = float(sample.std(ddof=1)) if sample.size > 1 else math.nan
    limits = t_interval(sample, alpha)
    q1, median, q3 = (float(each) for each in np.quantile(sample, [0.25, 0.5, 0.75]))
    return Summary(sample.size, float(sample.mean()), sd, median, *limits, q1, q3)


def exact_share(count: int, n: int, alpha: float = 0.05) -> Interval:
    """Exact limits for a share, by inverting the binomial test (Clopper and Pearson 1934)."""
    if n == 0:
        return UNKNOWN
    limits = stats.binomtest(count, n).proportion_ci(1 - alpha, method="exact")
    return Interval(float(limits.low), float(limits.high))
