"""Which of the prepared sessions stay: no second copy, names that differ, at most so many."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from corpus.spill import Place


@dataclass(frozen=True)
class Entry:
    """A prepared session that lies in the spill.

    Attributes:
        id: the session's.
        file: its source's name.
        digest: of its words as they were imported, before any decision.
        words: how many.
        session: its place in the spill.
        history: the place of its history.
        held: what a person must decide first, by flag.
        decided: a person has decided about it.
        near: another session that it resembles, and how much; not enough to drop it.
    """

    id: str
    file: str
    digest: str
    words: int
    session: Place
    history: Place
    held: dict[str, str] = field(default_factory=dict)
    decided: bool = False
    near: str = ""


def name_apart(entries: Sequence[Entry]) -> list[Entry]:
    """Give sessions whose files are named alike ids that differ, by their words as imported."""
    times = Counter(entry.id for entry in entries)
    return [
        replace(entry, id=f"{entry.id}-{entry.digest[:8]}") if times[entry.id] > 1 else entry
        for entry in entries
    ]


def resembling(entry: Entry, why: str, *, hold: bool) -> Entry:
    """An entry that is like another, though not enough to drop it."""
    held = {**entry.held, "duplicate": why} if hold and not entry.decided else entry.held
    return replace(entry, near=why, held=held)


def draw(entries: Iterable[Entry], limit: int | None, seed: int) -> set[str]:
    """The ids of at most `limit` sessions, by a lottery in which each id has its own number.

    So a smaller limit keeps a part of what a larger one keeps, whatever files are added.
    """
    ids = [entry.id for entry in entries]
    if limit is None or limit >= len(ids):
        return set(ids)
    return set(sorted(ids, key=lambda one: ticket(one, seed))[:limit])


def ticket(session: str, seed: int) -> bytes:
    """A session's number in the lottery."""
    return hashlib.sha256(f"{seed}:corpus:{session}".encode()).digest()
