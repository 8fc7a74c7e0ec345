"""How far repeated readings of the same conversations agree.

Takes a table with one row per conversation and one column per reading. ICCs need every cell and use
the complete rows; alpha takes what is there.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from eval.statistics.arrays import UNKNOWN, Array, Interval


class Estimate(NamedTuple):
    """A value with its bootstrap limits."""

    value: float
    low: float
    high: float


def icc(table: ArrayLike) -> tuple[float, float]:
    """ICC(1,1) and ICC(2,1): one reading's share of true variance (Shrout and Fleiss 1979).

    ICC(1,1) takes the readings of a row as exchangeable, ICC(2,1) the columns as random judges.
    Both are `nan` below two rows or columns, and where nothing varies.
    """
    rows = complete_rows(table)
    n, k = rows.shape
    if n < 2 or k < 2 or np.ptp(rows) <= 1e-9:
        return math.nan, math.nan
    between = k * float(rows.mean(axis=1).var(ddof=1))
    columns = n * float(rows.mean(axis=0).var(ddof=1))
    within = float(rows.var(axis=1, ddof=1).mean())
    # Squared residuals are what rows and columns leave over.
    error = max((n * (k - 1) * within - (k - 1) * columns) / ((n - 1) * (k - 1)), 0.0)
    one = ratio(between - within, between + (k - 1) * within)
    two = ratio(between - error, between + (k - 1) * error + k * (columns - error) / n)
    return one, two


def ratio(above: float, below: float) -> float:
    """Division; `nan` by zero."""
    return above / below if below else math.nan


def complete_rows(table: ArrayLike) -> Array:
    """The rows without a missing value."""
    rows = np.atleast_2d(np.asarray(table, dtype=np.float64))
    return rows[~np.isnan(rows).any(axis=1)]


def krippendorff_alpha(table: ArrayLike) -> float:
    """Alpha for interval data: 1 - observed / expected disagreement (Krippendorff 2011).

    `nan` where fewer than two values can be paired, or where nothing varies.
    """
    rows = [row[~np.isnan(row)] for row in np.atleast_2d(np.asarray(table, dtype=np.float64))]
    units = [row for row in rows if row.size > 1]
    values = np.concatenate(units) if units else np.empty(0)
    if values.size < 2 or np.ptp(values) <= 1e-9:
        return math.nan
    # Squared differences over all ordered pairs of m values add up to 2 * m**2 * their variance.
    observed = sum(2 * unit.size * unit.var() * unit.size / (unit.size - 1) for unit in units)
    expected = 2 * values.size**2 * values.var() / (values.size - 1)
    return float(1 - observed / expected)


def bootstrapped(
    statistic: Callable[[Array], float],
    table: ArrayLike,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    resamples: int = 2000,
) -> Estimate:
    """A statistic of the table with percentile limits, rows drawn with replacement (Efron 1979).

    No limits below five rows, or where more than a tenth of the draws has no value.
    """
    rows = np.atleast_2d(np.asarray(table, dtype=np.float64))
    value = statistic(rows)
    if len(rows) < 5 or math.isnan(value):
        return Estimate(value, *UNKNOWN)
    draws = generator.integers(len(rows), size=(resamples, len(rows)))
    drawn = np.array([statistic(rows[draw]) for draw in draws])
    return Estimate(value, *percentile_limits(drawn, alpha))


def percentile_limits(drawn: Array, alpha: float) -> Interval:
    """The middle of a bootstrap distribution; unknown where over a tenth of it has no value."""
    known = drawn[~np.isnan(drawn)]
    if len(known) < 0.9 * len(drawn) or not len(known):
        return UNKNOWN
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high))
