"""Effect sizes of a paired comparison, positive where `a` is higher.

Each takes two aligned arrays with the scenarios on the last axis, so that the bootstrap can call it
on many resamples at once. Sources: Cohen 1988 (dz), Lakens 2013 (d_av), Cliff 1993 (delta).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from eval.statistics.arrays import Interval, complete_pairs
from eval.statistics.describe import exact_share


class Wins(NamedTuple):
    """In how many scenarios `a` is above, level with and below `b`; limits of the share above."""

    wins: int
    ties: int
    losses: int
    share: float
    low: float
    high: float


def mean_difference(a: Any, b: Any, axis: int = -1) -> Any:
    """Mean of a - b."""
    return np.mean(a - b, axis=axis)


def dz(a: Any, b: Any, axis: int = -1) -> Any:
    """Mean difference in standard deviations of the differences (Cohen 1988)."""
    return ratio(np.mean(a - b, axis=axis), np.std(a - b, axis=axis, ddof=1))


def d_av(a: Any, b: Any, axis: int = -1) -> Any:
    """Mean difference in the average of both standard deviations (Lakens 2013)."""
    scale = (np.std(a, axis=axis, ddof=1) + np.std(b, axis=axis, ddof=1)) / 2
    return ratio(np.mean(a - b, axis=axis), scale)


def cliffs_delta(a: Any, b: Any, axis: int = -1) -> Any:
    """P(a > b) - P(a < b) over all pairs of scenarios, ignoring the pairing (Cliff 1993)."""
    first, second = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    return np.mean(np.sign(first[..., :, None] - second[..., None, :]), axis=(-2, -1))


def ratio(above: Any, below: Any) -> Any:
    """Division that calls 0 / 0 (a resample without any difference) an effect of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((above == 0) & (below == 0), 0.0, np.divide(above, below))


def wins(a: ArrayLike, b: ArrayLike, alpha: float = 0.05) -> Wins:
    """How often `a` beats `b` in the same scenario; a tie is no win (exact limits)."""
    first, second = complete_pairs(a, b)
    above, below = int(np.sum(first > second)), int(np.sum(first < second))
    share = above / first.size if first.size else float("nan")
    limits: Interval = exact_share(above, first.size, alpha)
    return Wins(above, first.size - above - below, below, share, *limits)
