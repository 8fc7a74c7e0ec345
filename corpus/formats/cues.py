"""WebVTT and SRT as one model: cues with times and the raw lines of their text.

Both formats are blocks between empty lines: an optional identifier, a timing, text. What people's
files really hold is read where it can mean only one thing: commas or points before the
milliseconds in either format, no header, no empty line before a cue or one inside of it, no index.
A timing that cannot be read is an error with its line, for its cue would be lost.

The parser is our own because webvtt-py silently drops cues with comma milliseconds and gives no
line numbers.
"""

import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from corpus.transcript import CLOCK, Source, seconds

HEADER = re.compile(r"WEBVTT(?:[ \t]+(?:-\s*)?(?P<title>.*?))?\s*", re.IGNORECASE)
TIMING = re.compile(rf"\s*(?P<start>{CLOCK})\s*-->\s*(?P<end>{CLOCK})(?:\s.*)?")
BROKEN_TIMING = re.compile(r"\s*\d[\d:.,]*\s*--?>")
CUT_TIMING = re.compile(r"\s*\d{1,3}:[\d:.,]*\s*-{0,2}")
TEAMS_ID = re.compile(r"(?P<utterance>[\da-fA-F]{8}(?:-[\da-fA-F]{4,12}){4}/\d+)-\d+")
NO_CUE = re.compile(r"NOTE(?:\s.*)?|(?:STYLE|REGION)\s*")
METADATA = re.compile(r"(?:Kind|Language|Style|Region|X-TIMESTAMP-MAP)\s*[:=].*|##.*|::cue.*")

Block = tuple[int, list[str]]
"""Lines without an empty one between them, and the number of the first."""


@dataclass(frozen=True)
class Cue:
    """One caption.

    Attributes:
        line: where its timing stands, from 1.
        id: the line above the timing; empty if there is none.
        start_s: when it comes up.
        end_s: when it goes; None where the file says that it ends before it starts.
        lines: its text, markup and all; the parser adds what follows after an empty line.
    """

    line: int
    id: str
    start_s: float | None
    end_s: float | None
    lines: list[str]


def read_cues(source: Source, text: str) -> tuple[str | None, list[Cue]]:
    """The title that a WebVTT header may give, and the cues.

    Raises:
        DataError: a timing is broken, or text stands outside of any cue; names the line.
    """
    found = split_blocks(text)
    first = next(found)
    header = HEADER.fullmatch(first[1][0])
    parser = Parser(source, vtt=bool(header), end=text.rstrip().count("\n") + 1)
    for line, lines in itertools.chain([below_header(first) if header else first], found):
        if lines and not (header and NO_CUE.fullmatch(lines[0])):
            parser.read_block(line, lines)
    if not parser.cues:
        raise source.error("no cues", 1, "is the file complete?")
    title = header["title"] if header else None
    return (None if not title or METADATA.fullmatch(title) else title), parser.cues


def split_blocks(text: str) -> Iterator[Block]:
    """The blocks of a text; YouTube pads cues with a lone space, which ends no block."""
    lines: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line:
            lines.append(line)
            continue
        if any(each.strip() for each in lines):
            yield number - len(lines), lines
        lines = []


def below_header(block: Block) -> Block:
    """What is left of the first block without its header: nothing, or cues glued to it."""
    number, lines = block
    at = next((at for at, line in enumerate(lines) if at and "-->" in line), len(lines))
    if 1 < at < len(lines) and is_id(lines[at - 1], numbered=True):
        at -= 1
    return number + at, lines[at:]


def is_id(line: str, *, numbered: bool) -> bool:
    """A line looks like an identifier: Teams' always, a number in a file that numbers its cues."""
    line = line.strip()
    return (numbered and line.isdecimal()) or bool(TEAMS_ID.fullmatch(line))


@dataclass
class Parser:
    """The cues of one file, as far as it is read; `end` is the last line with text on it."""

    source: Source
    vtt: bool
    end: int
    cues: list[Cue] = field(default_factory=list)
    lone_id: str = ""

    def read_block(self, number: int, lines: list[str]) -> None:
        """Add a block's cues; usually it is one."""
        # The plain test first: nearly all lines are text.
        found = {at: TIMING.fullmatch(line) for at, line in enumerate(lines) if "-->" in line}
        timings = {at: match for at, match in found.items() if match}
        self.check_timings(number, lines, timings)
        if not timings:
            self.add_text(number, lines)
            return
        identifier = self.read_head(number, lines[: min(timings)]) or self.lone_id
        self.lone_id = ""
        for at, after in itertools.pairwise([*timings, len(lines)]):
            text = lines[at + 1 : after]
            glued = after < len(lines) and text and is_id(text[-1], numbered=identifier.isdecimal())
            following = text.pop().strip() if glued else ""
            self.cues.append(make_cue(number + at, identifier, timings[at], text))
            identifier = following

    def check_timings(self, number: int, lines: list[str], good: Collection[int]) -> None:
        """A timing that is not recognised would turn its cue into text of the one before."""
        first = min(good, default=len(lines))
        for at, line in enumerate(lines):
            opening = at < min(2, first) and "-->" in line
            if at not in good and (opening or BROKEN_TIMING.match(line)):
                what = f"not a cue timing: {line.strip()[:60]!r}"
                raise self.source.error(what, number + at, "write 00:01:02.345 --> 00:01:04.567")
        last = number + len(lines) - 1
        if last == self.end and not good and CUT_TIMING.fullmatch(lines[-1]):
            raise self.source.error("the file ends within a timing", last, "is it complete?")

    def read_head(self, number: int, head: list[str]) -> str:
        """The identifier above a block's first timing; other lines there are text."""
        alone = len(head) == 1 and (self.vtt or not self.cues)
        identifier = head.pop() if head and (alone or is_id(head[-1], numbered=True)) else ""
        if head:
            self.add_text(number, head)
        return identifier.strip()

    def add_text(self, number: int, lines: list[str]) -> None:
        """Text below an empty line belongs to the cue before; there must be one."""
        numbered = not self.cues or self.cues[-1].id.isdecimal()
        if len(lines) == 1 and is_id(lines[0], numbered=numbered):
            self.lone_id = lines[0].strip()  # its timing comes after an empty line, or was cut off
        elif self.cues:
            self.cues[-1].lines.extend(lines)
        elif not (self.vtt and METADATA.fullmatch(lines[0])):
            what = (
                "text outside of any cue" if self.vtt else "neither a WEBVTT line nor a cue timing"
            )
            raise self.source.error(what, number, "is it another format? name it with --format")


def make_cue(line: int, identifier: str, timing: re.Match[str], lines: list[str]) -> Cue:
    """A cue; an end before its start says nothing about when it ends."""
    start_s, end_s = seconds(timing["start"]), seconds(timing["end"])
    backwards = start_s is not None and end_s is not None and end_s < start_s
    return Cue(line, identifier, start_s, None if backwards else end_s, lines)
