"""Tables row by row in constant memory: a header, and the wanted cells of each row below it.

CSV with commas, semicolons or tabs is read here, parquet in `corpus.formats.parquet`. Cells are
text as they are: "n/a", "None" and "NA" are words that people say.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from corpus.encoding import MAX_LINE, read_start, stream_lines
from corpus.transcript import Source

DELIMITERS = ",;\t"
PARQUET = "PAR1"
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Table:
    """A table whose rows can be read more than once.

    Attributes:
        header: the columns' names.
        line: where the header stands.
        rows: each row's number in the file, and its cells at the given places, in their order.
    """

    header: tuple[str, ...]
    line: int
    rows: Callable[[Sequence[int]], Iterator[Row]]


def open_table(source: Source) -> Table:
    """Look at a table's header.

    Raises:
        DataError: it is no table; `rows` raises it too, naming the line.
    """
    if read_start(source, len(PARQUET)) == PARQUET:
        from corpus.formats.parquet import open_parquet  # noqa: PLC0415

        return Table(*open_parquet(source))
    line, header = next(csv_rows(source), (1, list[str]()))

    def rows(places: Sequence[int]) -> Iterator[Row]:
        below = csv_rows(source)
        next(below)
        for line, row in below:
            yield line, [row[place] for place in places]

    return Table(tuple(header), line, rows)


def read_header(source: Source, size: int = 2**16) -> list[str]:
    """The first row of what may be a CSV table, without a complaint if it is none."""
    first = read_start(source, size).lstrip().partition("\n")[0]
    return split(first, find_delimiter(first))


def csv_rows(source: Source) -> Iterator[Row]:
    """All rows that hold anything, with the line that each begins on."""
    csv.field_size_limit(MAX_LINE)  # Python's own, 128 KiB, is less than some CounselChat answers
    lines = (line + "\n" for _, line in stream_lines(source))
    head = list(until_first(lines))
    rows = csv.reader(chain(head, lines), delimiter=find_delimiter(head[-1]), strict=True)
    begin, width = 1, 0
    try:
        for row in rows:
            line, begin = begin, rows.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            width = width or len(row)
            if len(row) != width:
                what = f"the row has {len(row)} columns, the header {width}"
                raise source.error(what, line, "is a quote missing?")
            yield line, row
    except csv.Error as error:
        raise source.error(f"not a table: {explain(error)}", begin, "check its quotes") from None


def until_first(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the first that holds anything."""
    for line in lines:
        yield line
        if line.strip():
            return


def explain(error: csv.Error) -> str:
    """What Python's csv complains of, in terms of the row."""
    text = str(error)
    if "unexpected end" in text:
        return "a quote opens in this row and is never closed"
    if "field limit" in text:
        return f"a cell of this row is longer than {MAX_LINE // 2**20} MiB"
    return f"in this row, {text}"


def find_delimiter(header: str) -> str:
    """What separates the header's names."""
    return max(DELIMITERS, key=lambda delimiter: len(split(header, delimiter)))


def split(header: str, delimiter: str) -> list[str]:
    """A header's names."""
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []
