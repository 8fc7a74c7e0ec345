"""A hidden Markov model of two speakers: who says which piece, given where changes are likely.

How many change marks are missed or false is not known beforehand. Every case of a small grid is
computed; `corpus.marks` weighs them by how well they explain the transcript.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Boundary = Literal[
    "mark", "pause", "answer", "asked", "listener", "opener", "cut", "sentence", "inside", "line"
]

CHANGES: dict[Boundary, float] = {
    "answer": 0.9,  # after a question, and beginning like an answer: "Yeah", "Well", "I"
    "asked": 0.5,  # after another question; many go on or ask again
    "listener": 0.5,  # a back-channel stands on either side
    "opener": 0.5,  # a sentence ended, and the next begins as replies do
    "pause": 0.4,  # people pause within their turns about as often as between them
    "cut": 0.3,  # broken off with a dash
    "sentence": 0.2,  # a turn has some five sentences
    "inside": 0.01,  # no sentence ended
    "line": 0.35,  # no punctuation at all: a turn takes two or three lines of captions
}
"""How often somebody else begins at such a place, if nothing marks it. Set by hand."""
MISSED = (0.003, 0.03, 0.1, 0.2, 0.35, 0.6)
"""Shares of the changes that have no mark."""
FALSE = (0.01, 0.05, 0.12, 0.25)
"""Shares of the marks at which nobody else begins."""
UNMARKED = (0.6, 0.8, 1.0)
"""Where there are no marks: how far the shares above apply."""


@dataclass(frozen=True)
class Reading:
    """What one assumption on the marks makes of the pieces.

    Attributes:
        counselor: for each piece, how probably the counselor says it.
        evidence: logarithm of how well the assumption explains the pieces.
        missed: the assumption, a value of `MISSED` or `UNMARKED`.
        false: the assumption, a value of `FALSE`.
    """

    counselor: list[float]
    evidence: float
    missed: float
    false: float


def read_all(
    leans: Sequence[float], boundaries: Sequence[Boundary], *, marked: bool
) -> list[Reading]:
    """The pieces under every assumption on the marks.

    Args:
        leans: log-odds of each piece for the counselor.
        boundaries: what stands before each piece.
        marked: whether there are marks.
    """
    readings = []
    for missed in MISSED if marked else UNMARKED:
        for false in FALSE if marked else FALSE[:1]:
            # Bayes: no mark is seen at all places where nobody begins, and at these changes.
            odds = {kind: rate * missed / (1 - rate) for kind, rate in CHANGES.items()}
            rates = {kind: odd / (1 + odd) for kind, odd in odds.items()} | {"mark": 1 - false}
            changes = [rates[boundary] for boundary in boundaries]
            readings.append(Reading(*forward_backward(leans, changes), missed, false))
    return readings


def forward_backward(leans: Sequence[float], changes: Sequence[float]) -> tuple[list[float], float]:
    """Posterior of the first of two states, and the log evidence.

    The scaled recursions of Rabiner, "A tutorial on hidden Markov models" (1989), section III and
    V.A, for two states of equal prior.

    Args:
        leans: log-odds of each piece for the first state.
        changes: how probably the state changes before each piece; the first one does not count.
    """
    emitted = [(math.exp(lean / 2), math.exp(-lean / 2)) for lean in leans]
    first, second, evidence = 0.5, 0.5, 0.0
    ahead: list[tuple[float, float]] = []
    for (one, two), change in zip(emitted, changes, strict=True):
        first, second = first + change * (second - first), second + change * (first - second)
        first, second = first * one, second * two
        scale = first + second
        first, second = first / scale, second / scale
        evidence += math.log(scale)
        ahead.append((first, second))
    posterior = [0.0] * len(ahead)
    left, right = 0.5, 0.5
    for at in range(len(ahead) - 1, -1, -1):
        mine, other = ahead[at][0] * left, ahead[at][1] * right
        posterior[at] = mine / (mine + other)
        left, right = left * emitted[at][0], right * emitted[at][1]
        left, right = left + changes[at] * (right - left), right + changes[at] * (left - right)
        left, right = left / (left + right), right / (left + right)
    return posterior, evidence
