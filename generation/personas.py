"""No two personas alike: which rows must be asked for somebody else.

An earlier row has the older right, so a row's persona depends on the rows before it and never on
those after it, and more rows later change none of those that are there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from generation.likeness import LikenessIndex
from hybridtune.overlap import grams, strings, words

NEAR_PERSONA = 0.8
"""From this Jaccard similarity on, over runs of three words, two personas are the same person."""


class Crowded(NamedTuple):
    """A row whose persona is like that of an earlier row."""

    row: int
    like: str
    similarity: float


class Company:
    """Everybody who was met so far, in the order of the rows; a context manager over a file.

    A row that is only like one which may itself still change is left for the next reading.

    Args:
        scratch: a file for the index, removed afterwards.
    """

    def __init__(self, scratch: Path) -> None:
        self.index = LikenessIndex(scratch, NEAR_PERSONA)
        self.unsettled_from: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.index.close()

    def meet(self, row: int, name: str, persona: Any) -> Crowded | None:
        """Whether this row must give way; later than all rows before it."""
        match = self.index.keep(row, name, persona_marks(persona))
        if match is None:
            return None
        settled = self.unsettled_from is None or match.number < self.unsettled_from
        if self.unsettled_from is None:
            self.unsettled_from = row
        return Crowded(row, match.name, match.similarity) if settled else None


def crowded(personas: Iterable[tuple[int, str, Any]], scratch: Path) -> Iterator[Crowded]:
    """The rows that must give way, of all personas in the order of the rows.

    Args:
        personas: row, id and content.
        scratch: see `Company`.
    """
    with Company(scratch) as company:
        for row, name, persona in personas:
            if found := company.meet(row, name, persona):
                yield found


def persona_marks(persona: Any) -> set[str]:
    """The runs of three words of every text, and each text of fewer words as it is."""
    texts = list(strings(persona))
    short = {" ".join(words(text)) for text in texts if len(words(text)) < 3}
    return short.union(*(grams(text, 3) for text in texts))
