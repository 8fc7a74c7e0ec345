"""Words of crisis in a conversation: which of the domain's phrases, in which turn.

A match is a reason for a person to look, never a verdict, and never a filter.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
BETWEEN = r"[\s,\u2010-\u2015\u2026.-]+"
"""What may stand between the words of a phrase: spaces, a comma, dashes, a pause."""


def crisis_flag(texts: Sequence[str], terms: Sequence[str]) -> str | None:
    """The first phrase of the domain in the turns of a session, and how many follow; or None."""
    found = list(crisis_phrases(texts, terms))
    if not found:
        return None
    turn, phrase = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f'"{phrase}" in turn {turn}{more}'


def crisis_phrases(texts: Sequence[str], terms: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Every phrase found: the number of the turn, from 1, and the phrase as the domain has it."""
    spelled = {plain(term): term for term in terms if plain(term)}
    if not spelled:
        return
    phrases = pattern(tuple(spelled))
    for turn, text in enumerate(texts, start=1):
        for match in phrases.finditer(APOSTROPHES.sub("", text.casefold())):
            yield turn, spelled[plain(match[0])]


def plain(text: str) -> str:
    """Lower case, without apostrophes, one space between words."""
    words = re.split(BETWEEN, APOSTROPHES.sub("", text.casefold()))
    return " ".join(word for word in words if word)


@lru_cache(maxsize=8)
def pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for all phrases, the longest first, on word boundaries."""
    longest = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    each = (BETWEEN.join(map(re.escape, phrase.split(" "))) for phrase in longest)
    return re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)")
