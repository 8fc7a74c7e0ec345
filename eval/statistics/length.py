"""A score difference at equal length: judges like longer replies, and so may the numbers.

The idea is that of AlpacaEval's length-controlled win rates (Dubois et al. 2024): model the outcome
by the difference in length, and read it where that difference is nil. Here the outcome is a score
difference and the model a straight line, a row a scenario.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import Array, complete_pairs, constant

FEWEST = 10
"""Below this many scenarios a line has too little to stand on."""


class Adjusted(NamedTuple):
    """The difference at equal length, and the points that twice the words go with."""

    n: int
    value: float
    low: float
    high: float
    per_doubling: float
    p_length: float


def length_adjusted(
    differences: ArrayLike, log2_ratios: ArrayLike, alpha: float = 0.05
) -> Adjusted:
    """Intercept and slope of score differences on log2 of the ratio of words.

    Least squares with standard errors that allow for unequal variance (HC3, MacKinnon and White
    1985; Long and Ervin 2000 recommend it for samples this small) and Student's t on n - 2.
    """
    y, x = complete_pairs(differences, log2_ratios)
    if y.size < FEWEST or constant(x) or constant(y):
        return Adjusted(int(y.size), *[math.nan] * 5)
    design = np.column_stack([np.ones_like(x), x])
    weights, errors = robust_fit(design, y)
    half = stats.t.ppf(1 - alpha / 2, y.size - 2) * errors[0]
    p = 2 * stats.t.sf(abs(weights[1]) / errors[1], y.size - 2) if errors[1] > 0 else math.nan
    value, slope = map(float, weights)
    return Adjusted(int(y.size), value, float(value - half), float(value + half), slope, float(p))


def robust_fit(design: Array, y: Array) -> tuple[Array, Array]:
    """Least-squares weights with HC3 standard errors."""
    inverse = np.linalg.inv(design.T @ design)
    weights = inverse @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    # A scenario that the line passes through for its sake alone has no residual to judge by.
    residuals = (y - design @ weights) / np.maximum(1 - leverage, 1e-6)
    spread = inverse @ (design.T * residuals**2) @ design @ inverse
    return weights, np.sqrt(np.diag(spread))
