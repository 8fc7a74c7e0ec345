"""Cleaning that holds for every speaker: pure steps from a text to a text and a count.

The rule for brackets: a transcriber's note in `[...]` goes ("[laughter]", "[00:12]"), and so does
one in `(...)` if it names a sound; a note that words are missing ("[unintelligible]") becomes
"...", so that nobody takes two halves for one sentence. Disfluencies are `corpus.disfluency`'s.
"""

import html
import re
from collections import Counter
from collections.abc import Callable

Step = Callable[[str], tuple[str, int]]

GAP_WORDS = r"unintelligible|inaudible|indiscernible|indistinct|foreign language|redacted|\?+"
SOUND_WORDS = (
    r"laugh(?:s|ter|ing)?|chuckl(?:es?|ing)|giggl(?:es?|ing)|sigh(?:s|ing)?|cough(?:s|ing)?"
    r"|cry(?:ing)?|cries|sob(?:s|bing)?|sniff(?:s|ling|les)?|clears throat|pauses?|silence"
    r"|long pause|crosstalk|music|applause|breath(?:es|ing)?|inhales|exhales|scoffs|groans"
)
GAP = re.compile(rf"[\[(]\s*(?:{GAP_WORDS})\b[^\[\]()]{{0,40}}[\])](?:\s*[.,])?", re.IGNORECASE)
NOTE = re.compile(
    rf"\[[^\[\]]{{0,60}}\]|\(\s*(?:{SOUND_WORDS})\s*\)|\*\s*(?:{SOUND_WORDS})\s*\*", re.IGNORECASE
)
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});")
TYPOGRAPHIC = {
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e", '"'),
    **dict.fromkeys("\u2013\u2014\u2015", "--"),
    "\u2026": "...",
}
TYPOGRAPHY = re.compile("|".join(TYPOGRAPHIC))
UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\x00-\x08\x0b-\x1f\x7f]")
SPACES = re.compile(r"\s+")
SPACE_BEFORE = re.compile(r"\s+([,.;:!?])(?!\.)")


def decode_entities(text: str) -> tuple[str, int]:
    """`&amp;` and the like to the characters they stand for."""
    return ENTITY.subn(lambda match: html.unescape(match[0]), text)


def plain_typography(text: str) -> tuple[str, int]:
    """Typographic quotes, dashes and ellipses to what a keyboard has: one word, one spelling."""
    return TYPOGRAPHY.subn(lambda match: TYPOGRAPHIC[match[0]], text)


def mark_gaps(text: str) -> tuple[str, int]:
    """Notes of missing words to an ellipsis."""
    return GAP.subn(" ... ", text)


def drop_notes(text: str) -> tuple[str, int]:
    """All other notes of a transcriber go."""
    return NOTE.subn(" ", text)


def tidy_spaces(text: str) -> tuple[str, int]:
    """One space between words, none before punctuation, no invisible characters."""
    tidied = SPACES.sub(" ", UNSEEN.sub("", text)).strip()
    tidied = SPACE_BEFORE.sub(r"\1", tidied)
    return tidied, int(tidied != text)


STEPS: dict[str, Step] = {
    "entities": decode_entities,
    "typography": plain_typography,
    "gaps": mark_gaps,
    "notes": drop_notes,
    "spaces": tidy_spaces,
}


def clean(text: str, counts: Counter[str]) -> str:
    """Run all steps in order, adding what each changed to `counts`."""
    for name, step in STEPS.items():
        text, changed = step(text)
        counts[name] += changed
    return text


def has_words(text: str) -> bool:
    """Whether anything is said; punctuation alone is not."""
    return any(char.isalnum() for char in text)
