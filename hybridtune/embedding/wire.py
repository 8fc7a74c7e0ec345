"""What an embeddings endpoint sends back, read with care: each text's vector, or why not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

Rows = NDArray[np.float32]
LARGEST, LEAST = 1e30, 1e-12
"""Of the numbers in a vector, and of its length, so that it can be brought to length 1."""


def read_vectors(text: str, count: int) -> Rows:
    """The vectors of `count` texts in their order, each of length 1, whatever order they came in.

    Raises:
        ValueError: it is no list of so many vectors of one dimension, with finite numbers that are
            not all 0.
    """
    items = items_of(text)
    if len(items) != count:
        raise ValueError(f"{len(items)} vectors for {count} texts")
    places = [item.get("index", number) for number, item in enumerate(items)]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(count)):
        raise ValueError(f"each index from 0 to {count - 1} must be there once")
    found: list[list[float]] = [[]] * count
    for place, item in zip(places, items, strict=True):
        found[place] = numbers_of(item.get("embedding"), place)
    if len(dimensions := {len(each) for each in found}) > 1:
        told = " and ".join(str(each) for each in sorted(dimensions))
        raise ValueError(f"vectors of {told} numbers in one answer")
    rows = np.array(found, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if lengths.min() < LEAST:
        raise ValueError(f"the vector of text {int(lengths.argmin())} is 0")
    made: Rows = (rows / lengths).astype(np.float32)
    return made


def items_of(text: str) -> list[dict[str, Any]]:
    """The entries of an answer."""
    try:
        items = from_json(text)["data"]
    except (ValueError, KeyError, TypeError):
        raise ValueError("not an answer with embeddings") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("not an answer with embeddings")
    return items


def numbers_of(vector: Any, place: int) -> list[float]:
    """One vector: its numbers are numbers, and finite."""
    if not isinstance(vector, list) or not vector:
        raise ValueError(f"no vector of numbers for text {place}")
    if not all(type(each) in (int, float) and abs(each) < LARGEST for each in vector):
        raise ValueError(f"the vector of text {place} holds what is no finite number")
    return vector
