"""Rolling captions: YouTube's automatic ones show every line two or three times.

Each new line comes up in a long cue under the line before it, stands alone in a cue of 10 ms, and
is carried to the top of the next long cue. Joined as they are, such cues have three times the
words. Dropping what a cue carried over from the one before loses no word and doubles none; the
usual ways (skip equal lines, match the overlap of words) eat true repetitions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from corpus.formats.cues import Cue
from corpus.formats.markup import TIME_TAG, plain

LEAST_TIMED, LEAST_BRIEF = 0.2, 0.3  # shares of the cues
BRIEF_MS, ADJACENT_MS = 20, 50
MOST_LINES = 15  # rows that a caption window can show


def is_rolling(cues: Sequence[Cue]) -> bool:
    """Words carry their own times, or many cues only repeat for a moment (all that SRT keeps)."""
    timed = sum(any(TIME_TAG.search(line) for line in cue.lines) for cue in cues)
    brief = sum(repeats_briefly(before, cue) for before, cue in pairwise(cues))
    return timed >= LEAST_TIMED * len(cues) or brief >= LEAST_BRIEF * len(cues)


def repeats_briefly(before: Cue, cue: Cue) -> bool:
    """A cue too short to read that shows nothing new; tools also write cues without a duration."""
    if milliseconds(cue.start_s, cue.end_s) > BRIEF_MS:
        return False
    shown = without_padding([plain(line) for line in cue.lines])
    return bool(shown) and shown == [plain(line) for line in before.lines[-len(shown) :]]


def unroll(cues: Sequence[Cue]) -> Iterator[Cue]:
    """The cues with their new lines only; those without any are gone."""
    before: list[str] = []
    gone_s: float | None = None
    for cue in cues:
        shown = [plain(line) for line in cue.lines]
        brief = milliseconds(cue.start_s, cue.end_s) <= BRIEF_MS
        carried = carried_over(
            before, untimed(cue, shown, whole=brief or adjacent(gone_s, cue.start_s))
        )
        if any(shown[carried:]):
            yield replace(cue, lines=cue.lines[carried:])
        # A padding line below the text is no line that could be carried over; one above it is kept,
        # for it says that nothing was.
        before, gone_s = without_padding(shown), cue.end_s


def carried_over(before: Sequence[str], shown: Sequence[str]) -> int:
    """How many of the lines shown first are the last ones of the cue before."""
    sizes = range(min(len(before), len(shown), MOST_LINES), 0, -1)
    return next((size for size in sizes if shown[:size] == before[-size:]), 0)


def untimed(cue: Cue, shown: Sequence[str], *, whole: bool) -> Sequence[str]:
    """The lines of a cue that may be carried over: those above a line whose words have times.

    After a pause (not `whole`) a cue brings a line of its own, below what it carried: a lone line
    that equals the last one is said again.
    """
    timed = (at for at, line in enumerate(cue.lines) if TIME_TAG.search(line))
    last = next(timed, len(shown))
    return shown[: last if whole else min(last, len(without_padding([*shown])) - 1)]


def without_padding(lines: list[str]) -> list[str]:
    """The lines without empty ones at the end."""
    while lines and not lines[-1]:
        lines.pop()
    return lines


def adjacent(end_s: float | None, start_s: float | None) -> bool:
    """One cue follows the other without a pause."""
    return abs(milliseconds(end_s, start_s)) < ADJACENT_MS


def milliseconds(start_s: float | None, end_s: float | None) -> float:
    """From one time to another, without the rounding errors of seconds; endless if unknown."""
    return float("inf") if start_s is None or end_s is None else round((end_s - start_s) * 1000)
