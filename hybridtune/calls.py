"""The request cache: every model call and its answer, in `runs/<name>/calls.sqlite`.

It is what makes a resume exact: a stage that starts again asks for the same things, and whatever
was answered before a crash is answered from here. The key covers the whole request body, the
sample index and the *content* of the served model. Keys of endpoints never come near it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybridtune.database import Database

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
) WITHOUT ROWID
"""


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


def call_key(
    identity: Mapping[str, Any], body: Mapping[str, Any], sample: int, reask: int = 0
) -> str:
    """SHA-256 over the served model's content, the request body, the sample and re-ask index."""
    content = {"identity": identity, "body": body, "sample": sample, "reask": reask}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class CallStore(Database):
    """The cache of one run; used from one event loop, closed with the `with` block."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            SCHEMA,
            purpose="request cache",
            fix="end what holds it, or move the file away",
        )

    def get(self, key: str) -> Answer | None:
        """The answer to a request that was made before."""
        row = self.database.execute(
            "SELECT text, finish_reason, prompt_tokens, completion_tokens FROM calls WHERE key = ?",
            (key,),
        ).fetchone()
        return Answer(*row) if row else None

    def put(
        self,
        key: str,
        answer: Answer,
        *,
        stage: str,
        role: str,
        task: str,
        model: str,
        request: Mapping[str, Any],
        seconds: float,
    ) -> Answer:
        """Keep an answer, and return the one that is kept: the first, if two came at once."""
        values = {
            "key": key,
            "stage": stage,
            "role": role,
            "task": task,
            "model": model,
            "request": json.dumps(request, ensure_ascii=False),
            **asdict(answer),
            "seconds": seconds,
            "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        with self.database:
            written = self.database.execute(
                f"INSERT OR IGNORE INTO calls ({names}) VALUES ({marks})",
                values,
            ).rowcount
        return answer if written else (self.get(key) or answer)

    def usage(self) -> list[Usage]:
        """Calls, tokens and seconds of waiting, per stage and role."""
        rows = self.database.execute(
            "SELECT stage, role, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens),"
            " SUM(seconds) FROM calls GROUP BY stage, role ORDER BY stage, role"
        )
        return [Usage(*row) for row in rows]
