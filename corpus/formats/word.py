"""Word documents: paragraphs and tables in their order; Teams and labelled transcripts.

Headers and footers of the page are no part of the body, and comments are not read. A table with a
column of speakers gives one utterance a row; every other text is read as plain text is. The line of
an utterance is its paragraph or row, counted from the start of the body.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corpus.archive import LEAST_BOMB, MOST_RATIO
from corpus.encoding import mender, read_bytes
from corpus.formats.exports import Line
from corpus.formats.text import parse
from corpus.transcript import CLOCK, Hints, Source, Transcript, Utterance, seconds

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table

MOST_BYTES, MOST_UNPACKED = 64 * 2**20, 512 * 2**20
MOST_COLUMNS = 1000  # Word itself has 63
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
SPEAKER_HEADS = {"speaker", "name", "who", "participant", "role", "interlocutor"}
TEXT_HEADS = {"text", "transcript", "utterance", "words", "content", "speech", "dialogue"}
MOST_SPEAKERS, SPEAKER_WORDS = 0.5, 4
TIME, NUMBER = re.compile(rf"[\[(]?{CLOCK}[\])]?"), re.compile(r"\d{1,4}\.?")
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Columns:
    """Where a table has its speakers, words and times, and how many rows of heads."""

    speaker: int
    text: int
    time: int | None
    heads: int = 0


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a Word document.

    Raises:
        DataError: it is protected, of the old format, corrupt or empty.
    """
    lines: list[Line] = []
    utterances: list[Utterance] = []
    for item in read_body(source):
        columns = find_named(item) or find_columns(item) if isinstance(item, list) else None
        if isinstance(item, tuple):
            lines.append(item)
        elif columns:
            utterances += read_table(item, columns)
        else:
            lines += cell_lines(item)
    utterances = sorted([*utterances, *parse(lines, hints)], key=lambda each: each.line)
    if not utterances:
        raise source.error("no text in the document", 1, "scanned pages need OCR first")
    yield Transcript("", source.name, "docx", tuple(utterances))


def read_body(source: Source) -> Iterator[Line | list[Row]]:
    """Lines of paragraphs, a blank one after each, and tables as their rows."""
    from docx import Document  # noqa: PLC0415

    content = check(source, read_bytes(source, MOST_BYTES))
    try:
        items = list(read_items(Document(io.BytesIO(content))))
    except Exception as error:  # python-docx lets through what its zip and XML libraries raise
        what = f"not a readable Word document ({type(error).__name__})"
        raise source.error(what, fix="open it in Word and save it as .docx") from None
    mend = mender()
    for item in items:
        if isinstance(item, tuple):
            number, text = item
            yield from ((number, mend(line)) for line in text.split("\n"))
            yield number, ""
        else:
            yield [(line, [mend(cell) for cell in cells]) for line, cells in item]


def read_items(document: "Document") -> Iterator[Line | list[Row]]:
    """The text of each paragraph with its number, and the rows of each table."""
    from docx.text.paragraph import Paragraph  # noqa: PLC0415

    number = 0
    for item in document.iter_inner_content():
        if isinstance(item, Paragraph):
            number += 1
            yield number, item.text
        else:
            rows = list(read_rows(item, number))
            number += len(rows)
            yield rows


def check(source: Source, content: bytes) -> bytes:
    """Refuse what is no Word document, before a library unpacks it."""
    if content.startswith(OLD_OFFICE):
        if ENCRYPTED in content:
            raise source.error("protected by a password", fix="save it without one")
        raise source.error("the old Word format (.doc)", fix="save it as .docx")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        what = "not a Word document, or cut off" if content else "the file is empty"
        raise source.error(what, fix="save it as .docx again") from None
    if "word/document.xml" not in {part.filename for part in parts}:
        raise source.error("a zip archive without a Word document", fix="save it as .docx again")
    bombs = (part.file_size > max(LEAST_BOMB, MOST_RATIO * part.compress_size) for part in parts)
    if any(bombs) or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise source.error("unpacks to far more than it holds: a zip bomb", fix="remove it")
    return content


def read_rows(table: "Table", number: int) -> Iterator[Row]:
    """A table's rows; a cell that spans several columns is told once."""
    for row in table.rows:
        number += 1
        if sum(tc.grid_span for tc in row._tr.tc_lst) > MOST_COLUMNS:
            raise ValueError("the library would make a cell of every column that is spanned")
        cells: list[str] = []
        last = None
        for cell in row.cells:
            cells.append("" if cell._tc is last else cell.text)
            last = cell._tc
        yield number, cells


def cell_lines(rows: Sequence[Row]) -> Iterator[Line]:
    """The lines of a table without a column of speakers: one that only lays a page out."""
    for line, cells in rows:
        for cell in cells:
            yield from ((line, part) for part in cell.split("\n"))
            yield line, ""


def read_table(rows: Sequence[Row], columns: Columns) -> list[Utterance]:
    """A table's utterances, one a row; a speaker that is left empty is the one above."""
    return [
        Utterance(
            tidy(row[columns.speaker]).strip(":* ") or None,
            tidy(row[columns.text]),
            line,
            None if columns.time is None else seconds(row[columns.time].strip(" []()")),
        )
        for line, row in rows[columns.heads :]
        if len(row) > max(columns.speaker, columns.text, columns.time or 0)
        and row[columns.text].strip()
    ]


def find_named(rows: Sequence[Row]) -> Columns | None:
    """The columns by a row of heads; None if there is none."""
    heads = [tidy(cell).lower() for cell in rows[0][1]] if rows else []
    speaker = next((n for n, head in enumerate(heads) if head in SPEAKER_HEADS), None)
    text = next((n for n, head in enumerate(heads) if head in TEXT_HEADS), None)
    time = next((n for n, head in enumerate(heads) if head.startswith(("time", "start"))), None)
    return None if speaker is None or text is None else Columns(speaker, text, time, heads=1)


def find_columns(rows: Sequence[Row]) -> Columns | None:
    """The same by what stands in them: few short names that recur, the longest text, times."""
    width = min((len(cells) for _, cells in rows), default=0)
    columns = {n: [tidy(cells[n]) for _, cells in rows] for n in range(width)}
    columns = {n: cells for n, cells in columns.items() if any(cells)}
    time = next((n for n, cells in columns.items() if mostly(TIME, cells)), None)
    rest = [n for n in columns if n != time and not mostly(NUMBER, columns[n])]
    if len(rest) < 2:
        return None
    text = max(rest, key=lambda n: sum(map(len, columns[n])))
    speaker = next((n for n in rest if n != text and are_names(columns[n])), None)
    return None if speaker is None else Columns(speaker, text, time)


def mostly(pattern: re.Pattern[str], cells: Iterable[str]) -> bool:
    """Whether most cells that hold anything are such."""
    filled = [cell for cell in cells if cell]
    return 2 * sum(bool(pattern.fullmatch(cell)) for cell in filled) > len(filled)


def are_names(cells: Sequence[str]) -> bool:
    """Whether these may be speakers: short, and far fewer than rows."""
    filled = [cell for cell in cells if cell]
    short = all(len(cell.split()) <= SPEAKER_WORDS for cell in filled)
    return short and len(set(filled)) <= max(2, MOST_SPEAKERS * len(filled))


def tidy(cell: str) -> str:
    """A cell's text with one space between words."""
    return " ".join(cell.split())
