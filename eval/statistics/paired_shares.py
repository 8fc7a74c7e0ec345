"""Two variants on the same items, each passed or failed: how much do their shares differ?

Needed where hardly anything fails: an interval by the normal distribution would have no width.
"""

import math
from typing import NamedTuple

from scipy import optimize, stats

from eval.statistics.arrays import UNKNOWN, Interval


class Paired(NamedTuple):
    """How often both, one, the other and none passed."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def n(self) -> int:
        """Items that both variants answered."""
        return sum(self)


def paired_counts(a: list[bool], b: list[bool]) -> Paired:
    """Count two aligned lists of passes."""
    couples = list(zip(a, b, strict=True))
    return Paired(
        couples.count((True, True)),
        couples.count((True, False)),
        couples.count((False, True)),
        couples.count((False, False)),
    )


def score_interval(counts: Paired, alpha: float = 0.05) -> Interval:
    """Limits for share(a) - share(b): the differences that Tango's score test would not reject.

    With b and c the items that only `a` and only `b` passed, the statistic at a difference d is
    (b - c - n d) / sqrt(n (2 q + d (1 - d))), where q is the maximum likelihood estimate under d of
    the probability that only `b` passes, the root of a quadratic (Tango 1998). Without any
    difference in the sample the limits are +-z^2 / (n + z^2). `nan` without items.
    """
    if counts.n == 0:
        return UNKNOWN
    z = float(stats.norm.ppf(1 - alpha / 2))
    observed = (counts.only_a - counts.only_b) / counts.n
    edge = 1 - 1e-12

    def beyond(difference: float, limit: float) -> float:
        return score(counts, difference) - limit

    low = -1.0 if observed <= -edge else optimize.brentq(beyond, -edge, observed, args=(z,))
    high = 1.0 if observed >= edge else optimize.brentq(beyond, observed, edge, args=(-z,))
    return Interval(float(low), float(high))


def score(counts: Paired, difference: float) -> float:
    """Tango's statistic for a true difference; falls as the difference grows."""
    n, b, c = counts.n, counts.only_a, counts.only_b
    first = -b - c + (2 * n - b + c) * difference
    root = math.sqrt(max(first**2 + 8 * n * c * difference * (1 - difference), 0.0))
    only_b = (root - first) / (4 * n)
    variance = n * (2 * only_b + difference * (1 - difference))
    above = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, above) if abs(above) > 1e-9 else 0.0
    return above / math.sqrt(variance)
