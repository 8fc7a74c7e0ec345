"""Speaker labels at the start of a line: `THERAPIST:`, `T1:`, `COUNSELOR [00:01:15]:`, `**Ann:**`.

A colon alone makes no speaker ("Here's the thing: ..."): a label must be known, or recur, or be one
of two that take turns in a text that is nothing but labelled lines.
"""

import html
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from corpus.transcript import CLOCK, seconds

LEAST_TIMES, LEAST_SHARE, MOST_WORDS = 2, 0.08, 4
LETTER = 2
"""Labels up to this length say nothing by their capitals."""
LABELLED = re.compile(
    rf"""\s*(?:[\[(]?{CLOCK}[\])]?\s+)?          # a time before the label
    \**(?P<label>[^\W\d_][^:\[\]()<>*]{{0,39}}?)
    \s*(?:[\[(]?(?P<clock>{CLOCK})[\])]?)?\s*    # or after it
    \**:\**(?!//)\s*(?P<text>.*)""",
    re.VERBOSE,
)
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
    """Take a line that may open with a label apart."""
    line = " ".join(line.split())  # or long white lines take minutes
    match = LABELLED.fullmatch(line)
    if not match or len(match["label"].split()) > MOST_WORDS:
        return None
    if TIME_OF_DAY.match(line, match.end("label") - 1):  # "see you at 10:30"
        return None
    return Labelled(match["label"].strip(), match["text"].strip(), seconds(match["clock"]))


def find_labels(lines: Iterable[str], known: Collection[str]) -> set[str]:
    """The normalised labels of a text: the known ones, and those that recur.

    Args:
        lines: of the whole text, in order.
        known: normalised labels that are labels wherever they stand, with or without a number.
    """
    order: list[str] = []  # what stands before a colon, line by line
    loud: set[str] = set()  # those in capitals
    bare = False  # a line without any was seen
    for line in lines:
        if labelled := split_label(line):
            order.append(normalise(labelled.label))
            if len(labelled.label) > LETTER and labelled.label.isupper():
                loud.add(order[-1])
        elif line.strip():
            bare = True
    sure = {label for label in order if label in known or without_number(label) in known}
    found = Counter(label for label in order if label in sure or may_be_label(label))
    least = max(LEAST_TIMES, LEAST_SHARE * found.total())
    sure |= {label for label, times in found.items() if times >= least}
    # Capitals are no prose: a third speaker of few words (NURSE) is found by them.
    sure |= {label for label in loud if found[label] >= LEAST_TIMES}
    if not bare and len(found) == 2 and take_turns(order):
        sure |= found.keys()
    return sure


def may_be_label(label: str) -> bool:
    """Whether this could name a speaker: no usual heading, no beginning of a sentence."""
    words = label.replace("\u2019", "'").split()
    return label not in NO_LABELS and not (len(words) > 1 and CLAUSE & set(words))


def take_turns(order: Sequence[str]) -> bool:
    """Whether every line's label differs from the one before."""
    return all(one != other for one, other in itertools.pairwise(order))
