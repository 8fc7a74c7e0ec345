"""Ages of ninety and more, which the Safe Harbor list wants in one class: "90 or older"."""

import re
from collections.abc import Iterator

from corpus.deid.calendar_words import SMALL
from corpus.deid.spans import Span
from corpus.deid.tokens import Scene

HINTS = frozenset({"ninety", "hundred"})
NINETY = rf"(?:9\d|1[01]\d|ninety(?:[- ](?:{SMALL}))?|(?:a|one) hundred(?:(?: and)? (?:{SMALL}))?)"
AGES = tuple(
    (rule, confidence, re.compile(pattern, re.IGNORECASE))
    for rule, confidence, pattern in (
        (
            "years old",
            0.95,
            rf"(?<![\w.])(?P<age>{NINETY})(?P<unit>[ -]years?[ -]old|[ -]?yrs?[ -]old|"
            r" years of age| ?y/?o\b)",
        ),
        (
            "aged",
            0.85,
            rf"\b(?:aged|turned|turning|turns|the age of|at age) (?P<age>{NINETY})\b"
            r"(?![ -]?(?:%|percent|degrees))",
        ),
        (
            "is",
            0.75,
            rf"\b(?:he|she|i|grand\w+|gran|nana|mother|father|mom|mum|dad|aunt|uncle|neighbou?r)"
            rf"(?:'s|'m| is| was| am| will be)(?: now| already| almost| nearly)? (?P<age>{NINETY})"
            r"(?= ?(?:[.,;!?]|$| and | now\b| when\b| this year| in ))",
        ),
    )
)


def find(scene: Scene) -> Iterator[Span]:
    """Ages of ninety and more, in figures and in words."""
    for utterance, text in enumerate(scene.texts):
        if not scene.numeric[utterance] and scene.forms[utterance].isdisjoint(HINTS):
            continue
        for rule, confidence, pattern in AGES:
            for match in pattern.finditer(text):
                start, end = match.start("age"), match.end()
                yield Span(utterance, start, end, "age", rule, confidence, text[start:end])


def rounded_age(found: str) -> str:
    """An age in the words of the original: "94 years old" becomes "90 or older"."""
    number = "90" if found[0].isdigit() else "ninety"
    return f"{number}-or-older" if "-" in found and "old" in found.lower() else f"{number} or older"
