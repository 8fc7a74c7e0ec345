"""What became of every row, on disk the moment that the row is done: `generation/rows.sqlite`.

A row is one line of the table: its number, the fingerprint of everything that decided it, and its
outcome as JSON. A stage that starts again skips the rows whose line is whole and still fits; the
files of the dataset are streamed from here in the order of the rows.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from generation.rows import Outcome
from hybridtune.errors import RunError

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    whole INTEGER NOT NULL,
    outcome TEXT NOT NULL
)
"""


class RowStore:
    """The rows of one run; used from one event loop, closed with the `with` block."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = sqlite3.connect(path)
        except sqlite3.Error as error:
            raise RunError(f"cannot open it: {error}", where=str(path)) from None
        try:
            # WAL with NORMAL loses nothing to kill -9: each commit is in the log file already.
            self.database.execute("PRAGMA journal_mode=WAL")
            self.database.execute("PRAGMA synchronous=NORMAL")
            self.database.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            self.database.close()
            raise RunError(
                f"cannot be used as row store: {error}",
                where=str(path),
                fix="end what holds it, or move the file away: calls are answered from the cache",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.database.close()

    def has(self, number: int, fingerprint: str) -> bool:
        """Whether a row is done, under the same circumstances, with nothing to be tried again."""
        found = self.database.execute(
            "SELECT 1 FROM rows WHERE number = ? AND fingerprint = ? AND whole",
            (number, fingerprint),
        )
        return found.fetchone() is not None

    def put(self, outcome: Outcome, fingerprint: str) -> None:
        """Keep what became of a row, in place of what was known of it."""
        line = (outcome.row.index, fingerprint, outcome.whole, outcome.model_dump_json())
        with self.database:
            self.database.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", line)

    def get(self, number: int) -> Outcome:
        """What became of one row."""
        found = self.database.execute("SELECT outcome FROM rows WHERE number = ?", (number,))
        return Outcome.model_validate_json(found.fetchone()[0])

    def outcomes(self, count: int) -> Iterator[Outcome]:
        """What became of the first `count` rows, in their order, one at a time in memory."""
        lines = self.database.execute(
            "SELECT outcome FROM rows WHERE number < ? ORDER BY number", (count,)
        )
        for (outcome,) in lines:
            yield Outcome.model_validate_json(outcome)

    def personas(self, count: int) -> Iterator[tuple[int, str, Any]]:
        """Number, id and content of the personas of the first `count` rows, in their order."""
        lines = self.database.execute(
            "SELECT number, json_extract(outcome, '$.persona.id'),"
            " json_extract(outcome, '$.persona.persona') FROM rows"
            " WHERE number < ? ORDER BY number",
            (count,),
        )
        for number, name, persona in lines:
            if name is not None:
                yield number, name, json.loads(persona)
