"""Addresses of the wire and numbers that have a shape of their own.

Every pattern is bounded or anchored at the start of a word, so that a line of a megabyte takes
seconds. `told` knows the numbers that need a word beside them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from corpus.deid import told
from corpus.deid.spans import Kind, Span
from corpus.deid.tokens import FIGURE, Scene

DOMAINS = "com|org|net|edu|gov|info|io|me|tv|co|uk|ca|au|nz|ie|de|us"
# What an utterance must have in it for a kind's patterns to be tried at all; a figure otherwise.
HINTS: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"@| at ", re.IGNORECASE),
    "url": re.compile(r"www|http| dot |\w\.[a-z]", re.IGNORECASE),
    "handle": re.compile(r"@|u/", re.IGNORECASE),
    "device": re.compile(r"[\da-f][:-]", re.IGNORECASE),
}
SHAPES: tuple[tuple[Kind, str, float, str], ...] = (
    ("email", "address", 0.99, r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"),
    (
        "email",
        "spoken address",
        0.9,
        r"(?<![\w.+-])[\w.+-]{1,64}(?: (?:dot|underscore|dash|hyphen|plus) \w{1,40}){0,4} at "
        rf"[\w-]{{1,40}}(?: ?(?:dot |\.) ?(?:{DOMAINS})\b){{1,2}}",
    ),
    ("url", "address", 0.99, r"(?<!\w)(?:https?://|www\.)[^\s<>\"]{1,2000}(?<![.,;:!?)\]'])"),
    (
        "url",
        "domain",
        0.8,
        rf"(?<![\w@.-])(?:[\w-]{{2,63}}\.){{1,4}}(?:{DOMAINS})\b(?:/[^\s<>\"]{{0,2000}}(?<![.,;:!?)]))?",
    ),
    (
        "url",
        "spoken address",
        0.8,
        r"(?<![\w.-])(?:www dot )?[\w-]{2,63} dot (?:com|org|net|edu|gov|info|io)\b",
    ),
    (
        "ip",
        "v4",
        0.85,
        r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]?\d)",
    ),
    (
        "ip",
        "v6",
        0.85,
        r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4})(?::[0-9a-f]{1,4}){0,4}(?![\w:])",
    ),
    ("device", "mac", 0.95, r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:-])"),
    ("ssn", "shape", 0.9, r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    ("account", "card", 0.9, r"(?<![\w-])\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?![\w-])"),
    (
        "vehicle",
        "vin",
        0.9,
        r"(?<!\w)(?=[a-z]{0,16}\d)(?=\d{0,16}[a-z])[a-hj-npr-z0-9]{11}\d{6}(?!\w)",
    ),
    (
        "phone",
        "shape",
        0.95,
        r"(?<![\w.-])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[ .-]\d{4}(?![\w-])",
    ),
    ("phone", "international", 0.95, r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{2,6}\)?){2,4}(?![\w-])"),
    ("phone", "trunk", 0.75, r"(?<![\w.-])\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])"),
    ("phone", "short", 0.6, r"(?<![\w.$-])\d{3}-\d{4}(?![\w-])"),
    ("handle", "at sign", 0.9, r"(?<![\w@.])@\w[\w.]{1,38}\w"),
    ("handle", "reddit", 0.9, r"(?<![\w/])/?u/[\w-]{3,30}"),
)
SHAPE_PATTERNS = tuple(
    (kind, rule, confidence, re.compile(pattern, re.IGNORECASE))
    for kind, rule, confidence, pattern in SHAPES
)
HANDLE = re.compile(
    r"\b(?:user ?name|screen ?name|handle|gamertag|login|account name)(?: \w{1,12}){0,3}?"
    r" (?:is|was|:) ([\w.-]{3,40})(?<![.-])",
    re.IGNORECASE,
)


def shaped(utterance: int, text: str, raw: str) -> Iterator[Span]:
    """Spans that need no word beside them; addresses are looked for in the markup as well."""
    raw = raw.replace("&nbsp;", " " * 6)
    numeric = FIGURE.search(text) is not None
    tried = {kind for kind, hint in HINTS.items() if hint.search(raw)}
    for kind, rule, confidence, pattern in SHAPE_PATTERNS:
        if kind not in tried and (kind in HINTS or not numeric):
            continue
        for match in pattern.finditer(raw if kind in ("email", "url") else text):
            if kind == "phone" and told.TOLL_FREE.fullmatch(told.digits(match[0])):
                yield Span(utterance, *match.span(), kind, "toll-free", 0.45, match[0])
            elif kind != "phone" or told.digits(match[0]) not in told.HELPLINES:
                yield Span(utterance, *match.span(), kind, rule, confidence, match[0])
    for match in HANDLE.finditer(text) if "name" in text or "handle" in text else ():
        sure = any(not letter.isalpha() for letter in match[1])
        yield Span(utterance, *match.span(1), "handle", "told", 0.85 if sure else 0.45, match[1])


def find(scene: Scene) -> Iterator[Span]:
    """All spans of the kinds that have a shape or are told."""
    for utterance, text in enumerate(scene.texts):
        for span in shaped(utterance, text, scene.raw[utterance]):
            faxed = (
                span.kind == "phone"
                and told.told_kind(told.context(scene, utterance, span.start)) == "fax"
            )
            yield replace(span, kind="fax") if faxed else span
        if scene.numeric[utterance]:
            yield from told.find(scene, utterance)
