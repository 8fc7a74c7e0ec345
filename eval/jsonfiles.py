"""JSON lists and JSON lines, entry by entry, with the line that each begins on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError

DECODER = json.JSONDecoder()
WHITE = " \t\r\n"


def entries(path: Path) -> Iterator[tuple[int, Any]]:
    """The entries of a JSON list, or the values of a file with one a line.

    Raises:
        DataError: there is no such file, or what is in it is no JSON; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("no such file", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError("not UTF-8 text", where=str(path), fix="save it as UTF-8") from None
    at = after(text, 0, WHITE)
    listed = text.startswith("[", at)
    between = WHITE + "," if listed else WHITE
    at = after(text, at + 1, WHITE) if listed else at
    while at < len(text) and not (listed and text[at] == "]"):
        line = text.count("\n", 0, at) + 1
        try:
            entry, at = DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
        yield line, entry
        at = after(text, at, between)


def after(text: str, at: int, characters: str) -> int:
    """The first place from `at` on that holds none of these characters."""
    while at < len(text) and text[at] in characters:
        at += 1
    return at
