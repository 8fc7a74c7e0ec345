"""What people decide about sessions: an append-only log of events, each tied to the one before.

Reads and writes one JSONL file, such as `corpus/reviews.jsonl`. A line holds the SHA-256 of the
line before it, so that one that was changed, moved or taken out later shows; lines missing at the
very end do not. Several processes may append at once. Nothing is ever rewritten: a decision is
taken back by another event.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import Field, ValidationError, model_validator

from hybridtune.errors import DataError
from hybridtune.records import Message, Record, first_problem, iter_jsonl

Action = Literal["approve", "reject", "swap", "edit", "undo"]
Clock = Callable[[], datetime]
SHA256 = r"^[0-9a-f]{64}$"
UTC_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
START = "0" * 64
"""What the first line has in place of the digest of a line before it."""


class ReviewEvent(Record):
    """One decision of one person about one session, or its undoing.

    Attributes:
        n: the line, from 1.
        subject: the session's id.
        action: `approve`, `reject`; `swap`: the two roles are the other way round; `edit`: take
            these messages instead; `undo`: the subject's last standing decision is taken back.
        reviewer: who decided.
        time: when, in UTC, like `2026-01-31T12:00:00Z`.
        reason: why, in the reviewer's words.
        text_sha256: of the text that was decided on, as the stage wrote it (`messages_sha256`).
        messages: of an edit, and of nothing else.
        previous: SHA-256 of the line before.
    """

    n: int = Field(ge=1)
    subject: str = Field(min_length=1)
    action: Action
    reviewer: str = Field(pattern=r"\S")
    time: str = Field(pattern=UTC_TIME)
    reason: str = ""
    text_sha256: str = Field(pattern=SHA256)
    messages: tuple[Message, ...] | None = None
    previous: str = Field(pattern=SHA256)

    @model_validator(mode="after")
    def messages_belong_to_edits(self) -> "ReviewEvent":
        """An edit without a text, or a text that nobody would look at."""
        if self.action == "edit" and not self.messages:
            raise ValueError("messages: an edit needs the messages as they shall be")
        if self.action != "edit" and self.messages is not None:
            raise ValueError(f"messages: only an edit has them, this is {self.action!r}")
        return self


class ReviewLog:
    """The events of one file; reads on by itself when another process has appended.

    One object serves one thread; several objects may share a file.

    Args:
        path: the file; it need not be there yet.
        clock: what time it is.

    Raises:
        DataError: from every method, if a line is no event or does not follow the one before it.
    """

    def __init__(self, path: Path, *, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.path, self.clock = path, clock
        self._forget()

    def append(
        self,
        subject: str,
        action: Action,
        *,
        reviewer: str,
        text_sha256: str,
        reason: str = "",
        messages: Sequence[Message] | None = None,
    ) -> ReviewEvent:
        """Write one event; it is on the disk when this returns.

        Raises:
            DataError: no reviewer, an edit without messages, or nothing to undo; see also above.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._read_on(file)
            file.truncate(self._end)  # what a crash left of a line that nobody was told is safe
            event = self._event(
                subject,
                action,
                reviewer=reviewer,
                reason=reason,
                text_sha256=text_sha256,
                messages=None if messages is None else tuple(messages),
            )
            file.write(event.line().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._read_on(file)
        return event

    def verify(self) -> int:
        """Check every line from the first; returns how many there are."""
        self._forget()
        self._refresh()
        return self._count

    def events(self) -> Iterator[ReviewEvent]:
        """Every event in its order, also those that were taken back."""
        self._refresh()
        if self._count:
            yield from iter_jsonl(self.path, ReviewEvent)

    def decisions(self) -> dict[str, ReviewEvent]:
        """The last decision about each subject that was not taken back."""
        self._refresh()
        return {subject: events[-1] for subject, events in self._standing.items() if events}

    def standing(self, subject: str, text_sha256: str) -> ReviewEvent | None:
        """The decision that holds for a subject's text; one made on another text does not."""
        self._refresh()
        events = self._standing.get(subject)
        return events[-1] if events and events[-1].text_sha256 == text_sha256 else None

    def _forget(self) -> None:
        self._end, self._count, self._last = 0, 0, START
        self._file = 0
        self._standing: dict[str, list[ReviewEvent]] = {}

    def _refresh(self) -> None:
        """Read what was appended since."""
        if not self.path.exists():
            self._forget()
            return
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            self._read_on(file)

    def _read_on(self, file: BinaryIO) -> None:
        """Take the whole lines after those that are known; a torn last one does not count."""
        state = os.fstat(file.fileno())
        if state.st_ino != self._file or state.st_size < self._end:  # another has taken its place
            self._forget()
            self._file = state.st_ino
        file.seek(self._end)
        for line in file:
            if not line.endswith(b"\n"):
                break
            self._take(line[:-1])
            self._end += len(line)

    def _take(self, line: bytes) -> None:
        """Check one line against the one before it, and fold it in."""
        where = f"{self.path}:{self._count + 1}"
        try:
            event = ReviewEvent.model_validate_json(line)
        except ValidationError as error:
            raise DataError(f"not a review: {first_problem(error)}", where=where) from None
        if (event.n, event.previous) != (self._count + 1, self._last):
            raise DataError(
                "this review does not follow the one before it: a line was changed, moved or lost",
                where=where,
                fix="take the file from a backup; decisions are only ever appended",
            )
        events = self._standing.setdefault(event.subject, [])
        if event.action != "undo":
            events.append(event)
        elif events:
            events.pop()
        else:
            raise DataError("takes a decision back where none stands", where=where)
        self._count, self._last = event.n, hashlib.sha256(line).hexdigest()

    def _event(self, subject: str, action: Action, **said: Any) -> ReviewEvent:
        """The event that follows the last line."""
        if action == "undo" and not self._standing.get(subject):
            raise DataError(f"no decision about {subject!r} to take back", where=str(self.path))
        try:
            return ReviewEvent(
                n=self._count + 1,
                subject=subject,
                action=action,
                time=self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                previous=self._last,
                **said,
            )
        except ValidationError as error:
            raise DataError(f"not a review: {first_problem(error)}", where=str(self.path)) from None


def messages_sha256(messages: Iterable[Message]) -> str:
    """SHA-256 over who says what: the text that a decision holds for."""
    said = json.dumps([[message.role, message.content] for message in messages])
    return hashlib.sha256(said.encode()).hexdigest()
