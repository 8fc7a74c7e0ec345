"""The file of what was replaced by what: only where it is asked for, and for its owner's eyes only.

Whoever has it can undo the de-identification: it lies apart from the outputs, readable by its
owner alone (mode 0600). One line a session: its id, where it comes from, originals to pseudonyms.
Until the import succeeds it lies in the import's own folder, which goes however the import ends.
"""

import json
import os
import shutil
from pathlib import Path
from typing import TextIO

from corpus.prepare import Prepared
from hybridtune.errors import InputError


class MappingFile:
    """Gathers the lines while the import runs.

    Raises:
        InputError: the folder that it shall go to is not there.
    """

    def __init__(self, place: str | None, folder: Path) -> None:
        self.place = Path(place).expanduser() if place else None
        self.draft = folder / "mapping"
        self.file: TextIO | None = None
        if self.place is not None:
            if not self.place.parent.is_dir():
                raise InputError(
                    "cannot be written: no such folder",
                    where=f"corpus.deidentify.mapping: {self.place}",
                    fix="name a file in a folder that exists",
                )
            self.file = private(self.draft)

    def add(self, prepared: Prepared) -> None:
        """Write one session's line."""
        if self.file is not None:
            line = {"id": prepared.id, "file": prepared.file, "replaced": prepared.mapping}
            self.file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """End writing; what is not published goes with the folder."""
        if self.file is not None:
            self.file.close()

    def publish(self) -> None:
        """Put the file into its place, whole or not at all."""
        if self.place is None or self.file is None:
            return
        self.file.close()
        temporary = self.place.with_name(f".{self.place.name}.{os.getpid()}.tmp")
        with private(temporary) as out, self.draft.open(encoding="utf-8") as lines:
            shutil.copyfileobj(lines, out)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self.place)


def private(path: Path) -> TextIO:
    """Open a file for writing that its owner alone may read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(number, "w", encoding="utf-8")
