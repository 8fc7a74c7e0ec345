"""Bootstrap intervals over scenarios: for a mean difference, and for effect sizes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from eval.statistics.arrays import UNKNOWN, Interval, complete_pairs, constant, numbers

FEWEST = 5
"""Below this many scenarios a bootstrap only repeats the handful it was given."""

Statistic = Callable[..., Any]
"""Of two aligned arrays with the scenarios on their last axis; called with `axis=-1`."""


def bca_interval(
    statistic: Statistic,
    a: ArrayLike,
    b: ArrayLike,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    resamples: int = 10_000,
) -> Interval:
    """Bias-corrected and accelerated interval (Efron 1987), scenarios drawn as pairs.

    `nan` below five scenarios, where the differences do not vary, or where it degenerates.
    """
    first, second = complete_pairs(a, b)
    if first.size < FEWEST or constant(first - second):
        return UNKNOWN
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        limits = stats.bootstrap(
            (first, second),
            statistic,
            paired=True,
            vectorized=True,
            method="BCa",
            confidence_level=1 - alpha,
            n_resamples=resamples,
            batch=500,
            rng=generator,
        ).confidence_interval
    if not (np.isfinite(limits.low) and np.isfinite(limits.high)):
        return UNKNOWN
    return Interval(float(limits.low), float(limits.high))


def bootstrap_t_interval(
    differences: ArrayLike,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    resamples: int = 10_000,
) -> Interval:
    """Studentized bootstrap interval for a mean, one number a scenario (Efron 1982; Hall 1988).

    Each resample's mean is measured in its own standard errors, so that a skewed sample gets a
    skewed interval. Resamples that do not vary have none and are left out. Below `FEWEST`
    scenarios, or where the differences do not vary, `nan`.
    """
    sample = numbers(differences)
    if sample.size < FEWEST or constant(sample):
        return UNKNOWN
    drawn = sample[generator.integers(0, sample.size, (resamples, sample.size))]
    means, spreads = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
    varied = spreads > 1e-9
    scores = (means[varied] - sample.mean()) / spreads[varied]
    high, low = np.quantile(scores, [alpha / 2, 1 - alpha / 2])
    scale = sample.std(ddof=1)
    return Interval(float(sample.mean() - low * scale), float(sample.mean() - high * scale))
