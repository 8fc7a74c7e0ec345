"""A found stretch of text, and which one counts where several overlap."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "name", "street", "city", "zip", "date", "age", "phone", "fax", "email", "ssn", "record",
    "plan", "account", "licence", "vehicle", "device", "url", "ip", "handle", "code",
    "organisation",
]  # fmt: skip
"""The Safe Harbor list (45 CFR 164.514(b)(2)) as far as text has patterns for it: voice prints and
photographs cannot be in a text. `record` is a medical record's number, `plan` a health plan's,
`code` any other number that is one person's; employers and schools go with names."""

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Span:
    """What was found in one utterance.

    Attributes:
        utterance: index into the session's texts.
        start: where it begins in the raw text.
        end: where it ends.
        kind: what it is.
        rule: what found it.
        confidence: from 0 to 1, set by rule; measured on no one's sessions but ours.
        text: the words found.
    """

    utterance: int
    start: int
    end: int
    kind: Kind
    rule: str
    confidence: float
    text: str


def settle(spans: Iterable[Span]) -> list[Span]:
    """Spans without overlaps, in order: the surest first, then the longest."""
    ranked = sorted(
        spans,
        key=lambda span: (-span.confidence, span.start - span.end, span.utterance, span.start),
    )
    taken: list[tuple[int, int, int]] = []
    kept = []
    for span in ranked:
        place = (span.utterance, span.start, span.end)
        at = bisect_left(taken, place)
        before = taken[at - 1] if at else (-1, 0, 0)
        after = taken[at] if at < len(taken) else (-1, 0, 0)
        clear_before = before[0] != span.utterance or before[2] <= span.start
        if clear_before and (after[0] != span.utterance or span.end <= after[1]):
            taken.insert(at, place)
            kept.append(span)
    return sorted(kept, key=lambda span: (span.utterance, span.start))
