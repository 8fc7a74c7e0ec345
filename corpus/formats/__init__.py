"""The formats that transcripts come in, and how a file's format is told.

A reader is a function from a `Document` to the transcripts in it; a further format is one more
module and one more line here.
"""

import re
from collections.abc import Callable

from corpus.files import SUFFIXES
from corpus.formats import table, text, vtt, whisperx
from corpus.transcript import Document, Transcript

READERS: dict[str, Callable[[Document], list[Transcript]]] = {
    "vtt": vtt.read,
    "whisperx": whisperx.read,
    "text": text.read,
    "csv": table.read,
}


def read_document(document: Document, kind: str = "auto") -> list[Transcript]:
    """Read one file in the format that is asked for, or that it shows.

    Raises:
        DataError: the file is not in that format; names the line.
    """
    return READERS[detect(document) if kind == "auto" else kind](document)


def detect(document: Document) -> str:
    """Tell a file's format by its content where that is plain, else by its suffix."""
    start = document.text.lstrip()
    if re.match(r"WEBVTT\b", start):
        return "vtt"
    by_suffix = SUFFIXES.get(document.path.suffix.lower())
    if by_suffix:
        return by_suffix
    if start.startswith("{") or re.match(r"\[\s*[{\]]", start):
        return "whisperx"
    return "csv" if table.has_columns(document) else "text"
