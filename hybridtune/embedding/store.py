"""The vectors that were asked for, in `runs/<name>/vectors.sqlite`: a resume asks for none again.

A key is the content of the model (of an endpoint elsewhere, its address and name) and of the text;
the text itself is not kept. Vectors tell much of their texts all the same: guard the file as you
guard the transcripts.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybridtune.database import Database
from hybridtune.embedding.wire import Rows

SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    parts INTEGER NOT NULL,
    vector BLOB NOT NULL
)
"""
STORED = np.dtype("<f4")


@dataclass(frozen=True)
class Kept:
    """A vector of length 1, and of how many parts the model took the text."""

    vector: Rows
    parts: int


def vector_key(content: str, text: str) -> str:
    """SHA-256 over the model's content (`hybridtune.calls.content_of`) and the text as sent."""
    return hashlib.sha256(f"{content}\n{text}".encode()).hexdigest()


class VectorStore(Database):
    """The vectors of one run; used from one event loop, closed with the `with` block."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, SCHEMA, purpose="cache of vectors", fix="end what holds it, or delete the file"
        )

    def find(self, keys: Iterable[str]) -> dict[str, Kept]:
        """The vectors that are there, by key."""
        found = {}
        for key in keys:
            row = self.database.execute(
                "SELECT vector, parts FROM vectors WHERE key = ?", (key,)
            ).fetchone()
            if row:
                found[key] = Kept(np.frombuffer(row[0], STORED).astype(np.float32), row[1])
        return found

    async def keep(self, model: str, fresh: Sequence[tuple[str, Kept]]) -> None:
        """Keep vectors by key; they are in the file when this returns."""
        rows = [
            (key, model, each.parts, each.vector.astype(STORED).tobytes()) for key, each in fresh
        ]
        await self.committed(
            lambda: self.database.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)", rows
            )
        )
