"""Who speaks where no label says: an attempt from change marks (`>>`) or pauses, with its score.

A mark says that somebody else begins, not who, and marks are missed and misplaced: to alternate on
them gets 67 of 100 words right when one of ten is missed. So every piece of text is weighed by how
it sounds (`corpus.manner`), and of all ways through the pieces (`corpus.changes`) each gets the
speaker that is the likelier one: changing is likely at a mark, less so at a pause or after a
question, and rare elsewhere. The confidence is the share of words that this expects to be right.

Measured on 133 transcripts with punctuation whose speakers were taken away: 99 of 100 words with
perfect marks, 94 with every tenth missed, 90 with as many false ones besides or with three of ten
missed; the confidence told that within 3. Words alone get 77 to 85, so `attempt` declines them.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from corpus.changes import CHANGES, Boundary, read_all
from corpus.manner import lean, listens, opens_reply
from corpus.transcript import Utterance

LEAST_MARKS, WORDS_PER_MARK = 4, 200
LEAST_PAUSES, PAUSE_S = 4, 0.8
WORDS_PER_END = 60
SENTENCE = re.compile(r"(?:(?<=[.?!])|(?<=[.?!][\"')\]]))\s+(?=\S)")


@dataclass(frozen=True)
class Attempt:
    """Utterances with speakers that nobody wrote down; some are split where the speaker changes.

    Attributes:
        utterances: their speakers are "counselor" and "patient" (a model may also say "other").
        method: what the speakers were told by.
        confidence: for marks and pauses the share of words that are expected to be right; for a
            model how far the other ways of telling agree with it.
        why: what this rests on, for the person who decides about it.
        calls: ids of the model calls.
    """

    utterances: tuple[Utterance, ...]
    method: Literal["marks", "pauses", "model"]
    confidence: float
    why: str
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A sentence, or what of it stands in one utterance; `home` is the utterance's place."""

    text: str
    home: int
    boundary: Boundary


def attempt(utterances: Sequence[Utterance]) -> Attempt | None:
    """Tell the speakers of a transcript by its marks, else by its pauses.

    Returns:
        None where there is nothing to go by: the words alone are not enough.
    """
    words = sum(len(each.text.split()) for each in utterances)
    if not words:
        return None
    marks = sum(each.change for each in utterances[1:])
    pauses = sum(is_pause(*pair) for pair in itertools.pairwise(utterances))
    if marks >= max(LEAST_MARKS, words / WORDS_PER_MARK):
        return by_boundaries(utterances, "marks", marks)
    if pauses >= max(LEAST_PAUSES, words / WORDS_PER_MARK):
        return by_boundaries(utterances, "pauses", pauses)
    return None


def by_boundaries(
    utterances: Sequence[Utterance], method: Literal["marks", "pauses"], count: int
) -> Attempt:
    """The likeliest speaker of every piece, and how much of it is expected to be right."""
    pieces = cut(utterances, pauses=method == "pauses")
    readings = read_all(
        [lean(piece.text) for piece in pieces],
        [piece.boundary for piece in pieces],
        marked=method == "marks",
    )
    best = max(reading.evidence for reading in readings)
    weights = [math.exp(reading.evidence - best) for reading in readings]
    columns = zip(*(reading.counselor for reading in readings), strict=True)
    counselor = [mean(column, weights) for column in columns]
    expected = mean(
        [max(chance, 1 - chance) for chance in counselor],
        [len(piece.text.split()) for piece in pieces],
    )
    why = f"no speaker labels: told by {count} {method} and by how the two speak"
    if method == "marks":
        missed = mean([reading.missed for reading in readings], weights)
        false = mean([reading.false for reading in readings], weights)
        why += f" (about {missed:.0%} of the changes unmarked, {false:.0%} of the marks false)"
    why += f"; about {expected:.0%} of the words should be right"
    return Attempt(label(utterances, pieces, counselor), method, round(expected, 3), why)


def mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean."""
    total = math.fsum(weight * value for weight, value in zip(weights, values, strict=True))
    return total / math.fsum(weights)


def is_pause(before: Utterance, after: Utterance) -> bool:
    """Whether nobody speaks for a while between two utterances."""
    if before.end_s is None or after.start_s is None:
        return False
    return after.start_s - before.end_s >= PAUSE_S


def cut(utterances: Sequence[Utterance], *, pauses: bool) -> list[Piece]:
    """Cut utterances where sentences end, and say what kind of boundary stands before each."""
    typed = is_typed(utterances)
    pieces: list[Piece] = []
    for home, each in enumerate(utterances):
        for at, text in enumerate(SENTENCE.split(each.text)):
            before = pieces[-1].text if pieces else ""
            boundary = boundary_of(before, text) if typed else "line"
            if at == 0 and each.change and not pauses:
                boundary = "mark"
            elif at == 0 and home and pauses and is_pause(utterances[home - 1], each):
                boundary = "pause" if CHANGES[boundary] < CHANGES["pause"] else boundary
            pieces.append(Piece(text, home, boundary))
    return pieces


def is_typed(utterances: Sequence[Utterance]) -> bool:
    """Whether sentences have ends; a stray "Dr." among captions does not count."""
    words = [word for each in utterances for word in each.text.split()]
    ended = sum(word.rstrip("\"')]")[-1:] in {".", "?", "!"} for word in words)
    return ended * WORDS_PER_END >= len(words)


def boundary_of(before: str, after: str) -> Boundary:
    """The kind of place between two pieces of text, by their punctuation and words."""
    end = before.rstrip("\"')] ")[-1:]
    if end == "-":
        return "cut"
    if end not in {"", ".", "?", "!"}:
        return "inside"
    if end == "?":
        return "answer" if opens_reply(after) or listens(after) else "asked"
    if listens(before) or listens(after):
        return "listener"
    return "opener" if opens_reply(after) else "sentence"


def label(
    utterances: Sequence[Utterance], pieces: Sequence[Piece], counselor: Sequence[float]
) -> tuple[Utterance, ...]:
    """The utterances with their speakers; a split one keeps its start and its end at the edges."""
    told: list[Utterance] = []
    homes: list[int] = []
    for piece, chance in zip(pieces, counselor, strict=True):
        speaker = "counselor" if chance >= 0.5 else "patient"
        whole = utterances[piece.home]
        if homes and homes[-1] == piece.home:
            if told[-1].speaker == speaker:
                told[-1] = replace(told[-1], text=f"{told[-1].text} {piece.text}")
                continue
            told[-1] = replace(told[-1], end_s=None)
            whole = replace(whole, start_s=None, change=False)
        told.append(replace(whole, speaker=speaker, text=piece.text))
        homes.append(piece.home)
    return tuple(told)
