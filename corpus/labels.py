"""Speaker labels at the start of a line: `THERAPIST:`, `T1:`, `COUNSELOR [00:01:15]:`, `**Ann:**`.

A colon alone makes no speaker ("Here's the thing: ..."): a label must be known, or recur, or be one
of two that take turns in a text that is nothing but labelled lines.
"""

import html
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from corpus.transcript import CLOCK, seconds

LEAST_TIMES, LEAST_SHARE, MOST_WORDS, MOST_NAMES = 2, 0.08, 4, 10
"""Up to ten words if all are written as names are: "Dr. Ann van der Berg, LCSW"."""
LETTER = 2
"""Labels up to this length say nothing by their capitals."""
NAME = r"[^\W\d_][^:\uff1a;\[\]()<>*]{0,59}?"
NOTE = r"[\[(](?P<note>[^\[\]():\uff1a]{1,60})[\])]"
LABELLED = re.compile(
    rf"""[\s\u200e\u200f]*(?:[\[(]?{CLOCK}[\])]?\s+)?    # a time before the label
    [*_]*(?:(?P<label>{NAME})|[\[(](?P<within>{NAME})[\])])
    (?:\s*(?:[\[(]?(?P<clock>{CLOCK})(?!:?\d)[\])]?|{NOTE})){{0,3}}\s*  # or after it, or a note
    [*_]*[:\uff1a][*_]*(?!//)\s*(?P<text>.*)""",
    re.VERBOSE,
)
PARTICLES = frozenset((
    "a", "al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "ibn",
    "la", "le", "of", "ten", "ter", "the", "van", "von", "y", "zu",
))  # fmt: skip
"""Words of names that are written small."""
TIME_OF_DAY = re.compile(r"\d:\d\d(?!\d)")
NO_LABELS = frozenset((
    "note", "notes", "warning", "example", "summary", "title", "date", "time", "topic", "subject",
    "source", "url", "http", "https", "file", "recorded", "duration", "length", "location", "re",
    "ps", "nb", "disclaimer", "remember",
))  # fmt: skip
"""Words that are followed by a colon in headings and asides."""
CLAUSE = frozenset((
    "i", "you", "he", "she", "we", "they", "it", "here's", "that's", "what's", "it's", "there's",
    "i'm", "you're", "let's", "is", "are", "was", "were", "be", "said", "say", "says", "told",
    "tell", "asked", "ask", "thought", "think", "thinking", "goes", "went", "like", "this",
    "that", "these", "those", "following", "because", "and", "but", "so", "if", "when", "what",
    "how", "why", "where",
))  # fmt: skip
"""Words that a name of several words does not hold, but the beginning of a sentence does."""
DECORATION = re.compile(
    r"(?:(?:#{1,6}|[-*+\u2022\u2013\u2014])\s+|>(?!>)\s*|\(?\d{1,5}[.)]?\s+|\[\d{1,5}\]\s*){1,3}"
)
SEMICOLON = re.compile(rf"(?P<label>{NAME})\s*;\s+(?P<text>.*)")
LEAST_TYPED, LEAST_TYPED_TWICE = 5, 8
"""Letters of a word in which one letter may be mistyped, or two."""


@dataclass(frozen=True)
class Labelled:
    """A line that opens with a label."""

    label: str
    text: str
    start_s: float | None


def normalise(label: str) -> str:
    """A label as labels are compared: lower case, one space between words, no marks around."""
    return " ".join(html.unescape(label).lower().split()).strip(" .*:")


def without_number(plain: str) -> str:
    """A normalised label without the number at its end: `client 2`, `t1`."""
    return re.sub(r"[\s_]*\d+$", "", plain)


def split_label(line: str) -> Labelled | None:
    """Take a line that may open with a label apart.

    A note in brackets is no part of the label ("Ann (softly)", "Ann (she/her)"), unless it is the
    number of one ("Speaker (2)").
    """
    if ":" not in line and "\uff1a" not in line:
        return None
    line = " ".join(line.split())  # or long white lines take minutes
    match = LABELLED.fullmatch(line)
    if not match:
        return None
    group = "label" if match["label"] else "within"
    if TIME_OF_DAY.match(line, match.end(group) - 1):  # "see you at 10:30"
        return None
    label, note = match[group].strip(), match["note"] or ""
    if not is_short(label):
        return None
    label = f"{label} {note}" if note.isdecimal() else label
    return Labelled(label, match["text"].strip(), seconds(match["clock"]))


def is_short(label: str) -> bool:
    """No longer than labels are; names of people may be long."""
    words = label.split()
    named = all(word[0].isupper() or word.lower() in PARTICLES for word in words)
    return len(words) <= (MOST_NAMES if named else MOST_WORDS)


