"""Two groups of different conversations: nothing pairs them."""

import math
from typing import NamedTuple

from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import constant, numbers


class Welch(NamedTuple):
    """A difference of two means, first minus second."""

    difference: float
    low: float
    high: float
    df: float
    p: float


def welch(first: ArrayLike, second: ArrayLike, alpha: float = 0.05) -> Welch:
    """Welch's t test and interval for unequal variances (Welch 1947; Satterthwaite 1946).

    No test below two values in a group, or where neither group varies.
    """
    one, other = numbers(first), numbers(second)
    if not one.size or not other.size:
        return Welch(*([math.nan] * 5))
    difference = float(one.mean() - other.mean())
    if min(one.size, other.size) < 2 or (constant(one) and constant(other)):
        return Welch(difference, *([math.nan] * 4))
    result = stats.ttest_ind(one, other, equal_var=False)
    limits = result.confidence_interval(1 - alpha)
    return Welch(
        difference, float(limits.low), float(limits.high), float(result.df), float(result.pvalue)
    )
