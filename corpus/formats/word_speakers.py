"""A recognised segment cut where the speaker of its words changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from corpus.formats.json_items import number
from corpus.formats.jsonstream import mend
from corpus.formats.markup import tidy
from corpus.transcript import Source, Utterance

SHAPE = 'needs "words": [{"word": "Hello", "start": 0.0, "speaker": "A"}, ...]'


@dataclass(frozen=True)
class Word:
    """A word as the recogniser heard it; numbers and the like often come without times."""

    text: str
    speaker: str | None
    start_s: float | None
    end_s: float | None


def by_speaker(source: Source, line: int, segment: dict[str, Any]) -> list[Utterance]:
    """The utterances of one segment: one for each run of words by the same speaker.

    Raises:
        DataError: its words are not of the known shape; names the segment's line.
    """
    whole = speaker_name(segment.get("speaker"))
    words = filled(read_words(source, line, segment))
    runs = [list(run) for _, run in groupby(words, lambda word: word.speaker)]
    texts = cut(segment["text"], runs) if len(runs) > 1 else [segment["text"]]
    start_s, end_s = number(segment.get("start")), number(segment.get("end"))
    said = []
    for at, text in enumerate(texts):
        run = runs[at] if runs else []
        first = start_s if at == 0 else None
        last = end_s if at == len(texts) - 1 else None
        said.append(
            Utterance(
                speaker=run[0].speaker or whole if run else whole,
                text=tidy(mend(text)),
                line=line,
                start_s=first if first is not None else earliest(run),
                end_s=last if last is not None else latest(run),
            )
        )
    return [each for each in said if each.text]


def read_words(source: Source, line: int, segment: dict[str, Any]) -> list[Word]:
    """A segment's words; none where it has none."""
    words = segment.get("words") or []
    if not isinstance(words, list) or not all(isinstance(word, dict) for word in words):
        raise source.error("words of a segment are not a list of objects", line, SHAPE)
    return [
        Word(
            text=text.strip()
            if isinstance(text := word.get("word", word.get("text")), str)
            else "",
            speaker=speaker_name(word.get("speaker")),
            start_s=number(word.get("start")),
            end_s=number(word.get("end")),
        )
        for word in words
    ]


def speaker_name(value: Any) -> str | None:
    """A speaker as recognisers write it: a name or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return tidy(str(value)) or None


def filled(words: Sequence[Word]) -> list[Word]:
    """Words without a speaker take the one of the word before, the first ones of the word after."""
    speaker = next((word.speaker for word in words if word.speaker), None)
    found = []
    for word in words:
        speaker = word.speaker or speaker
        found.append(Word(word.text, speaker, word.start_s, word.end_s))
    return found


def cut(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """A segment's text cut before the first word of each run; if it differs, the words alone."""
    place, starts = 0, list[int]()
    for run in runs:
        for at, word in enumerate(run):
            found = text.find(word.text, place)
            if found < 0:
                return [" ".join(word.text for word in run) for run in runs]
            if at == 0:
                starts.append(found)
            place = found + len(word.text)
    starts[0] = 0
    return [text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def earliest(run: Sequence[Word]) -> float | None:
    """When the first word that has a time starts."""
    return next((word.start_s for word in run if word.start_s is not None), None)


def latest(run: Sequence[Word]) -> float | None:
    """When the last word that has a time ends."""
    return next((word.end_s for word in reversed(run) if word.end_s is not None), None)
