"""How well predictions agree with people's ratings; no figure is better than its null.

All functions take aligned arrays. Weighted kappa and absolute error need predictions on the
ratings' scale: `isotonic_map` fits a monotone mapping on some items, to be applied to others.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from eval.statistics.arrays import Array, constant, numbers


def spearman(predicted: ArrayLike, rated: ArrayLike) -> float:
    """Spearman's rank correlation (Spearman 1904); `nan` where one side does not vary."""
    x, y = numbers(predicted), numbers(rated)
    if x.size < 3 or constant(x) or constant(y):
        return math.nan
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def kendall(predicted: ArrayLike, rated: ArrayLike) -> float:
    """Kendall's tau-b, which allows for ties (Kendall 1945); `nan` where one side does not vary."""
    x, y = numbers(predicted), numbers(rated)
    if x.size < 3 or constant(x) or constant(y):
        return math.nan
    return float(stats.kendalltau(x, y).statistic)


def weighted_kappa(predicted: ArrayLike, rated: ArrayLike) -> float:
    """Kappa with quadratic weights (Cohen 1968): 1 - squared difference / that by chance.

    `nan` where neither side varies and both agree; a constant on one side gives 0.
    """
    x, y = numbers(predicted), numbers(rated)
    if not x.size:
        return math.nan
    chance = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return 1 - float(np.mean((x - y) ** 2)) / chance if chance else math.nan


def mean_absolute_error(predicted: ArrayLike, rated: ArrayLike) -> float:
    """Mean absolute difference."""
    x, y = numbers(predicted), numbers(rated)
    return float(np.mean(np.abs(x - y))) if x.size else math.nan


def isotonic_map(x: Array, y: Array, new: Array) -> Array:
    """Predictions for `new` by the best never-falling step function of x to y.

    Least squares by pooling adjacent violators (Ayer et al. 1955), linear between fitted points.
    """
    levels, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(places, weights=y) / counts
    fitted = optimize.isotonic_regression(means, weights=counts).x
    return np.asarray(np.interp(new, levels, fitted), dtype=np.float64)


def ridge(x: Array, y: Array, new: Array, penalty: float = 1.0) -> Array:
    """Ridge regression on standardized columns (Hoerl and Kennard 1970), applied to new rows."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    rows = (x - centre) / scale
    square = rows.T @ rows + penalty * np.eye(rows.shape[1])
    weights = np.linalg.solve(square, rows.T @ (y - y.mean()))
    predicted: Array = (new - centre) / scale @ weights + y.mean()
    return predicted
