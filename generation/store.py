"""What became of every row, on disk the moment that the row is done: `generation/rows.sqlite`.

A row is one line of the table: its number, the fingerprint of everything that decided it, and its
outcome as JSON. A stage that starts again skips the rows whose line is whole and still fits; the
files of the dataset are streamed from here in the order of the rows.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generation.outcomes import Outcome
from hybridtune.database import Database
from hybridtune.errors import RunError
from hybridtune.records import first_problem

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    whole INTEGER NOT NULL,
    outcome TEXT NOT NULL
)
"""


class RowStore(Database):
    """The rows of one run; used from one event loop, closed with the `with` block.

    Raises:
        RunError: from every method that reads, if the file or a line in it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            path,
            SCHEMA,
            purpose="row store",
            fix="end what holds it, or move the file away: calls are answered from the cache",
        )

    def has(self, number: int, fingerprint: str) -> bool:
        """Whether a row is done, under the same circumstances, with nothing to be tried again."""
        query = "SELECT 1 FROM rows WHERE number = ? AND fingerprint = ? AND whole"
        with self.reading():
            found = self.database.execute(query, (number, fingerprint)).fetchone()
        return found is not None

    def fitting(self, fingerprints: Iterable[tuple[int, str]]) -> int:
        """How many rows have these fingerprints, by number."""
        fits = "SELECT COUNT(*) FROM rows WHERE number = ? AND fingerprint = ?"
        with self.reading():
            return sum(self.database.execute(fits, line).fetchone()[0] for line in fingerprints)

    async def put(self, outcome: Outcome, fingerprint: str) -> None:
        """Keep what became of a row, in place of what was known of it."""
        line = (outcome.row.index, fingerprint, outcome.whole, outcome.model_dump_json())
        put = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)"
        await self.committed(lambda: self.database.execute(put, line))

    def get(self, number: int) -> Outcome:
        """What became of one row.

        Raises:
            KeyError: it is not there.
        """
        for outcome in self.outcomes(number, number + 1):
            return outcome
        raise KeyError(number)

    def count(self, stop: int) -> int:
        """How many of the first `stop` rows are there."""
        query = "SELECT COUNT(*) FROM rows WHERE number < ?"
        with self.reading():
            count: int = self.database.execute(query, (stop,)).fetchone()[0]
        return count

    def outcomes(self, start: int, stop: int) -> Iterator[Outcome]:
        """What became of some rows, in their order, one at a time in memory."""
        query = "SELECT number, outcome FROM rows WHERE number >= ? AND number < ? ORDER BY number"
        with self.reading():
            for number, outcome in self.database.execute(query, (start, stop)):
                try:
                    yield Outcome.model_validate_json(outcome)
                except ValidationError as error:
                    raise self.damaged(f"row {number + 1}: {first_problem(error)}") from None

    def personas(self, count: int) -> Iterator[tuple[int, str, Any]]:
        """Number, id and content of the personas of the first `count` rows, in their order."""
        query = (
            "SELECT number, json_extract(outcome, '$.persona.id'),"
            " json_extract(outcome, '$.persona.persona') FROM rows"
            " WHERE number < ? ORDER BY number"
        )
        with self.reading():
            for number, name, persona in self.database.execute(query, (count,)):
                if name is not None:
                    yield number, name, json.loads(persona)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Tell of a damaged file in one line."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self.damaged(str(error)) from None

    def damaged(self, what: str) -> RunError:
        """The error for what cannot be read."""
        return RunError(
            f"cannot be read: {what}",
            where=str(self.path),
            fix="move it away and run `hybridtune generate`: calls are answered from the cache",
        )
