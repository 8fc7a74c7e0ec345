"""The formats that transcripts come in.

A reader is a module with a function `read(source, hints)` that yields the transcripts of a file. A
further format is one more module and one more line here, and in `corpus.formats.detection` how it
is told. Readers are imported when a file of their format comes: some need large libraries.
"""

import importlib
from collections.abc import Iterator
from typing import cast

from corpus.formats.detection import detect
from corpus.transcript import Hints, Reader, Source, Transcript

__all__ = ["READERS", "detect", "read_source", "reader"]

READERS = {
    "captions": "corpus.formats.captions",
    "json3": "corpus.formats.json3",
    "whisper": "corpus.formats.whisper",
    "text": "corpus.formats.text",
    "docx": "corpus.formats.word",
    "pdf": "corpus.formats.pdf",
    "table": "corpus.formats.table",
    "esconv": "corpus.formats.esconv",
    "chat": "corpus.formats.chat",
    "qa": "corpus.formats.qa",
}


def reader(kind: str) -> Reader:
    """The function that reads a format."""
    return cast(Reader, importlib.import_module(READERS[kind]).read)


def read_source(source: Source, hints: Hints, kind: str = "auto") -> Iterator[Transcript]:
    """Read one file in the format that is asked for, or that it shows.

    Raises:
        DataError: the file is not in that format, or in none; names the line.
    """
    return reader(detect(source, hints) if kind == "auto" else kind)(source, hints)
