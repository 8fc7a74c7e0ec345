"""What the readers hand on: a transcript as its file tells it, before any cleaning."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from hybridtune.errors import DataError

CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"


@dataclass(frozen=True)
class Document:
    """One file to read.

    Attributes:
        path: where it lies; for error messages only, never for outputs.
        name: its name relative to the path that the user gave.
        text: its content, decoded, its lines ended by a line feed alone.
        labels: speaker labels that are known beforehand, normalised.
    """

    path: Path
    name: str
    text: str
    labels: frozenset[str] = frozenset()

    def error(self, what: str, line: int, fix: str = "") -> DataError:
        """What is wrong with one line of this file."""
        return DataError(what, where=f"{self.path}:{line}", fix=fix)


@dataclass(frozen=True)
class Utterance:
    """One cue, segment, line or row.

    Attributes:
        speaker: the label as the file has it; None where it has none.
        text: the words, with everything that the format does not own still in them.
        line: its line in the file, from 1.
        start_s: when it starts, where the file tells.
    """

    speaker: str | None
    text: str
    line: int
    start_s: float | None = None


@dataclass(frozen=True)
class Transcript:
    """One conversation of a file; `id` tells it from the file's others, and is empty if alone."""

    id: str
    name: str
    format: str
    utterances: tuple[Utterance, ...]


def seconds(clock: str | None) -> float | None:
    """Read `hh:mm:ss.mmm`, `mm:ss` and the like; None for what is no time."""
    if clock is None or not re.fullmatch(CLOCK, clock.strip()):
        return None
    parts = [float(part) for part in clock.strip().replace(",", ".").split(":")]
    return math.fsum(part * 60**power for power, part in enumerate(reversed(parts)))
