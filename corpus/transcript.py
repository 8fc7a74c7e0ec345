"""What the readers get and hand on: a source of bytes, and a transcript before any cleaning."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from hybridtune.config.corpus import TableSettings
from hybridtune.errors import DataError

CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
Part = Literal["counselor", "patient", "other"]
# Controls, what breaks or turns a line, and halves of pairs: bytes that Python could not decode.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MOST_TOLD = 300


@dataclass(frozen=True)
class Source:
    """One file to read, on disk or in an archive.

    Attributes:
        name: relative to the path that the user gave; goes into ids (hashed) and reports.
        where: what error messages call it: the path, or `archive.zip:member`. Like the name it is
            made `printable`, whatever the file is really called.
        size: of the content, in bytes.
        open: opens it for reading bytes; the caller closes what it returns.
    """

    name: str
    where: str
    size: int
    open: Callable[[], BinaryIO] = field(compare=False, repr=False)

    def error(self, what: str, line: int | None = None, fix: str = "") -> DataError:
        """What is wrong with this file, or with one line of it; the file's own words are cut."""
        what = printable(" ".join(what.split()))
        return DataError(
            what if len(what) <= MOST_TOLD else f"{what[:MOST_TOLD]}...",
            where=self.where if line is None else f"{self.where}:{line}",
            fix=fix,
        )


@dataclass(frozen=True)
class Hints:
    """What the user said beforehand: known speaker labels, normalised, and a table's columns."""

    labels: frozenset[str] = frozenset()
    table: TableSettings = field(default_factory=TableSettings)


@dataclass(frozen=True)
class Utterance:
    """One cue, segment, paragraph, line or row.

    Attributes:
        speaker: the label as the file has it; None where it has none.
        text: the words, with everything that the format does not own still in them.
        line: where it stands in the file, from 1: a line, row or paragraph.
        start_s: when it starts, where the file tells.
        end_s: when it ends, where the file tells.
        change: the file hints that another speaker begins here (`>>`), without saying who.
    """

    speaker: str | None
    text: str
    line: int
    start_s: float | None = None
    end_s: float | None = None
    change: bool = False


@dataclass(frozen=True)
class Transcript:
    """One conversation of a file.

    Attributes:
        id: tells it from the file's others; empty if it is alone.
        name: its source's name.
        format: as in `corpus.format`.
        utterances: in the order of the file.
        parts: who is who, where the format itself says so (chat roles, "supporter"), by label.
        title: of the video or document, to judge it by; never goes into an output.
        quality: the file's own label for how good it is.
        group: what it shares with other transcripts (video, client, question); hashed in outputs.
        kind: `session`, or `qa` for one question and one answer.
    """

    id: str
    name: str
    format: str
    utterances: tuple[Utterance, ...]
    parts: Mapping[str, Part] = field(default_factory=dict)
    title: str | None = None
    quality: str | None = None
    group: str | None = None
    kind: Literal["session", "qa"] = "session"


Reader = Callable[[Source, Hints], Iterator[Transcript]]
"""Yields a source's transcripts one by one; raises DataError naming the line."""


def printable(name: str) -> str:
    """A name or message in one line that any terminal and file can take."""
    return UNPRINTABLE.sub("?", name)


def seconds(clock: str | None) -> float | None:
    """Read `hh:mm:ss.mmm`, `mm:ss` and the like; None for what is no time."""
    if clock is None or not re.fullmatch(CLOCK, clock.strip()):
        return None
    parts = [float(part) for part in clock.strip().replace(",", ".").split(":")]
    return math.fsum(part * 60**power for power, part in enumerate(reversed(parts)))
