"""Which format a file has: by its content where that is plain, else by its suffix.

Looks at the first 64 KiB only. JSON is told apart by the names in it, tables by their columns.
"""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from corpus.encoding import byte_order_mark, decode_start, no_text, read_head
from corpus.files import SUFFIXES
from corpus.formats.columns import kind_of
from corpus.formats.rows import open_table, read_header
from corpus.transcript import Hints, Source
from hybridtune.config.corpus import TableSettings

SNIFFED = 64 * 2**10
BINARY = {"docx", "pdf"}  # whose readers say best what is wrong with them
OFFICE, OLD_OFFICE = "PK\x03\x04", "\xd0\xcf\x11\xe0"
CUE = re.compile(r"\s*(?:\d+\s*\n)?\s*\d{1,3}:\d{2}(?::\d{2})?[.,]\d{1,3}[ \t]+-->")
JSON_START = re.compile(r"\{\s*[\"}]|\[\s*[\[{\]]|[{\[]\s*$")
# A string may be cut off at the end of what we have: it still is one token, or this takes minutes.
TOKEN = re.compile(r'"(?P<name>(?:[^"\\]|\\.)*+)(?:"(?P<colon>\s*:)?|\\?\Z)|[{}\[\]]', re.DOTALL)
# What a JSON file is, by the names in its outermost object or in the first of its list.
SHAPES: tuple[tuple[str, Collection[str]], ...] = (
    ("chat", {"conversations", "messages"}),
    ("esconv", {"dialog"}),
    ("json3", {"events", "wireMagic"}),
    ("whisper", {"segments", "transcription", "text"}),
)
TURN_NAMES = ({"role", "content"}, {"from", "value"})  # one chat without anything around


def detect(source: Source, hints: Hints | None = None) -> str:
    """Tell a file's format.

    Args:
        source: the file.
        hints: columns that the user named decide between tables.

    Raises:
        DataError: it cannot be opened, or is of no format that is read here.
    """
    hints = hints or Hints()
    head = read_head(source, SNIFFED)
    start = decode_start(head)
    suffixes = SUFFIXES.get(PurePosixPath(source.name).suffix.lower(), ())
    if found := by_magic(start, source, suffixes, hints):
        return found
    if b"\0" in head and not byte_order_mark(head)[1] and not BINARY & set(suffixes):
        raise no_text(head, source)
    if found := by_text(start, source, suffixes, hints):
        return found
    if JSON_START.match(start.lstrip()) and (not suffixes or "whisper" in suffixes):
        names = ", ".join(sorted(json_names(start.lstrip()))[:8]) or "none"
        what = f"JSON of no known shape (its names: {names})"
        raise source.error(what, 1, "see docs/data.md for the formats, or pass --format")
    return suffixes[0] if suffixes else "text"


def by_magic(start: str, source: Source, suffixes: Collection[str], hints: Hints) -> str:
    """A binary format, by its first bytes (which came as Windows-1252); empty if it is none."""
    if "%PDF-" in start[:1024]:
        return "pdf"
    if start.startswith("PAR1"):
        return kind_of(open_table(source).header, hints.table) or "table"
    if start.startswith(OLD_OFFICE):
        return "docx"
    if start.startswith(OFFICE):
        if "docx" in suffixes or "word/" in start or "[Content_Types]" in start:
            return "docx"
        raise source.error("a zip archive under another name", fix="name it .zip")
    return ""


def by_text(start: str, source: Source, suffixes: Collection[str], hints: Hints) -> str:
    """A text format that shows itself; empty if it does not."""
    start = start.lstrip()
    if re.match(r"WEBVTT\b", start) or CUE.match(start):
        return "captions"
    if JSON_START.match(start):
        return by_names(start)
    if not suffixes or {"table", "text"} & set(suffixes):
        return by_columns(source, suffixes, hints)
    return ""


def by_names(start: str) -> str:
    """A JSON format by the names in it."""
    names = json_names(start)
    for kind, marks in SHAPES:
        if names & set(marks):
            return kind
    return "chat" if any(turn <= names for turn in TURN_NAMES) else ""


def json_names(start: str) -> set[str]:
    """The names in the outermost object, or in the first object of the outermost list.

    Reads tokens, for the file is longer than what we have of it.
    """
    names: set[str] = set()
    level = 2 if start.startswith("[") else 1
    depth = 0
    for token in TOKEN.finditer(start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth < level:
                break
        elif token["colon"] and depth == level:
            names.add(token["name"])
    return names


def by_columns(source: Source, suffixes: Collection[str], hints: Hints) -> str:
    """A table by its head: questions and answers, or utterances; empty if it shows neither.

    What the user says of tables holds for those that are called one; another file must show both
    columns, for speech may look like a table's head.
    """
    table = hints.table if "table" in suffixes else TableSettings()
    return kind_of(read_header(source, SNIFFED), table) or ""
