"""Texts that are too near to an earlier one, found by an index on disk: memory stays flat.

Two texts are compared by the Jaccard similarity of their sets of marks (runs of words, say). Which
earlier ones are worth comparing is found by MinHash in bands (Broder 1997; Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, chapter 3): 42 bands of 3 miss one pair in 270 at a similarity
of 0.5, and one in 27,000 at 0.6; where only 0.75 and more counts, 20 bands of 4 miss one in 2,000,
and one in 38,000 at 0.8. What is found is then measured exactly.
"""

import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = (42, 3), (20, 4)
"""Bands, and rows of each, for thresholds below 0.75 and from there on."""
MOST_COMPARED = 2000
"""A text that shares bands with more earlier ones than this is compared with so many of them."""

Marks = NDArray[np.uint64]
DRAWN = np.random.default_rng(1997).integers(0, 2**64, (2, 126), np.uint64)
FACTORS, OFFSETS = DRAWN[0] | np.uint64(1), DRAWN[1]

SCHEMA = """
CREATE TABLE texts (number INTEGER PRIMARY KEY, name TEXT NOT NULL, marks BLOB NOT NULL);
CREATE TABLE bands (
    band INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (band, number)
) WITHOUT ROWID;
"""


class Match(NamedTuple):
    """The earliest text that is near enough, and how near."""

    number: int
    name: str
    similarity: float


class LikenessIndex:
    """The texts that were kept so far; a context manager over a file that it makes and removes."""

    def __init__(self, path: Path, threshold: float) -> None:
        self.path, self.threshold = path, threshold
        self.shape = HIGH if threshold >= 0.75 else LOW
        places, pairs = (", ".join([each] * self.shape[0]) for each in ("?", "(?, ?)"))
        self.near = f"SELECT number FROM bands WHERE band IN ({places}) LIMIT {MOST_COMPARED}"
        self.put = f"INSERT INTO bands VALUES {pairs}"  # a third cheaper than band by band
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.database = sqlite3.connect(path, isolation_level=None)
        # Nothing here outlives the process, so nothing needs to be safe from a crash.
        self.database.execute("PRAGMA journal_mode=OFF")
        self.database.execute("PRAGMA synchronous=OFF")
        self.database.executescript(SCHEMA)
        self.database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file."""
        self.database.close()
        self.path.unlink(missing_ok=True)

    def keep(self, number: int, name: str, texts: Iterable[str]) -> Match | None:
        """The earliest kept text that is near to this one; where there is none, this one is kept.

        Args:
            number: its place; later than those of all texts before it.
            name: what a match is called.
            texts: its marks; a text without any is near to nothing.
        """
        marks = hashed(texts)
        if not len(marks):
            return None
        bands = band_keys(marks, *self.shape)
        for candidate in self.candidates(bands):
            found = self.database.execute(
                "SELECT name, marks FROM texts WHERE number = ?", (candidate,)
            )
            its_name, its_marks = found.fetchone()
            similarity = jaccard(marks, np.frombuffer(its_marks, np.uint64))
            if similarity >= self.threshold:
                return Match(candidate, its_name, similarity)
        self.database.execute("INSERT INTO texts VALUES (?, ?, ?)", (number, name, marks.tobytes()))
        self.database.execute(self.put, [each for band in bands for each in (band, number)])
        return None

    def candidates(self, bands: list[int]) -> list[int]:
        """The kept texts that share a band, the earliest first."""
        lines = self.database.execute(self.near, bands)
        return sorted({number for (number,) in lines})


def hashed(texts: Iterable[str]) -> Marks:
    """A number for each of a text's marks, sorted, each once; the same in every process."""
    return np.array(sorted({zlib.crc32(text.encode()) for text in texts}), np.uint64)


def band_keys(marks: Marks, bands: int, rows: int) -> list[int]:
    """The text's bands: each stands for the smallest of its marks in some orders."""
    size = bands * rows
    drawn = FACTORS[:size, None] * marks
    drawn += OFFSETS[:size, None]  # in place: a second matrix of this size costs as much again
    smallest = (drawn.min(axis=1) >> np.uint64(32)).reshape(bands, rows)
    mixed = (smallest * FACTORS[:rows]).sum(axis=1, dtype=np.uint64) >> np.uint64(24)
    keys: list[int] = (mixed << np.uint64(6) | np.arange(bands, dtype=np.uint64)).tolist()
    return keys


def jaccard(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Shared elements over all elements of two sets without repeats."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
