"""Sessions on disk between reading and writing, so that a corpus of any size takes little memory.

A hidden folder beside the outputs holds them, de-identified, until the import ends; one that a
killed import left behind is removed by the next.
"""

import glob
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from corpus.history import History
from hybridtune.records import Record, Session

PREFIX = ".import-"


@dataclass(frozen=True)
class Place:
    """Where a record lies in a spill."""

    start: int
    length: int


class Spill:
    """An append-only file of records that can be read back by their places."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO = path.open("w+b")
        self.end = 0

    def add(self, record: Record) -> Place:
        """Append a record."""
        line = record.line().encode()
        self.file.seek(self.end)
        self.file.write(line)
        place = Place(self.end, len(line))
        self.end += len(line)
        return place

    def session(self, place: Place) -> Session:
        """Read a session back."""
        return Session.model_validate_json(self.read(place))

    def history(self, place: Place) -> History:
        """Read a history back."""
        return History.model_validate_json(self.read(place))

    def read(self, place: Place) -> bytes:
        """The bytes of a record."""
        self.file.seek(place.start)
        return self.file.read(place.length)


@contextmanager
def spill_folder(beside: Path) -> Iterator[Path]:
    """A folder for the time of the block, on the disk that the outputs go to."""
    beside.mkdir(parents=True, exist_ok=True)
    # Processes of other machines that share the disk cannot be told alive from dead here.
    prefix = f"{PREFIX}{platform.node()}-"
    for left in beside.glob(f"{glob.escape(prefix)}*"):
        if not alive(left.name.removeprefix(prefix)):
            shutil.rmtree(left, ignore_errors=True)
    folder = beside / f"{prefix}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def alive(process: str) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
