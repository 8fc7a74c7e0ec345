"""Texts longer than an embedding model takes, in parts; reads and writes no files.

Cut by a server in silence, a session would be known by its first minutes alone. So it is cut here,
at its lines and sentences where that can be, and no word is lost.
"""

import re
from collections.abc import Iterator

WORD = re.compile(r"\S+\s*")
SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def count_words(text: str) -> int:
    """How many words a text has; what stands between two spaces is one."""
    return len(text.split())


def parts_of(text: str, most: int) -> list[str]:
    """The text in parts of at most `most` words, whole sentences together as far as they fit."""
    if count_words(text) <= most:
        return [text.strip()] if text.strip() else []
    parts, held = [], ""
    for piece in pieces(text, most):
        joined = f"{held} {piece}".strip()
        if held and count_words(joined) > most:
            parts.append(held)
            joined = piece
        held = joined
    return [*parts, held]


def pieces(text: str, most: int) -> Iterator[str]:
    """Its sentences; one of more than `most` words in runs of so many."""
    for sentence in SENTENCES.split(text):
        words = WORD.findall(sentence)
        for start in range(0, len(words), most):
            yield "".join(words[start : start + most]).strip()


def halves(text: str) -> tuple[str, str] | None:
    """A text in two, between words or, in a single long one, between letters; None of a letter."""
    text = text.strip()
    if len(text) < 2:
        return None
    words = WORD.findall(text)
    if len(words) < 2:
        return text[: len(text) // 2], text[len(text) // 2 :]
    middle = len(words) // 2
    return "".join(words[:middle]).strip(), "".join(words[middle:]).strip()
