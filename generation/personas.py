"""No two personas alike: which rows must be asked for somebody else.

An earlier row has the older right, so a row's persona depends on the rows before it and never on
those after it, and more rows later change none of those that are there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from generation.likeness import LikenessIndex
from generation.overlap import grams, strings, words

NEAR_PERSONA = 0.8
"""From this Jaccard similarity on, over runs of three words, two personas are the same person."""


class Crowded(NamedTuple):
    """A row whose persona is like that of an earlier row."""

    row: int
    like: str
    similarity: float


def crowded(personas: Iterable[tuple[int, str, Any]], scratch: Path) -> Iterator[Crowded]:
    """The rows that must give way, of all personas in the order of the rows.

    A row that is only like one which may itself still change is left for the next reading.

    Args:
        personas: row, id and content.
        scratch: a file for the index, removed afterwards.
    """
    unsettled_from: int | None = None
    with LikenessIndex(scratch, NEAR_PERSONA) as index:
        for row, name, persona in personas:
            match = index.keep(row, name, persona_marks(persona))
            if match is None:
                continue
            if unsettled_from is None or match.number < unsettled_from:
                yield Crowded(row, match.name, match.similarity)
            if unsettled_from is None:
                unsettled_from = row


def persona_marks(persona: Any) -> set[str]:
    """The runs of three words of every text, and each text of fewer words as it is."""
    texts = list(strings(persona))
    short = {" ".join(words(text)) for text in texts if len(words(text)) < 3}
    return short.union(*(grams(text, 3) for text in texts))
