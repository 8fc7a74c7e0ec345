"""How far reviewers and rules agree about drafts that were read without knowing what rules say."""

from collections import Counter
from dataclasses import dataclass

from scipy.stats import binomtest

from generation.queue import Queue

TAKEN = {"approve": True, "edit": True, "reject": False}


@dataclass(frozen=True)
class Row:
    """One reviewer.

    Attributes:
        reviewer: the name in the log.
        decided: drafts of the list that the reviewer decided about.
        blind: those of them that the rules had been sure of.
        agree: blind ones that both would take, or that neither would.
    """

    reviewer: str
    decided: int
    blind: int
    agree: int

    @property
    def share(self) -> float | None:
        """Of the blind ones, how many agree; None where there are none."""
        return self.agree / self.blind if self.blind else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """A 95 % interval of the share (Wilson 1927); None where there are none."""
        if not self.blind:
            return None
        found = binomtest(self.agree, self.blind).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Agreement:
    """All reviewers, one row each, and what still waits."""

    rows: tuple[Row, ...]
    listed: int
    waiting: int


def agreement(queue: Queue) -> Agreement:
    """Count decisions of the list against the rules' own.

    Of each reviewer the first decision about a draft counts, also one taken back: later ones may
    have been made with the rules' scores in sight.
    """
    decided, blind, agree = Counter[str](), Counter[str](), Counter[str]()
    listed = queue.waiting()
    first = queue.first_decisions()
    for each in listed:
        for event in first.get((each.review.session, each.review.text_sha256), {}).values():
            decided[event.reviewer] += 1
            if each.blind:
                blind[event.reviewer] += 1
                agree[event.reviewer] += TAKEN[event.action] == (each.review.status == "accepted")
    rows = (Row(who, decided[who], blind[who], agree[who]) for who in sorted(decided))
    waiting = sum(each.decision is None for each in listed)
    return Agreement(tuple(rows), len(listed), waiting)
