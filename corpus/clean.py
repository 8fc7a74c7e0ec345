"""Cleaning that holds for every speaker: pure named steps from a text to a text and a count.

What is enclosed in brackets is `corpus.brackets`' and `corpus.placeholders`'; tags, glued sentences
and a source's boilerplate are `corpus.markup`'s, disfluencies `corpus.disfluency`'s.
"""

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from corpus.brackets import GAP, drop_notes, mark_gaps, unwrap
from corpus.markup import drop_boilerplate, drop_tags, unglue
from corpus.placeholders import fill_placeholders

Step = Callable[[str], tuple[str, int]]

# A removal may bring a next one to light ("[a [b]]"); deeper than this nobody nests.
ROUNDS = 8
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
# Marks in a row; an ellipsis behind a space is a word that is missing, and stays apart.
MARKS = re.compile(r"(?:\.{3,}|[,.;:?!])(?:[,;:?!]|\.(?!\d)|\s+(?!\.\.)(?:[,;:?!]|\.(?!\d)))+")
STRONG = re.compile(r"[?!]+")
ABBREVIATED = re.compile(r"\.\w$|\b(?:etc|mr|mrs|ms|dr|jr|sr|st|vs|no|inc|approx)$", re.IGNORECASE)
DASHED = re.compile(r"(--?)\s*(?:[,;:]|\.(?!\.))(?=\s|$)")
# A quotation does not open with a comma.
OPENED = re.compile(r"((?:^|(?<=[\s(]))\")\s*(?!\.\.|\.\d)[,.;:]\s*")
EMPTY = re.compile(r"\(\s*[,.;:-]?\s*\)|(?<=\s)\"\s*$|^\"\s*$")
LEADING = re.compile(r"^\s*(?!\.\.)[,.;:?!](?:\s*(?!\.\.)[,.;:?!])*\s*")


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


def fill_and_mend(text: str) -> tuple[str, int]:
    """Placeholders of an earlier anonymisation to neutral words."""
    filled, count = fill_placeholders(text)
    if not count:
        return text, 0
    mended = mend(filled)
    cut_off = text.rstrip().endswith(",")
    return (mended if cut_off else mended.rstrip(" ,")), count


def drop_and_mend(text: str) -> tuple[str, int]:
    """A transcriber's notes go, and marks that only stood beside them."""
    dropped, count = drop_notes(text)
    return (mend(dropped) if count else text), count


def mend(text: str) -> str:
    """Marks as they are written where something between them was taken out: "well. ." is "well.".

    What is written so on purpose stays: "...", "?!", "etc.,".
    """
    text = EMPTY.sub(" ", text)
    text = MARKS.sub(one_mark, text)
    text = OPENED.sub(r"\1", DASHED.sub(r"\1", text))
    return LEADING.sub("", text)


def one_mark(match: re.Match[str]) -> str:
    """The mark that counts among several."""
    marks = match[0]
    strong = STRONG.search(marks)
    if strong:
        return ("..." if marks.startswith("...") else "") + strong[0]
    if "..." in marks:
        return "..."
    if "." not in marks:
        return marks[0]
    abbreviated = marks[0] == "." and ABBREVIATED.search(match.string[: match.start()][-12:])
    following = next((mark for mark in marks[1:] if mark in ",;:"), "")
    return "." + following if abbreviated else "."


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
    "placeholders": fill_and_mend,
    "notes": drop_and_mend,
    "brackets": unwrap,
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
