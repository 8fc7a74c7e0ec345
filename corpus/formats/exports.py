"""What Otter, Zoom and Teams write as text, and the transcript panel pasted from YouTube.

Told by their content: a line of its own that names the speaker and the time, before the words.
Names come with the time in all of them, so a colon in the words never makes a speaker.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from corpus.transcript import CLOCK, Utterance, seconds

Line = tuple[int, str]
Layout = Callable[[Sequence[Line]], Iterator[Utterance]]
NAMED = re.compile(rf"(?P<name>\S(?:.{{0,58}}\S)?)(?:\t|[ \u00a0]{{2}})\s*(?P<clock>{CLOCK})")
ZOOM = re.compile(rf"\[(?P<name>[^\[\]]{{1,60}})\]\s*(?P<clock>{CLOCK})")
CHAT = re.compile(
    rf"(?P<clock>{CLOCK})\s+From\s+(?P<name>.{{1,60}}?)(?:\s+to\s+.{{1,60}}?)?\s*:(?:\s(?P<text>.*))?"
)
TIME_ALONE = re.compile(CLOCK)
TIME_IN_WORDS = re.compile(r"\d+ (?:hour|minute|second)s?(?:, \d+ (?:hour|minute|second)s?)*")
TRAILER = re.compile(r"Transcribed by https?://otter\.ai/?", re.IGNORECASE)
LEAST_HEADS, LEAST_SHARE, LEAST_PANEL = 2, 0.05, 0.3


def find_layout(filled: Sequence[str], *, has_labels: bool) -> Layout | None:
    """Which export some lines are; None if they are none.

    Args:
        filled: the lines that hold anything, without the white space around.
        has_labels: the lines open with speakers, so that times between them make no panel.
    """
    times = sum(bool(TIME_ALONE.fullmatch(text)) for text in filled)
    if not has_labels and times >= LEAST_PANEL * len(filled) > 0:
        return read_panel
    trailed = any(TRAILER.fullmatch(text) for text in filled[-3:])
    least = 1 if trailed else max(LEAST_HEADS, LEAST_SHARE * len(filled))
    for head in (ZOOM, CHAT, NAMED):
        if sum(bool(head.fullmatch(text)) for text in filled) >= least:
            return lambda lines: read_blocks(lines, head)
    return None


def read_blocks(lines: Sequence[Line], head: re.Pattern[str]) -> Iterator[Utterance]:
    """Heads with the words below them; what stands before the first head is a preamble."""
    speaker, start, number, words = None, None, 0, list[str]()
    for line, raw in lines:
        text = raw.strip()
        if match := head.fullmatch(text):
            if words:
                yield Utterance(speaker, " ".join(words), number, start)
            speaker, start, number = match["name"].strip(), seconds(match["clock"]), line
            said = match.groupdict().get("text")
            words = said.split() if said else []
        elif speaker is not None and not TRAILER.fullmatch(text):
            words += text.split()
    if words:
        yield Utterance(speaker, " ".join(words), number, start)


def read_panel(lines: Sequence[Line]) -> Iterator[Utterance]:
    """Times and the one line of words below each; a further line is a chapter's heading."""
    start: float | None = None
    for line, raw in lines:
        text = " ".join(raw.split())
        if TIME_ALONE.fullmatch(text):
            start = seconds(text)
        elif text and not TIME_IN_WORDS.fullmatch(text):
            yield Utterance(None, text, line, start)
            start = None
