"""Sessions to train on that say the same as a held-out one: with them, its loss would be flattered.

What counts as the same is said once, by `corpus.filters.duplicate_containment`: the import drops
such pairs among the real sessions by it; here it keeps synthetic ones off those held out, and real
ones that came another way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hybridtune.duplicates import LEAST_SHARED, Hashes, fingerprints, near
from hybridtune.records import Session


@dataclass(frozen=True)
class NearDuplicate:
    """A session that is not trained; goes into `training.json` as it is.

    Attributes:
        containment: the share of the smaller session's 5-word sequences that both have.
    """

    session: str
    source: str
    held_out: str
    containment: float


def without_near_duplicates(
    sessions: Iterable[Session], held_out: Sequence[Session], threshold: float
) -> tuple[list[Session], list[NearDuplicate]]:
    """The sessions that are like no held-out one, and of the others which one they are like."""
    index = HeldOutIndex(held_out)
    kept: list[Session] = []
    removed: list[NearDuplicate] = []
    for session in sessions:
        found = index.nearest(said(session), threshold)
        if found is None:
            kept.append(session)
        else:
            removed.append(NearDuplicate(session.id, session.source, *found))
    return kept, removed


class HeldOutIndex:
    """The 5-word sequences of the held-out sessions, each with whose it is."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.names = [session.id for session in sessions]
        self.prints = [said(session) for session in sessions]
        self.sizes = np.array([len(each) for each in self.prints], np.int64)
        hashes = np.concatenate([np.empty(0, np.uint64), *self.prints])
        order = np.argsort(hashes, kind="stable")
        self.hashes = hashes[order]
        self.owners = np.repeat(np.arange(len(self.prints)), self.sizes)[order]

    def nearest(self, hashes: Hashes, threshold: float) -> tuple[str, float] | None:
        """The held-out session that a session shares most with, if that is too much."""
        if not len(hashes) or not self.names:
            return None
        first = np.searchsorted(self.hashes, hashes)
        last = np.searchsorted(self.hashes, hashes, side="right")
        found = np.flatnonzero(last > first)
        owners = [self.owners[first[at] : last[at]] for at in found]
        shared = np.bincount(np.concatenate([self.owners[:0], *owners]), minlength=len(self.names))
        smaller = np.minimum(self.sizes, len(hashes))
        containment = shared / np.maximum(smaller, 1)
        alike = near(shared, smaller, threshold)
        if len(hashes) < LEAST_SHARED:
            alike |= [np.array_equal(hashes, each) for each in self.prints]
        if not alike.any():
            return None
        best = int(np.argmax(np.where(alike, containment, -1)))
        return self.names[best], round(float(containment[best]), 4)


def said(session: Session) -> Hashes:
    """The sequences of what both say; of an answer to a question the answer's alone."""
    answer = session.provenance.get("kind") == "qa"
    roles = {"assistant"} if answer else {"user", "assistant"}
    return fingerprints([turn.content for turn in session.messages if turn.role in roles])
