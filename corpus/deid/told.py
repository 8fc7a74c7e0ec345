"""Numbers that a word before them explains: "my member ID is ...".

A number's kind is that of the nearest telling word before it, in its own utterance or, where it
opens one, at the end of the utterance before ("What's your policy number?" "It's 88-213.").
"""

import re
from collections.abc import Iterator

from corpus.deid.gazetteer import each
from corpus.deid.spans import Kind, Span
from corpus.deid.tokens import Scene

CUES: tuple[tuple[Kind, str, int], ...] = (
    ("ssn", r"social security|\bssn\b|\b(?:my|your|his|her|of my) social\b", 4),
    (
        "record",
        r"\bmrn\b|(?:medical|hospital|patient|health) (?:record )?(?:number|id)|chart number",
        3,
    ),
    (
        "plan",
        r"(?:member|policy|insurance|group|subscriber|beneficiary|plan|nhs|medicaid|medicare)"
        r" (?:id|number|no\b|card)|\bmedicaid\b|\bmedicare\b",
        4,
    ),
    (
        "account",
        r"(?:account|acct|routing|card|loan) (?:number|no\b|#)|\biban\b|sort code|\bmy card\b"
        r"|(?:credit|debit|bank) card|(?:card|account|visa|mastercard)\b.{0,12} ending"
        r" (?:in|with)",
        4,
    ),
    (
        "licence",
        r"licen[cs]e (?:number|no\b|#|id)|driver'?s licen[cs]e|passport|certificate (?:number|no\b)"
        r"|\bnpi\b|\bdea number",
        4,
    ),
    (
        "vehicle",
        r"(?:licen[cs]e|number|registration) plates?|\bplates? (?:is|was|are|number)|\bvin\b",
        2,
    ),
    ("device", r"(?:serial|device|implant|model) (?:number|no\b|id)|\bimei\b|\budi\b", 4),
    ("fax", r"\bfax\b", 6),
    (
        "phone",
        r"\bphone\b|\bcell\b|\bmobile\b|\bcall\b|\btext (?:me|him|her|us)|\breach (?:me|us|him|her)"
        r"|(?:my|her|his|their|your|our|the) number\b|landline|whatsapp",
        6,
    ),
    ("zip", r"\bzip\b|\bzip ?code|post ?code|postal code", 4),
    (
        "code",
        r"(?:case|docket|claim|student|employee|staff|badge|inmate|booking|file|client|order|ticket"
        r"|confirmation|reference|tracking) (?:id|number|no\b|code|#)|password|passcode"
        r"|\bmy pin\b|pin code|pin number",
        3,
    ),
)
CUE = re.compile(
    "|".join(f"(?P<{kind}>{pattern})" for kind, pattern, _ in CUES), re.IGNORECASE | re.ASCII
)
LEAST_DIGITS: dict[str, int] = {kind: least for kind, _, least in CUES}
REACH = 60

NUMBER = re.compile(r"(?<![\w.$£€#/-])#?\w{1,40}(?:[-./]\w{1,40}){0,6}(?![%\w])")
# Numbers that anybody may call: they are no one's, and a counselor ought to be able to say them.
HELPLINES = frozenset(
    each(
        "911 112 999 111 000 988 211 741741 85258 116123 131114 1737 18002738255 8002738255"
        " 18006624357 8006624357 18007997233 8007997233 18664887386 8664887386 0800543354"
        " 0800111"
    )
)
# Toll-free numbers belong to organisations; they are listed, not replaced.
TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88)\d{7}")


def digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def context(scene: Scene, utterance: int, start: int) -> str:
    """What was said just before."""
    text = scene.texts[utterance]
    lead = text[max(0, start - REACH) : start]
    if start < REACH // 2 and utterance:
        lead = scene.texts[utterance - 1][-REACH:] + " " + lead
    return lead


def told_kind(lead: str) -> Kind | None:
    """What the nearest telling word before a number makes of it."""
    nearest: Kind | None = None
    for match in CUE.finditer(lead):
        for kind, _, _ in CUES:
            if match.lastgroup == kind:
                nearest = kind
    return nearest


def public(number: str) -> bool:
    """A helpline or a toll-free number."""
    run = digits(number)
    return run in HELPLINES or TOLL_FREE.fullmatch(run) is not None


def numbers(text: str) -> Iterator[tuple[int, int]]:
    """Where something with digits stands, taken together over single spaces."""
    begin = end = -1
    for match in NUMBER.finditer(text):
        if not any(letter.isdigit() for letter in match[0]):
            if match[0].isupper() and len(match[0]) <= 4 and end == match.start() - 1 > 0:
                end = match.end()
            continue
        if end >= 0 and match.start() == end + 1 and text[end] == " " and match.end() - begin <= 40:
            end = match.end()
            continue
        if begin >= 0:
            yield begin, end
        begin, end = match.span()
    if begin >= 0:
        yield begin, end


def find(scene: Scene, utterance: int) -> Iterator[Span]:
    """Numbers of an utterance that a word before them explains."""
    text = scene.texts[utterance]
    before = scene.texts[utterance - 1][-REACH:] if utterance else ""
    if CUE.search(text) is None and CUE.search(before) is None:
        return
    for start, end in numbers(text):
        kind = told_kind(context(scene, utterance, start))
        found = text[start:end]
        count = len(digits(found))
        if kind is None or count < LEAST_DIGITS[kind] or (kind == "phone" and public(found)):
            continue
        year = count == 4 and found.isdigit() and found[:2] in ("19", "20")
        yield Span(utterance, start, end, kind, "told", 0.45 if year else 0.92, found)
