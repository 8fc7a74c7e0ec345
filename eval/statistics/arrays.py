"""What all statistics share: the array type, the random streams, and the paired-up scenarios."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Interval(NamedTuple):
    """A lower and an upper limit; both `nan` where none can be given."""

    low: float
    high: float


UNKNOWN = Interval(float("nan"), float("nan"))


def generator(*names: Any) -> np.random.Generator:
    """A random stream of its own for every combination of names, the same on every machine."""
    text = "\x1f".join(str(name) for name in names)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def numbers(values: ArrayLike) -> Array:
    """As floats, in one dimension.

    Raises:
        ValueError: a value is missing; drop it, and count it, before asking for statistics.
    """
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if np.isnan(array).any():
        raise ValueError("a missing value cannot be averaged: leave it out and count it")
    return array


def complete_pairs(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """The scenarios where both variants have a number; `nan` means missing."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]


def constant(values: Array) -> bool:
    """Whether nothing varies (to rounding), so that no standard error can be estimated."""
    return bool(values.size == 0 or np.ptp(values) <= 1e-9)
