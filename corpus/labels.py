"""Speaker labels at the start of a line: `THERAPIST:`, `T:`, `COUNSELOR [00:01:15]:`, `**Ann:**`.

A colon alone makes no speaker ("Here's the thing: ..."): a label must be known, or recur.
"""

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from corpus.transcript import CLOCK, seconds

LEAST_TIMES, LEAST_SHARE, MOST_WORDS = 2, 0.08, 4
LABELLED = re.compile(
    rf"""\s*(?:[\[(]?{CLOCK}[\])]?\s+)?          # a time before the label
    \**(?P<label>[^\W\d_][^:\[\]()<>*]{{0,39}}?)
    \s*(?:[\[(]?(?P<clock>{CLOCK})[\])]?)?\s*    # or after it
    \**:\**\s*(?P<text>.*)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Labelled:
    """A line that opens with a label."""

    label: str
    text: str
    start_s: float | None


def normalise(label: str) -> str:
    """A label as labels are compared: lower case, one space between words, no marks around."""
    return " ".join(html.unescape(label).lower().split()).strip(" .*:")


def split_label(line: str) -> Labelled | None:
    """Take a line that may open with a label apart."""
    match = LABELLED.fullmatch(" ".join(line.split()))  # or long white lines take minutes
    if not match or len(match["label"].split()) > MOST_WORDS:
        return None
    return Labelled(match["label"].strip(), match["text"].strip(), seconds(match["clock"]))


def find_labels(lines: Iterable[str], known: Collection[str]) -> set[str]:
    """The normalised labels of a text: the known ones, and those that recur."""
    found = Counter(normalise(each.label) for line in lines if (each := split_label(line)))
    least = max(LEAST_TIMES, LEAST_SHARE * found.total())
    return {label for label, times in found.items() if label in known or times >= least}
