"""Who wins how often when variants are compared in pairs, and how strong that makes each.

A scenario counts once however often it was played or judged: its comparisons are averaged first (a
win 1, a tie 1/2, a defeat 0), and the scenario is won where the mean is above one half.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import UNKNOWN, Array, Interval, numbers

MOST_STEPS = 10_000
CLOSE = 1e-10


class WinRate(NamedTuple):
    """Scenarios won, tied and lost; `rate` is the share won, with Wilson's limits."""

    n: int
    wins: int
    ties: int
    losses: int
    rate: float
    low: float
    high: float


def wilson(count: int, n: int, alpha: float = 0.05) -> Interval:
    """Score interval for a share (Wilson 1927)."""
    if n == 0:
        return UNKNOWN
    limits = stats.binomtest(count, n).proportion_ci(1 - alpha, method="wilson")
    return Interval(float(limits.low), float(limits.high))


def win_rate(points: ArrayLike, alpha: float = 0.05) -> WinRate:
    """How many scenarios were won, from the mean points of each (0 to 1); a tie is no win."""
    means = numbers(points)
    wins, losses = int(np.sum(means > 0.5)), int(np.sum(means < 0.5))
    rate = wins / means.size if means.size else math.nan
    ties = means.size - wins - losses
    return WinRate(means.size, wins, ties, losses, rate, *wilson(wins, means.size, alpha))


def bradley_terry(won: Array) -> Array:
    """Log strengths, with mean 0, from `won[i, j]`: how often i beat j, a tie being half a win.

    The minorization-maximization of Hunter 2004, equation 3: each strength becomes its wins over
    the sum of games / (own + other strength). `nan` where the maximum does not exist, because
    somebody cannot be reached from somebody else by wins (Ford 1957).
    """
    if not connected(won):
        return np.full(len(won), math.nan)
    games, strengths = won + won.T, np.ones(len(won))
    for _ in range(MOST_STEPS):
        shares = games / (strengths[:, None] + strengths[None, :])
        np.fill_diagonal(shares, 0.0)
        new = won.sum(axis=1) / shares.sum(axis=1)
        new /= math.exp(float(np.mean(np.log(new))))
        change = float(np.abs(np.log(new / strengths)).max())
        strengths = new
        if change < CLOSE:
            break
    return np.log(strengths)


def connected(won: Array) -> bool:
    """Whether everybody has beaten everybody, directly or by way of others."""
    reach = (won > 0) | np.eye(len(won), dtype=bool)
    for _ in range(len(won)):
        reach = reach @ reach
    return bool(reach.all())


def strengths(
    outcomes: Sequence[Mapping[tuple[int, int], float]],
    size: int,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    resamples: int = 2000,
) -> list[tuple[float, Interval]]:
    """Log strengths of all variants with percentile limits, scenarios drawn with replacement.

    Args:
        outcomes: per scenario the mean points of i against j, for each pair (i, j) that met.
        size: how many variants there are.
        generator: draws the scenarios.
        alpha: one minus the level of the intervals.
        resamples: how many draws; those without a maximum are left out, and where that is more
            than a tenth of them there are no limits.
    """
    tables = np.zeros((len(outcomes), size, size))
    for table, points in zip(tables, outcomes, strict=True):
        for (first, second), share in points.items():
            table[first, second] += share
            table[second, first] += 1 - share
    if not len(tables):
        return [(math.nan, UNKNOWN)] * size
    draws = generator.integers(len(tables), size=(resamples, len(tables)))
    drawn = np.array([bradley_terry(tables[draw].sum(axis=0)) for draw in draws])
    known = drawn[~np.isnan(drawn).any(axis=1)]
    estimate = bradley_terry(tables.sum(axis=0))
    if len(known) < 0.9 * resamples or np.isnan(estimate).any():
        return [(float(value), UNKNOWN) for value in estimate]
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2], axis=0)
    limits = [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return [(float(value), limit) for value, limit in zip(estimate, limits, strict=True)]
