"""A SQLite file that survives kill -9: how the request cache and the row store open theirs.

Every commit is in the file when it returns, and a file that cannot be used costs one clear line.
What many coroutines write in one turn of the event loop is committed together: a commit costs more
than the lines in it.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hybridtune.errors import RunError


class Database:
    """An open file; used from one event loop, closed with the `with` block.

    Args:
        path: the file; it need not be there yet.
        schema: the statement that makes its table where there is none.
        purpose: what the file is for, for errors.
        fix: what to do where it cannot be used.

    Raises:
        RunError: it cannot be opened, is locked, or is no such file.
    """

    def __init__(self, path: Path, schema: str, *, purpose: str, fix: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = sqlite3.connect(path)
            self.waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        except sqlite3.Error as error:
            raise RunError(f"cannot open it: {error}", where=str(path)) from None
        try:
            # WAL with NORMAL loses nothing to kill -9: each commit is in the log file already.
            self.database.execute("PRAGMA journal_mode=WAL")
            self.database.execute("PRAGMA synchronous=NORMAL")
            self.database.execute(schema)
        except sqlite3.DatabaseError as error:
            self.database.close()
            raise RunError(
                f"cannot be used as {purpose}: {error}", where=str(path), fix=fix
            ) from None

    async def committed(self, write: Callable[[], Any]) -> Any:
        """Do a write in the next common transaction; it is in the file when this returns.

        Returns:
            What `write` returned.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        if not self.waiting:
            loop.call_soon(self.commit)
        self.waiting.append((write, done))
        return await done

    def commit(self) -> None:
        """Do and commit all writes that wait, or none of them: the error is then everybody's."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        try:
            with self.database:
                results = [write() for write, _ in waiting]
        except Exception as error:
            for _, done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(waiting, results, strict=True):
            if not done.done():
                done.set_result(result)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.commit()
        self.database.close()
