"""Correction for asking several questions at once."""

import numpy as np
from numpy.typing import ArrayLike

from eval.statistics.arrays import Array


def holm(p_values: ArrayLike) -> Array:
    """Holm's step-down adjusted p values, in the order given (Holm 1979).

    A `nan` is a test that was declared and could not be made: it stays `nan` and still counts in
    the family's size, so that losing a test never makes the others easier to pass.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")  # nan sorts last
    factors = p.size - np.arange(p.size)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted
