"""What became of every row, on disk the moment that the row is done: `generation/rows.sqlite`.

A row is one line of the table: its number, the fingerprint of everything that decided it, and its
outcome as JSON. A stage that starts again skips the rows whose line is whole and still fits; the
files of the dataset are streamed from here in the order of the rows.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generation.rows import Outcome
from hybridtune.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    whole INTEGER NOT NULL,
    outcome TEXT NOT NULL
)
"""


class RowStore(Database):
    """The rows of one run; used from one event loop, closed with the `with` block."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            SCHEMA,
            purpose="row store",
            fix="end what holds it, or move the file away: calls are answered from the cache",
        )

    def has(self, number: int, fingerprint: str) -> bool:
        """Whether a row is done, under the same circumstances, with nothing to be tried again."""
        found = self.database.execute(
            "SELECT 1 FROM rows WHERE number = ? AND fingerprint = ? AND whole",
            (number, fingerprint),
        )
        return found.fetchone() is not None

    def fitting(self, fingerprints: Iterable[tuple[int, str]]) -> int:
        """How many rows have these fingerprints, by number."""
        fits = "SELECT COUNT(*) FROM rows WHERE number = ? AND fingerprint = ?"
        found = (self.database.execute(fits, line).fetchone()[0] for line in fingerprints)
        return sum(found)

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
        found = self.database.execute("SELECT outcome FROM rows WHERE number = ?", (number,))
        line = found.fetchone()
        if line is None:
            raise KeyError(number)
        return Outcome.model_validate_json(line[0])

    def count(self, stop: int) -> int:
        """How many of the first `stop` rows are there."""
        found = self.database.execute("SELECT COUNT(*) FROM rows WHERE number < ?", (stop,))
        count: int = found.fetchone()[0]
        return count

    def outcomes(self, start: int, stop: int) -> Iterator[Outcome]:
        """What became of some rows, in their order, one at a time in memory."""
        lines = self.database.execute(
            "SELECT outcome FROM rows WHERE number >= ? AND number < ? ORDER BY number",
            (start, stop),
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
