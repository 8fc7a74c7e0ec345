"""Digits that are spoken: "five five five, oh one two three"."""

import re
from collections.abc import Iterator
from itertools import pairwise

from corpus.deid.spans import Kind, Span
from corpus.deid.tokens import Scene
from corpus.deid.told import LEAST_DIGITS, context, told_kind

DIGITS = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
SAID = {digit: word for word, digit in DIGITS.items() if word not in ("oh", "o")}
DIGIT = "|".join(sorted(DIGITS, key=len, reverse=True))
RUN = re.compile(
    rf"\b(?:double |triple )?(?:{DIGIT})\b(?:[ ,.-]{{1,3}}(?:double |triple"
    rf" )?(?:{DIGIT})\b){{3,30}}",
    re.IGNORECASE,
)
PIECE = re.compile(rf"\b(double |triple )?({DIGIT})\b", re.IGNORECASE)
# As many digits as a telephone number without its area code.
ENOUGH_ALONE = 7


def value(said: str) -> str:
    """The digits of a run."""
    times = {"": 1, "double ": 2, "triple ": 3}
    return "".join(
        DIGITS[word.lower()] * times[(more or "").lower()] for more, word in PIECE.findall(said)
    )


def counting(run: str) -> bool:
    """Up or down by one each time: somebody counts breaths, and gives no number."""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(run)}
    return steps in ({1}, {9}, {0})


def find(scene: Scene) -> Iterator[Span]:
    """Runs of spoken digits: long ones, and shorter ones that a word before them explains."""
    for utterance, text in enumerate(scene.texts):
        if scene.forms[utterance].isdisjoint(DIGITS):
            continue
        for match in RUN.finditer(text):
            run = value(match[0])
            told = told_kind(context(scene, utterance, match.start()))
            kind: Kind = told or "phone"
            least = min(LEAST_DIGITS[kind], ENOUGH_ALONE) if told else ENOUGH_ALONE
            if len(run) >= least and (told or not counting(run)):
                sure = 0.9 if told else 0.75
                yield Span(utterance, *match.span(), kind, "spoken", sure, match[0])
