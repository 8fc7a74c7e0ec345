"""Plain text: `LABEL: words`, one turn a line or wrapped over several, blank lines anywhere.

A colon alone makes no speaker: `corpus.labels` says which labels count. A line without one goes on
with what stands above it; after a blank line it stands by itself and has no speaker, so that
headings and closing notes can be told from words. The stage carries speakers on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from corpus.encoding import read_text
from corpus.formats.exports import Line, find_layout
from corpus.label_styles import plain_labels
from corpus.labels import find_labels, open_label, spellings
from corpus.transcript import CLOCK, Hints, Source, Transcript, Utterance, seconds

MARGIN = " \t\u00a0\u200e\u200f"
MARK = re.compile(r"^>>+\s*")
TIME_ALONE = re.compile(rf"\[{CLOCK}\]|\({CLOCK}\)|{CLOCK}")
TIMED_IN_BRACKETS = re.compile(rf"[\[(](?P<clock>{CLOCK})[\])]\s+(?P<text>.*)")
TIMED = re.compile(rf"[\[(]?(?P<clock>{CLOCK})[\])]?\s+(?P<text>.*)")
LEAST_LABELLED = 0.2  # of the lines open with a label: then times between them are no panel
LEAST_TIMED = 0.5  # of the lines without a label open with a time
LEAST_TIMES, LEAST_ALONE = 3, 0.05  # of the lines are a time: fewer are wrapped words, "at 10:30"


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a text file."""
    lines = list(enumerate(read_text(source).split("\n"), start=1))
    yield Transcript("", source.name, "text", tuple(parse(lines, hints)))


def parse(lines: Sequence[Line], hints: Hints) -> list[Utterance]:
    """Numbered lines to utterances; documents are read by it too."""
    stripped = [text.strip().strip(MARGIN) for _, text in lines]
    numbers = (number for number, _ in lines)
    lines = list(zip(numbers, plain_labels(stripped, hints.labels), strict=True))
    filled = [text for _, text in lines if text]
    openings = [MARK.sub("", text, count=1) for text in filled]
    labels = spellings(openings, find_labels(openings, hints.labels))
    bare = [text for text in openings if open_label(text, labels) is None]
    has_labels = len(filled) - len(bare) >= LEAST_LABELLED * len(filled)
    if layout := find_layout(filled, has_labels=has_labels):
        return list(layout(lines))
    alone = sum(bool(TIME_ALONE.fullmatch(text)) for text in filled)
    # Between labels, a time without brackets may be words that a line was wrapped before.
    timed = TIMED_IN_BRACKETS if has_labels else TIMED
    first = sum(bool(timed.fullmatch(text)) for text in bare) >= LEAST_TIMED * len(bare)
    times_alone = alone >= max(LEAST_TIMES, LEAST_ALONE * len(filled))
    return list(read_labelled(lines, labels, times_alone, timed if first else None))


def read_labelled(
    lines: Sequence[Line],
    labels: Mapping[str, str],
    times_alone: bool,
    timed: re.Pattern[str] | None,
) -> Iterator[Utterance]:
    """Utterances that begin at a label, a change mark, a time, or below a blank line.

    Above the first label every line stands by itself: those are headings.
    """
    current: Utterance | None = None
    words: list[str] = []
    start: float | None = None
    heading = True
    for number, raw in lines:
        line = raw.strip()
        if times_alone and TIME_ALONE.fullmatch(line):
            start, line = seconds(line.strip("[]()")), ""
        begun = begin(line, number, labels, timed) if line else None
        if current and (begun or heading or (not line and words)):
            if words:
                yield replace(current, text=" ".join(words))
            current = None
        if line and not current:
            current, words = begun or Utterance(None, line, number), []
            current = replace(current, start_s=start) if current.start_s is None else current
            start, heading = None, heading and begun is None
        words += (begun.text if begun else line).split()
    if current and words:
        yield replace(current, text=" ".join(words))


def begin(
    line: str, number: int, labels: Mapping[str, str], timed: re.Pattern[str] | None
) -> Utterance | None:
    """The utterance that a line opens; None if it goes on with the one above."""
    text = MARK.sub("", line, count=1)
    change = text != line
    if labelled := open_label(text, labels):
        return Utterance(labelled.label, labelled.text, number, labelled.start_s, change=change)
    if timed and (match := timed.fullmatch(text)):
        return Utterance(None, match["text"], number, seconds(match["clock"]), change=change)
    return Utterance(None, text, number, change=True) if change else None
