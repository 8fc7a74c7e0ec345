"""Judges as a sample of those one could have asked: what they share, and what hangs on one of them.

Takes one number per scenario and judge, a row a scenario: how much higher that judge scored one
variant than the other there. Scenarios and judges are crossed and both random.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from eval.statistics.arrays import Array, constant


class Squares(NamedTuple):
    """Mean squares of a table of scenarios by judges without repetition."""

    scenarios: float
    judges: float
    residual: float


class Crossed(NamedTuple):
    """The mean difference with scenarios and judges both random."""

    low: float
    high: float
    p: float
    p_equivalence: float
    df: float
    error: float
    """The standard error of the mean difference."""
    judge_sd: float
    """How much judges differ about the difference, beyond noise."""


UNKNOWN = Crossed(*[math.nan] * 7)


def mean_squares(table: Array) -> Squares:
    """Two-way analysis of variance with one number a cell (Fisher 1925)."""
    n, count = table.shape
    rows, columns, middle = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - rows[:, None] - columns[None, :] + middle
    return Squares(
        count * float(rows.var(ddof=1)),
        n * float(columns.var(ddof=1)),
        float((rest**2).sum()) / ((n - 1) * (count - 1)),
    )


def crossed(table: Array, alpha: float, margin: float) -> Crossed:
    """Interval and tests of the mean with both factors random (Satterthwaite 1946).

    The variance of the mean is (MS_scenario + MS_judge - MS_residual) / (scenarios * judges), never
    below MS_scenario's part alone: judges that agree by chance make nothing surer. `nan` below two
    judges or two scenarios, or where the scenarios' means do not vary.
    """
    n, count = table.shape
    if n < 2 or count < 2 or constant(table.mean(axis=1)):
        return UNKNOWN
    squares = mean_squares(table)
    between = max(squares.judges - squares.residual, 0.0)
    total = squares.scenarios + between
    # Satterthwaite's degrees of freedom; without variance between judges, those of the scenarios.
    parts = squares.scenarios**2 / (n - 1)
    if between:
        parts += squares.judges**2 / (count - 1)
        parts += squares.residual**2 / ((n - 1) * (count - 1))
    df = min(total**2 / parts, n - 1)
    error = math.sqrt(total / (n * count))
    middle = float(table.mean())
    half = stats.t.ppf(1 - alpha / 2, df) * error
    return Crossed(
        float(middle - half),
        float(middle + half),
        float(2 * stats.t.sf(abs(middle) / error, df)),
        float(stats.t.sf((margin - abs(middle)) / error, df)),
        float(df),
        error,
        math.sqrt(between / n),
    )


def leave_one_out(table: Array) -> list[float]:
    """The mean difference without each judge in turn; empty for a single judge."""
    if table.shape[1] < 2:
        return []
    return [float(np.delete(table, one, axis=1).mean()) for one in range(table.shape[1])]
