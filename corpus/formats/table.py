"""CSV with one utterance a row, one or several sessions a file, columns found by their names.

AnnoMI's two files fit as they are; its full file repeats an utterance for each annotator, which is
read once.
"""

import csv
import io
from collections.abc import Iterator

from corpus.transcript import Document, Transcript, Utterance, seconds

COLUMNS = {
    "text": ("utterance_text", "utterance", "text", "content", "message", "sentence"),
    "speaker": ("interlocutor", "speaker", "role", "type", "speaker_label"),
    "session": ("transcript_id", "session_id", "conversation_id", "dialogue_id", "session"),
    "time": ("timestamp", "start", "start_time", "time"),
    "utterance": ("utterance_id", "turn_id", "id"),
}
NEEDED = ("speaker", "text")
Row = tuple[int, list[str]]


def read(document: Document) -> list[Transcript]:
    """Read all conversations of a table, in the order of their first rows.

    Raises:
        DataError: a needed column is missing, or a row does not fit the header.
    """
    rows = read_rows(document)
    line, header = next(rows, (1, list[str]()))
    columns = map_columns(header)
    for name in NEEDED:
        if name not in columns:
            raise document.error(
                f"no column for the {name}; found: {' '.join(', '.join(header).split())[:200]}",
                line,
                f"name it one of: {', '.join(COLUMNS[name])}",
            )
    return read_sessions(document, columns, rows)


def has_columns(document: Document) -> bool:
    """Whether the first line is a header that `read` could use."""
    first = document.text.lstrip("\n").split("\n", 1)[0]
    columns = map_columns(next(csv.reader([first], delimiter=delimiter(first)), []))
    return all(name in columns for name in NEEDED)


def read_rows(document: Document) -> Iterator[Row]:
    """All rows that hold anything, with the line that they end on."""
    first = document.text.lstrip("\n").split("\n", 1)[0]
    rows = csv.reader(io.StringIO(document.text), delimiter=delimiter(first), strict=True)
    width = 0
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            width = width or len(row)
            if len(row) != width:
                what = f"the row has {len(row)} columns, the header {width}"
                raise document.error(what, rows.line_num, "is a quote missing?")
            yield rows.line_num, row
    except csv.Error as error:
        raise document.error(f"not CSV: {error}", rows.line_num) from None


def delimiter(header: str) -> str:
    """What separates the header's names."""
    return max(",;\t", key=header.count)


def map_columns(header: list[str]) -> dict[str, int]:
    """Where each thing that we look for stands; of several fitting names, the first listed."""
    names = ["_".join(name.lower().replace("-", " ").split()) for name in header]
    return {
        kind: names.index(match)
        for kind, candidates in COLUMNS.items()
        if (match := next((name for name in candidates if name in names), None))
    }


def read_sessions(
    document: Document, columns: dict[str, int], rows: Iterator[Row]
) -> list[Transcript]:
    """Gather the rows of each session."""
    sessions: dict[str, list[Utterance]] = {}
    seen: set[tuple[str, ...]] = set()
    for line, row in rows:
        value = {kind: row[place].strip() for kind, place in columns.items()}
        if value.get("utterance"):
            key = tuple(value.get(kind, "") for kind in ("session", "utterance", "speaker", "text"))
            if key in seen:
                continue
            seen.add(key)
        utterance = Utterance(
            value["speaker"] or None, value["text"], line, seconds(value.get("time"))
        )
        sessions.setdefault(value.get("session", ""), []).append(utterance)
    if not sessions:
        raise document.error("no rows below the header", 1)
    return [
        Transcript(name, document.name, "csv", tuple(utterances))
        for name, utterances in sessions.items()
    ]
