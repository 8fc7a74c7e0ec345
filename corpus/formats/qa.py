"""Tables of questions and answers: CounselChat's two files, EPITOME's, and others like them.

Every answer is one transcript of two utterances, marked `qa`; all answers to a question share its
group, so that a split never parts them. Columns about who answered (names, links) are never read.
HTML and glued sentences stay for the cleaning.
"""

from collections.abc import Iterator, Mapping

from corpus.formats.columns import map_columns
from corpus.formats.rows import open_table
from corpus.transcript import Hints, Part, Source, Transcript, Utterance

ASKS, ANSWERS = "user", "counselor"
PARTS: Mapping[str, Part] = {ASKS: "patient", ANSWERS: "counselor"}


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read a table's pairs, one a row.

    Raises:
        DataError: a column is missing, or a row does not fit the header; names the line.
    """
    table = open_table(source)
    columns = map_columns(source, table.header, table.line, hints.table, "qa")
    number = 0
    for number, (line, row) in enumerate(table.rows(list(columns.places.values())), start=1):
        values = {what: cell.strip() for what, cell in zip(columns.places, row, strict=True)}
        yield pair(source, number, line, values)
    if not number:
        raise source.error("no rows below the header", table.line)


def pair(source: Source, number: int, line: int, values: Mapping[str, str]) -> Transcript:
    """One question with one answer; a question without a body is its title."""
    question = values["question"] or values.get("title", "")
    said = ((ASKS, question), (ANSWERS, values["answer"]))
    return Transcript(
        id=str(number),
        name=source.name,
        format="qa",
        utterances=tuple(Utterance(speaker, text, line) for speaker, text in said),
        parts=PARTS,
        quality=values.get("quality") or None,
        group=values.get("group") or question or None,
        kind="qa",
    )
