"""Cleaning that holds for every speaker: pure named steps from a text to a text and a count.

The rule for brackets: a transcriber's note in `[...]` goes ("[laughter]", "[croostalk]"), and so
does one in `(...)` that names a sound or a time; a note that words are missing ("[unintelligible
00:01:15]") becomes "...", so that nobody takes two halves for one sentence. Tags, glued sentences
and a source's boilerplate are `corpus.markup`'s, disfluencies `corpus.disfluency`'s.
"""

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from corpus.markup import drop_boilerplate, drop_tags, unglue
from corpus.transcript import CLOCK

Step = Callable[[str], tuple[str, int]]

# A removal may bring a next one to light ("[a [b]]"); deeper than this nobody nests.
ROUNDS = 8
# Placeholders of earlier de-identification count as gaps: the word is missing there, too.
GAP_WORDS = (
    r"(?:unintelligible|inaudible|indiscernible|indistinct|untranscribable|foreign language"
    r"|redacted|(?:first |last |patient |client )?name|phi|pii|deleted|bleep(?:ed)?)\b"
)
# With the slips that transcribers make: "[croostalk]", "[signs]".
SOUND_WORDS = (
    r"laugh(?:s|ter|ing)?|laughts|chuckl(?:es?|ing)|chucles|giggl(?:es?|ing)|sigh(?:s|ing)?|signs"
    r"|cough(?:s|ing)?|cry(?:ing)?|cries|sob(?:s|bing)?|sniff(?:s|ling|les)?"
    r"|clear(?:s|ing)(?: (?:his|her|their))? throat|pauses?|silence|long pause"
    r"|cro+s+s?[ -]?talk(?:ing)?|overlapping(?: (?:talk|speech))?|music|upbeat music|applause"
    r"|breath(?:es|ing)?|inhales|exhales|scoffs|groans|yawns|whispers|smiles|nods"
)
GAP = re.compile(
    rf"[\[(]\s?(?=[\w?])(?:{GAP_WORDS}[^\[\]()]{{0,40}}|\?+\s*)[\])](?:\s?[.,])?|(?<!\w)_{{3,}}(?!\w)",
    re.IGNORECASE,
)
NOTE = re.compile(
    rf"\[[^\[\]]{{0,60}}\]|\(\s?(?=\w)(?:{SOUND_WORDS}|{CLOCK})\s?\)"
    rf"|\*\s?(?=\w)(?:{SOUND_WORDS})\s?\*",
    re.IGNORECASE,
)
ENTITY = re.compile(
    r"&(?:(?:amp|#38|#x26);)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"
)
TYPOGRAPHIC = {
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e", '"'),
    **dict.fromkeys("\u2013\u2014\u2015", "--"),
    "\u2026": "...",
}
TYPOGRAPHY = re.compile("|".join(TYPOGRAPHIC))
UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\x00-\x08\x0e-\x1b\x7f]")
SPACE_BEFORE = re.compile(r" ([,.;:!?])(?!\.)")


@dataclass(frozen=True)
class Cleaned:
    """A text after all steps, and how often each changed something."""

    text: str
    steps: dict[str, int]


def decode_entities(text: str) -> tuple[str, int]:
    """`&amp;` and the like to the characters they stand for, however often they were escaped."""
    if "&" not in text:
        return text, 0
    return ENTITY.subn(lambda match: html.unescape(f"&{match[1]};"), text)


def plain_typography(text: str) -> tuple[str, int]:
    """Typographic quotes, dashes and ellipses to what a keyboard has: one word, one spelling."""
    if text.isascii():
        return text, 0
    return TYPOGRAPHY.subn(lambda match: TYPOGRAPHIC[match[0]], text)


def mark_gaps(text: str) -> tuple[str, int]:
    """Notes of missing words to an ellipsis."""
    return GAP.subn(" ... ", text)


def drop_notes(text: str) -> tuple[str, int]:
    """All other notes of a transcriber go."""
    return NOTE.subn(" ", text)


def tidy_spaces(text: str) -> tuple[str, int]:
    """One space between words, none before punctuation, no invisible characters."""
    seen = text if text.isprintable() else UNSEEN.sub("", text)
    tidied = " ".join(seen.split())
    tidied = SPACE_BEFORE.sub(r"\1", tidied)
    return tidied, int(tidied != text)


STEPS: dict[str, Step] = {
    "entities": decode_entities,
    "tags": drop_tags,
    "typography": plain_typography,
    "boilerplate": drop_boilerplate,
    "gaps": mark_gaps,
    "notes": drop_notes,
    "glued": unglue,
    "spaces": tidy_spaces,
}


def clean(text: str) -> Cleaned:
    """Run all steps in their order, again while they find something."""
    counts: Counter[str] = Counter()
    for _ in range(ROUNDS):
        before = text
        for name, step in STEPS.items():
            text, changed = step(text)
            counts[name] += changed
        if text == before:
            break
    return Cleaned(text, {name: counts[name] for name in STEPS if counts[name]})


def gap_count(text: str) -> int:
    """How many notes in a raw text say that words are missing."""
    return len(GAP.findall(text))


def has_words(text: str) -> bool:
    """Whether anything is said; punctuation alone is not."""
    return any(char.isalnum() for char in text)
