"""The file of what was replaced by what: only where it is asked for, and for its owner's eyes only.

Whoever has it can undo the de-identification: it lies apart from the outputs, readable by its
owner alone (mode 0600). One line a session: its id, where it comes from, originals to pseudonyms.
"""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from corpus.prepare import Prepared
from hybridtune.errors import InputError


class Mapping:
    """Writes the file while the import runs, and puts it in its place when the import succeeds."""

    def __init__(self, place: str | None) -> None:
        self.place = Path(place).expanduser() if place else None
        self.file: TextIO | None = None

    def __enter__(self) -> Self:
        if self.place:
            self.temporary = self.place.with_name(f".{self.place.name}.{os.getpid()}.tmp")
            try:
                number = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except OSError as error:
                raise InputError(
                    f"cannot be written: {error.strerror}",
                    where=f"corpus.deidentify.mapping: {self.place}",
                    fix="name a file in a folder that exists",
                ) from None
            self.file = os.fdopen(number, "w", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        if self.file is None or self.place is None:
            return
        self.file.close()
        if kind is None:
            self.temporary.replace(self.place)
        else:
            self.temporary.unlink(missing_ok=True)

    def add(self, prepared: Prepared) -> None:
        """Write one session's line."""
        if self.file is not None:
            line = {"id": prepared.id, "file": prepared.file, "replaced": prepared.mapping}
            self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
