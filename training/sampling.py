"""Which sessions a share of them is: by their ids and a seed, whatever else there is."""

import hashlib
from collections.abc import Iterable, Sequence

from hybridtune.records import Session


def take(sessions: Sequence[Session], share: float, seed: int) -> list[Session]:
    """Every session `share` times: whole copies of all, and the broken rest as a sample.

    A smaller share's sample is part of a larger share's.
    """
    copies, sample = parts(sessions, share, seed)
    taken = [copy_of(session, number) for number in range(copies) for session in sessions]
    return taken + [copy_of(session, copies) for session in sample]


def parts(sessions: Sequence[Session], share: float, seed: int) -> tuple[int, list[Session]]:
    """How often a share takes every session, and which it takes once more."""
    copies, rest = divmod(share, 1)
    return int(copies), in_order(sessions, seed, "sample")[: round(rest * len(sessions))]


def copy_of(session: Session, number: int) -> Session:
    """The first copy is the session itself, the second has "#2" after its id, and so on."""
    return session.model_copy(update={"id": f"{session.id}#{number + 1}"}) if number else session


def in_order(sessions: Iterable[Session], seed: int, purpose: str) -> list[Session]:
    """An order that depends on each session's id and the seed, but not on the other sessions."""
    return sorted(sessions, key=lambda session: rank(session.id, seed, purpose))


def rank(name: str, seed: int, purpose: str) -> str:
    """A place in an order that has nothing to do with the name."""
    return hashlib.sha256(f"{seed}:{purpose}:{name}".encode()).hexdigest()
