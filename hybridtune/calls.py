"""The request cache: every model call and its answer, in `runs/<name>/calls.sqlite`.

It is what makes a resume exact: a stage that starts again asks for the same things, and whatever
was answered before a crash is answered from here. The key covers the whole request body, the
sample index and the *content* of the served model. Keys of endpoints never come near it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import to_json

from hybridtune.database import Database
from hybridtune.sieve import Sieve

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    role TEXT NOT NULL,
    task TEXT NOT NULL,
    model TEXT NOT NULL,
    request TEXT NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    answered_at TEXT NOT NULL
)
"""

SIEVE_BITS = 23
INSERT = f"INSERT OR IGNORE INTO calls VALUES ({', '.join('?' * 12)})"


@dataclass(frozen=True)
class Answer:
    """What the cache keeps of a reply."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Usage:
    """What one role asked for in one stage."""

    stage: str
    role: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True)
class Call:
    """What the cache keeps of a request beside its answer.

    Attributes:
        stage: of the experiment.
        role: who was asked.
        task: for what, in a word.
        model: the served model's name.
        request: the body as it was sent, JSON.
    """

    stage: str
    role: str
    task: str
    model: str
    request: str


class AnswerCache(Protocol):
    """Where a client looks answers up and keeps them; the shipped one is `CallStore`."""

    async def find(self, key: str) -> Answer | None:
        """The answer to a request that was made before."""
        ...

    async def keep(self, key: str, answer: Answer, call: Call, seconds: float) -> Answer:
        """Keep an answer for good, and return the one that is kept: the first, if two came."""
        ...


def written(body: Mapping[str, Any]) -> str:
    """A request body as JSON: what is sent, and what is hashed.

    Keys stay in their order: a model writes the properties of an answer in that of their schema.
    """
    return to_json(body, inf_nan_mode="constants").decode()


def content_of(identity: Mapping[str, Any]) -> str:
    """What a served model is, in one text: the same whatever order it was told in."""
    return json.dumps(identity, sort_keys=True, ensure_ascii=False)


def call_key(content: str, request: str, sample: int, reask: int = 0) -> str:
    """SHA-256 over the served model's content, the written body, the sample and re-ask index."""
    return hashlib.sha256(f"[{content}, {sample}, {reask}]\n{request}".encode()).hexdigest()


class CallStore(Database):
    """The cache of one run; used from one event loop, closed with the `with` block."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            SCHEMA,
            purpose="request cache",
            fix="end what holds it, or move the file away",
        )
        filled = self.database.execute("SELECT 1 FROM calls LIMIT 1").fetchone()
        self.sieve = None if filled else Sieve(SIEVE_BITS)
        """What came in since, of a file that was empty: most requests need not be looked up."""

    async def find(self, key: str) -> Answer | None:
        """The answer to a request that was made before."""
        if self.sieve and not self.sieve.perhaps([hash(key)]):
            return None
        return self.get(key)

    async def keep(self, key: str, answer: Answer, call: Call, seconds: float) -> Answer:
        """Keep an answer, and return the one that is kept: the first, if two came at once."""
        kept: Answer = await self.committed(lambda: self.insert(key, answer, call, seconds))
        return kept

    def get(self, key: str) -> Answer | None:
        """As `find`, at once."""
        row = self.database.execute(
            "SELECT text, finish_reason, prompt_tokens, completion_tokens FROM calls WHERE key = ?",
            (key,),
        ).fetchone()
        return Answer(*row) if row else None

    def insert(self, key: str, answer: Answer, call: Call, seconds: float) -> Answer:
        """As `keep`, without the commit."""
        values = (
            key,
            call.stage,
            call.role,
            call.task,
            call.model,
            call.request,
            answer.text,
            answer.finish_reason,
            answer.prompt_tokens,
            answer.completion_tokens,
            seconds,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if self.sieve:
            self.sieve.add([hash(key)])
        added = self.database.execute(INSERT, values).rowcount
        return answer if added else (self.get(key) or answer)

    def usage(self) -> list[Usage]:
        """Calls, tokens and seconds of waiting, per stage and role."""
        rows = self.database.execute(
            "SELECT stage, role, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens),"
            " SUM(seconds) FROM calls GROUP BY stage, role ORDER BY stage, role"
        )
        return [Usage(*row) for row in rows]
