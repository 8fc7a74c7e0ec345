"""Which sessions share how many of their hashes: pure functions over numpy arrays.

A session is known here by its rank, 0 for the longest. A pair of ranks is one number of 64 bits,
the longer session's rank in the upper half, so that numpy sorts and counts them fast.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from corpus.buckets import Buckets, Rows
from hybridtune.duplicates import Hashes, near

FEW = 5
"""Of the sessions that have a sequence in common, so many are compared with all the others."""
BUCKETS = 64

COUNTS = np.dtype([("pair", "<u8"), ("shared", "<u4")])
HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Pair:
    """Two sessions, the smaller number first, and the share of the smaller one that both have."""

    first: int
    second: int
    containment: float


def make_pair(one: int, other: int, containment: float) -> Pair:
    """A pair of two numbers in any order."""
    return Pair(min(one, other), max(one, other), containment)


def star_pairs(hashes: Hashes, ranks: Hashes) -> Hashes:
    """The pairs of sessions that share a hash, for every hash that they share.

    Of the holders of a hash the `FEW` longest are paired with all, the others not among themselves.
    So a phrase that a thousand sessions have costs no million pairs, and every copy of a session,
    however many there are, still meets the longest copy, which is the one that stays.
    """
    order = np.lexsort((ranks, hashes))
    hashes, ranks = hashes[order], ranks[order]
    first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    starts = np.flatnonzero(first)
    start = np.repeat(starts, np.diff(starts, append=len(hashes)))
    place = np.arange(len(hashes)) - start
    found = [np.empty(0, np.uint64)]
    for few in range(FEW):
        later = place > few
        found.append(ranks[start[later] + few] << HALF | ranks[later])
    return np.concatenate(found)


def count_pairs(pairs: Hashes, counts: Buckets) -> None:
    """Add to a table on disk how often each pair occurs."""
    values, shared = np.unique(pairs, return_counts=True)
    rows = np.empty(len(values), COUNTS)
    rows["pair"], rows["shared"] = values, shared
    counts.add(values % np.uint64(counts.count), rows)


def near_pairs(rows: Rows, numbers: Hashes, sizes: Hashes, threshold: float) -> Iterator[Pair]:
    """Add up the counts of each pair, and yield those that share enough.

    Args:
        rows: counts of pairs; all those of a pair are among them.
        numbers: of the sessions, by rank.
        sizes: how many hashes a session has, by rank.
        threshold: the least containment.
    """
    pairs, inverse = np.unique(rows["pair"], return_inverse=True)
    shared = np.bincount(inverse, weights=rows["shared"], minlength=len(pairs))
    one, other = pairs >> HALF, pairs & LOW
    smaller = np.minimum(sizes[one], sizes[other])
    for at in np.flatnonzero(near(shared, smaller, threshold)):
        containment = float(shared[at] / smaller[at])
        yield make_pair(int(numbers[one[at]]), int(numbers[other[at]]), containment)


def equal_pairs(wholes: Hashes, ranks: Hashes, numbers: Hashes) -> Iterator[Pair]:
    """Sessions that are the same as a whole; each is paired with the first of its kind at least."""
    pairs = star_pairs(wholes, ranks)
    for one, other in zip(numbers[pairs >> HALF], numbers[pairs & LOW], strict=True):
        yield make_pair(int(one), int(other), 1.0)
