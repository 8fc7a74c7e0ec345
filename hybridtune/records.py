"""The records that stages hand to each other, and the JSONL files that hold them.

A file of records is UTF-8, one JSON object a line, loadable as is by
`datasets.load_dataset("json")`. Files are written beside their place and renamed into it, so a
reader never sees half of one.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hybridtune.errors import DataError

Role = Literal["system", "user", "assistant"]
Source = Literal["real", "synthetic", "simulated"]


class Record(BaseModel):
    """Base of all records: immutable, and no field but the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def line(self) -> str:
        """The record as one line of JSON, without the newline; what is no number becomes null."""
        return self.model_dump_json()


class Message(Record):
    """One turn of a conversation; `assistant` is the counselor, `user` the patient."""

    role: Role
    content: str


class Session(Record):
    """One conversation between a patient (`user`) and a counselor (`assistant`).

    `provenance` tells where it comes from: a real session's source, span and cleaning steps; a
    synthetic one's models, prompt digests, seed and call ids; a simulated one's variant and
    scenario. `persona` and `scenario` follow the domain's JSON Schemas.

    `untrained` are places in `messages`, from 0: counselor turns that later turns build on, but
    that no model shall learn to say, such as a bare "Mm-hmm.".
    """

    id: str
    domain: str
    source: Source
    messages: tuple[Message, ...]
    untrained: tuple[int, ...] = ()
    persona: dict[str, Any] | None = None
    scenario: dict[str, Any] | None = None
    ranking: dict[str, Any] | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def untrained_are_counselor_turns(self) -> "Session":
        """A place that has slipped would take the loss from another turn, and nobody would see."""
        if list(self.untrained) != sorted(set(self.untrained)):
            raise ValueError("untrained: write each place once, in ascending order")
        for place in self.untrained:
            if not 0 <= place < len(self.messages):
                raise ValueError(
                    f"untrained: there is no message {place}, the last is {len(self.messages) - 1}"
                )
            role = self.messages[place].role
            if role != "assistant":
                raise ValueError(f"untrained: message {place} is no counselor turn, but {role}'s")
        return self

    def turns(self, role: Role) -> list[str]:
        """The contents of all turns of one role, in order."""
        return [message.content for message in self.messages if message.role == role]


class Persona(Record):
    """A patient's character, by the domain's persona schema."""

    id: str
    domain: str
    persona: dict[str, Any]
    provenance: dict[str, Any] = Field(default_factory=dict)


class Scenario(Record):
    """What a patient brings to a session: a persona and a scenario by the domain's schemas."""

    id: str
    domain: str
    persona: dict[str, Any]
    scenario: dict[str, Any]
    provenance: dict[str, Any] = Field(default_factory=dict)


class Observed(Record):
    """The answer to one item of a checklist; a `yes` counts only where its quote was found."""

    yes: bool
    quote: str = ""
    quote_found: bool = False


class Evidence(Record):
    """One dimension's score with the words that earned it.

    `items` holds the answers that a score follows from, where the rubric is a checklist.
    """

    score: int
    quote: str = ""
    quote_found: bool = False
    items: dict[str, Observed] = Field(default_factory=dict)


class Judgment(Record):
    """One judge's reading of one conversation: scores, or the reason why there are none.

    Exactly one of `scores` and `missing` is set. A missing judgment is counted, never a number.
    """

    id: str
    conversation: str
    scenario: str
    variant: str
    repeat: int
    rubric: str
    judge: str
    sample: int = 0
    scores: dict[str, Evidence] | None = None
    missing: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)


AnyRecord = TypeVar("AnyRecord", bound=Record)


def read_jsonl(path: Path, kind: type[AnyRecord]) -> list[AnyRecord]:
    """Read all records of a file.

    Raises:
        DataError: the file is missing, or a line is not such a record (names the line).
    """
    return list(iter_jsonl(path, kind))


def iter_jsonl(path: Path, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
    """Stream the records of a file; errors as in `read_jsonl`."""
    if not path.is_file():
        raise DataError("no such file", where=str(path), fix="run the stage that writes it first")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield kind.model_validate_json(line.decode())
            except UnicodeDecodeError:
                raise DataError("not UTF-8 text", where=f"{path}:{number}") from None
            except ValidationError as error:
                what = f"not a {kind.__name__} record: {first_problem(error)}"
                raise DataError(
                    what, where=f"{path}:{number}", fix="mend or remove the line"
                ) from None


def first_problem(error: ValidationError) -> str:
    """The first thing that does not fit: the field, and what is wrong with it."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return f"{place}: {what}" if place else what


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Replace a file by these records, whole or not at all; returns how many were written."""
    count = 0
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for record in records:
            out.write(record.line() + "\n")
            count += 1
    return count


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it into place when the block succeeds.

    The content is flushed to disk before the rename; on an error the old file stays untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document, indented, whole or not at all."""
    with atomic_write(path) as temporary:
        text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            "no such file", where=str(path), fix="run the stage that writes it"
        ) from None
    except UnicodeDecodeError:
        raise DataError("not UTF-8 text", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
