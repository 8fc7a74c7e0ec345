"""Which of several ways to cut a long session fills the packed rows best.

A session that needs several windows can be cut at other turns as well, into as many. Where the
pieces of all sessions together fit into fewer rows, less of a step is padding.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import cycle, islice

ENOUGH = 0.985
"""A share of filled places that no search for a better one is worth."""
PASSES, MOST_TRIES = 4, 4000
Pieces = Sequence[int]
"""Lengths of a session's windows, in tokens."""


def packed(lengths: Sequence[int], size: int) -> list[int]:
    """How full each row gets when TRL packs by `bfd`: best fit, longest first."""
    rows: list[int] = []
    space: list[tuple[int, int]] = []
    for length in sorted(lengths, reverse=True):
        place = bisect_left(space, (length, -1))
        if place < len(space):
            left, row = space.pop(place)
        else:
            left, row = size, len(rows)
            rows.append(0)
        rows[row] += length
        insort(space, (left - length, row))
    return rows


def choose_cuts(options: Sequence[Sequence[Pieces]], size: int) -> list[int]:
    """For each session the number of the cut to take; the first is kept unless another is better.

    Tries one cut after the other, until the rows are full enough or nothing helps any more.
    """
    chosen = [0] * len(options)

    def rows() -> list[int]:
        pieces = (cuts[number] for cuts, number in zip(options, chosen, strict=True))
        return packed([length for lengths in pieces for length in lengths], size)

    best = rows()
    moves = [(place, number) for place, cuts in enumerate(options) for number in range(len(cuts))]
    moves = [(place, number) for place, number in moves if len(options[place]) > 1]
    for place, number in islice(cycle(moves), min(PASSES * len(moves), MOST_TRIES)):
        if sum(best) >= ENOUGH * size * len(best):
            break
        before, chosen[place] = chosen[place], number
        now = rows()
        if rank(now) < rank(best):
            best = now
        else:
            chosen[place] = before
    return chosen


def rank(rows: Sequence[int]) -> tuple[int, int]:
    """Fewer rows are better; of as many, those whose free places lie together."""
    return len(rows), -sum(filled * filled for filled in rows)
