"""Which of several ways to cut a long session fills the packed rows best.

A session that needs several windows can be cut at other turns as well, into as many. Where the
pieces of all sessions together fit into fewer rows, less of a step is padding.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence

ENOUGH = 0.985
"""A share of filled places that no search for a better one is worth."""
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

    Goes through the sessions once, and stops when the rows are full enough.
    """
    chosen = [0] * len(options)

    def rows() -> list[int]:
        pieces = (cuts[number] for cuts, number in zip(options, chosen, strict=True))
        return packed([length for lengths in pieces for length in lengths], size)

    best = rows()
    for session, cuts in enumerate(options):
        for number in range(1, len(cuts)):
            if not best or sum(best) >= ENOUGH * size * len(best):
                return chosen
            before, chosen[session] = chosen[session], number
            now = rows()
            if rank(now) < rank(best):
                best = now
            else:
                chosen[session] = before
    return chosen


def rank(rows: Sequence[int]) -> tuple[int, int]:
    """Fewer rows are better; of as many, those whose free places lie together."""
    return len(rows), -sum(filled * filled for filled in rows)