def find_labels(lines: Iterable[str], known: Collection[str]) -> set[str]:
    """The normalised labels of a text: the known ones, and those that recur.

    Args:
        lines: of the whole text, in order.
        known: normalised labels that are labels wherever they stand, with or without a number.
    """
    order: list[str] = []  # what stands before a colon, line by line
    loud: set[str] = set()  # those in capitals
    full: set[str] = set()  # names of several words
    bare = False  # a line without any was seen
    for line in lines:
        if labelled := split_label(line):
            order.append(normalise(labelled.label))
            if len(labelled.label) > LETTER and labelled.label.isupper():
                loud.add(order[-1])
            if " " in labelled.label and all(part[0].isupper() for part in labelled.label.split()):
                full.add(order[-1])
        elif line.strip():
            bare = True
    sure = {label for label in order if is_known(label, known)}
    found = Counter(label for label in order if label in sure or may_be_label(label))
    least = max(LEAST_TIMES, LEAST_SHARE * found.total())
    sure |= {label for label, times in found.items() if times >= least}
    # Capitals are no prose: a third speaker of few words (NURSE, Recording Bot) is found by them.
    sure |= {label for label in (loud if bare else loud | full) if found[label] >= LEAST_TIMES}
    if not bare and len(found) == 2 and take_turns(order):
        sure |= found.keys()
    return sure


def is_known(label: str, known: Collection[str]) -> bool:
    """Whether a normalised label is a known one, with or without a number."""
    return label in known or without_number(label) in known


def may_be_label(label: str) -> bool:
    """Whether this could name a speaker: no usual heading, no beginning of a sentence."""
    words = label.replace("\u2019", "'").split()
    return label not in NO_LABELS and not (len(words) > 1 and CLAUSE & set(words))


def take_turns(order: Sequence[str]) -> bool:
    """Whether every line's label differs from the one before."""
    return all(one != other for one, other in itertools.pairwise(order))


def spellings(lines: Iterable[str], labels: Collection[str]) -> dict[str, str]:
    """How the text writes each of its labels most often."""
    found: dict[str, Counter[str]] = {}
    for line in lines:
        if (labelled := split_label(line)) and (plain := normalise(labelled.label)) in labels:
            found.setdefault(plain, Counter())[labelled.label] += 1
    return {plain: times.most_common(1)[0][0] for plain, times in found.items()}


def open_label(line: str, labels: Mapping[str, str]) -> Labelled | None:
    """The label that a line opens with, if it is one of some (`spellings`).

    Among labelled lines these are slips, and without them the words would be the other speaker's: a
    semicolon, a bullet or number before the label, a letter or two mistyped in it.
    """
    bare = undecorated(line)
    for each in (line, bare) if bare != line else (line,):
        if (labelled := split_label(each)) and normalise(labelled.label) in labels:
            return labelled
    if (slip := SEMICOLON.fullmatch(bare)) and slip["label"] in labels.values():
        return Labelled(slip["label"], slip["text"].strip(), None)
    if labelled := split_label(bare):
        meant = labels.get(close_label(normalise(labelled.label), labels) or "")
        if meant and meant[0].isupper() <= labelled.label[0].isupper():
            return Labelled(meant, labelled.text, labelled.start_s)
    return None


def undecorated(line: str) -> str:
    """A line without the bullet, number, quotation mark or heading mark at its start."""
    return DECORATION.sub("", line, count=1) if DECORATION.match(line) else line


def close_label(plain: str, labels: Iterable[str]) -> str | None:
    """The one label that a normalised one is a mistyped form of; None if there is none, or two."""
    if not may_be_label(plain):
        return None
    close = [label for label in labels if mistyped(plain, label)]
    return close[0] if len(close) == 1 else None


def mistyped(one: str, other: str) -> bool:
    """Whether two labels differ by slips in long words only: numbers and initials must be equal."""
    if one == f"{other}s" or len(one.split()) != len(other.split()):
        return False
    for left, right in zip(one.split(), other.split(), strict=True):
        least = min(len(left), len(right))
        slips = (least >= LEAST_TYPED) + (least >= LEAST_TYPED_TWICE)
        if left != right and (not (left + right).isalpha() or distance(left, right) > slips):
            return False
    return True


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed to make one word the other."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row = row, [number]
        for at, target in enumerate(other):
            row.append(min(before[at] + (letter != target), before[at + 1] + 1, row[at] + 1))
    return row[-1]


def leftover_labels(texts: Iterable[str], labels: Iterable[str]) -> int:
    """How many labels stand inside of texts, where a sentence begins: words of somebody else.

    Args:
        texts: what was read, without the labels that it was cut at.
        labels: of the text's speakers, and known ones; normalised or not.
    """
    names = sorted({normalise(label) for label in labels} - {""}, key=len, reverse=True)
    if not names:
        return 0
    choice = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in names)
    left = re.compile(
        rf"""(?:^|(?<=[.?!\u2026"\u201d)\]\-\u2013\u2014]))\s*[*_\[(]*
        (?P<label>(?:{choice}))(?:\s*\d+)?[\])]?\s*(?:{NOTE})?\s*[*_]*[:\uff1a](?!//|\d)""",
        re.IGNORECASE | re.VERBOSE,
    )
    return sum(
        len(match["label"]) > LETTER or match["label"][0].isupper()
        for text in texts
        for match in left.finditer(text)
    )
