"""YouTube's json3 captions: `{"events": [{"tStartMs", "dDurationMs", "segs": [{"utf8"}]}]}`.

The best form of YouTube's captions: nothing in it is doubled. Events without `segs` define windows;
those marked `aAppend` hold the line breaks of the rolling display, and go as they have no words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from corpus.formats.cues import Cue
from corpus.formats.json_items import number, read_items
from corpus.formats.jsonstream import mend
from corpus.formats.voices import utterances
from corpus.transcript import Hints, Source, Transcript

SHAPE = '{"events": [{"tStartMs": 0, "segs": [{"utf8": "Hello"}]}, ...]}'


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a file.

    Raises:
        DataError: not JSON, or not of this shape; names the line.
    """
    events = read_items(source, ("events",), SHAPE).items
    cues = [cue for line, event in events if (cue := read_event(source, line, event))]
    if not cues:
        raise source.error("no words in any event", 1, "is the file complete?")
    timed = any("tOffsetMs" in seg for _, event in events for seg in event.get("segs") or [])
    said = utterances(not_overlapping(cues), hints.labels, automatic=timed)
    yield Transcript("", source.name, "json3", tuple(said))


def read_event(source: Source, line: int, event: dict[str, Any]) -> Cue | None:
    """One event as a cue; None for one without words."""
    segs = event.get("segs") or []
    if not isinstance(segs, list) or not all(isinstance(seg, dict) for seg in segs):
        raise source.error("segs of an event are not a list of objects", line, f"needs {SHAPE}")
    words = [seg.get("utf8", "") for seg in segs]
    if not all(isinstance(word, str) for word in words):
        raise source.error("utf8 of an event is not text", line, f"needs {SHAPE}")
    text = mend("".join(words))
    start_s, length_s = number(event.get("tStartMs"), 1000), number(event.get("dDurationMs"), 1000)
    return make_cue(line, start_s, length_s, text) if text else None


def make_cue(line: int, start_s: float | None, length_s: float | None, text: str) -> Cue:
    """A cue that is given by start and duration."""
    end_s = None if start_s is None or length_s is None else start_s + length_s
    return Cue(line, "", start_s, end_s, text.split("\n"))


def not_overlapping(cues: Sequence[Cue]) -> list[Cue]:
    """Cues that end when the next one starts: a line stays on the screen beside the one after."""
    return [*(clipped(cue, after) for cue, after in pairwise(cues)), *cues[-1:]]


def clipped(cue: Cue, after: Cue) -> Cue:
    """One cue, ending no later than the next one starts."""
    if cue.end_s is None or after.start_s is None or after.start_s >= cue.end_s:
        return cue
    return replace(cue, end_s=after.start_s)
