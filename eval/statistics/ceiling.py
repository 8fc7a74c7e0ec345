"""What the ends of a scale do to a spread: near the top, scores lie close together by themselves.

Scores are taken as normal, rounded to whole points and cut off at both ends of the scale. From the
means alone follows how much narrower the variant nearer to an end must look.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

NARROWEST, WIDEST = 0.05, 20.0
"""Standard deviations in points between which the spread before the cut is looked for."""


class Moments(NamedTuple):
    """Mean and standard deviation of scores as they are seen."""

    mean: float
    sd: float


def seen(mean: float, sd: float, low: float, high: float) -> Moments:
    """Of a normal variable that is rounded and cut off at `low` and `high`."""
    points = np.arange(low, high + 1)
    limits = stats.norm.cdf(np.r_[-np.inf, points[:-1] + 0.5, np.inf], mean, sd)
    shares = np.diff(limits)
    middle = float(shares @ points)
    return Moments(middle, math.sqrt(float(shares @ (points - middle) ** 2)))


def mean_behind(observed: float, sd: float, low: float, high: float) -> float:
    """The mean before the cut that makes scores average `observed`."""
    reach = 12 * sd + 1
    return float(
        optimize.brentq(
            lambda mean: seen(mean, sd, low, high).mean - observed, low - reach, high + reach
        )
    )


def expected_ratio(a: Moments, b: Moments, low: float, high: float) -> float:
    """sd(a) / sd(b) if both spread alike before the cut and only their means differ.

    The common spread is the one that gives the two variances seen their mean. `nan` where a mean
    is an end of the scale, or nothing varies.
    """
    if not (low < a.mean < high and low < b.mean < high and a.sd + b.sd > 0):
        return math.nan
    target = (a.sd**2 + b.sd**2) / 2

    def spreads(sd: float) -> tuple[float, float]:
        first, second = (seen(mean_behind(m, sd, low, high), sd, low, high).sd
                         for m in (a.mean, b.mean))  # fmt: skip
        return first, second

    def excess(sd: float) -> float:
        return float(np.mean(np.square(spreads(sd)))) - target

    if excess(NARROWEST) >= 0 or excess(WIDEST) <= 0:
        return math.nan
    first, second = spreads(float(optimize.brentq(excess, NARROWEST, WIDEST, xtol=1e-4)))
    return first / second
