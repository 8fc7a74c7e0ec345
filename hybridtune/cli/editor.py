"""A person's own editor on a text, and texts that people wrote."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from hybridtune.errors import DataError, InputError


def edited(text: str) -> str | None:
    """The text after the editor, `$VISUAL` or `$EDITOR` or vi, was closed; None if it is the same.

    Raises:
        InputError: the editor cannot be started or fails, or what it saved is not UTF-8.
    """
    name = next((each for each in ("VISUAL", "EDITOR") if os.environ.get(each)), "")
    editor = os.environ.get(name, "vi")
    with tempfile.TemporaryDirectory(prefix="hybridtune-") as folder:
        file = Path(folder) / "draft.txt"
        file.write_text(text, encoding="utf-8")
        try:
            ended = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
            failed = f"exit code {ended}" if ended else ""
        except (OSError, ValueError) as error:  # it is not there; a quote is not closed
            failed = getattr(error, "strerror", None) or str(error)
        if failed:
            raise InputError(
                f"the editor failed: {failed}; nothing was decided",
                where=f"{name}={editor}" if name else editor,
                fix="set EDITOR to one that works, or give the text with --messages FILE",
            )
        after = text_of(file, "the edited text")
    return None if after == text else after


def text_of(file: Path, name: str | None = None) -> str:
    """The content of a text file.

    Raises:
        DataError: it is not UTF-8; names the file, or what it is called instead, and the line.
    """
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        where = f"{name or file}:{line}"
        raise DataError("not UTF-8 text", where=where, fix="save it as UTF-8") from None
