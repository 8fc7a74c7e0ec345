"""Tables with one utterance a row, one or several sessions a file: CSV and parquet.

AnnoMI's two files and HOPE's fit as they are; AnnoMI's full file repeats an utterance for each
annotator, which is read once. A first pass counts the rows of each session, so that each is handed
on as soon as it is whole, wherever its rows stand; only sessions that overlap are held together.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from corpus.formats.columns import Columns, Known, map_columns
from corpus.formats.rows import Table, open_table
from corpus.transcript import Hints, Part, Source, Transcript, Utterance, seconds

LONGEST_S = 1e6  # a larger number is a date or counts milliseconds: no time since the start


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read a table's sessions, in the order in which they end.

    Raises:
        DataError: a column is missing, or a row does not fit the header; names the line.
    """
    table = open_table(source)
    columns = map_columns(source, table.header, table.line, hints.table, "table")
    left = count_rows(source, table, columns)
    begun: dict[str, Gathered] = {}
    for line, row in table.rows(list(columns.places.values())):
        values = {what: cell.strip() for what, cell in zip(columns.places, row, strict=True)}
        session = values.get("session", "")
        begun.setdefault(session, Gathered(columns.known)).add(line, values)
        left[session] -= 1
        if left[session] == 0:
            yield begun.pop(session).transcript(source, session)
    if begun:
        raise source.error("the file changed while it was read", fix="import it again")


def count_rows(source: Source, table: Table, columns: Columns) -> Counter[str]:
    """How many rows each session has; reading them all also finds a broken one beforehand."""
    place = columns.places.get("session")
    rows: Counter[str] = Counter()
    for line, row in table.rows([next(iter(columns.places.values())) if place is None else place]):
        session = "" if place is None else row[0].strip()
        if place is not None and not session:
            what = f"no session in the column {table.header[place]!r}"
            raise source.error(what, line, "every row needs one")
        rows[session] += 1
    if not rows:
        raise source.error("no rows below the header", table.line)
    return rows


@dataclass
class Gathered:
    """What has been read of a session."""

    known: Known | None
    utterances: list[Utterance] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, line: int, values: Mapping[str, str]) -> None:
        """Take a row in, unless another annotator's row had it."""
        if self.known and self.known.repeats and values.get("utterance"):
            key = (values["utterance"], values["speaker"], values["text"])
            if key in self.seen:
                return
            self.seen.add(key)
        for what in ("group", "title", "quality"):
            if values.get(what):
                self.about.setdefault(what, values[what])
        speaker = " ".join(values["speaker"].split()) or None
        start_s = time_of(values.get("time", ""))
        self.utterances.append(Utterance(speaker, values["text"], line, start_s))

    def transcript(self, source: Source, session: str) -> Transcript:
        """The whole session."""
        return Transcript(
            id=session,
            name=source.name,
            format="table",
            utterances=tuple(self.utterances),
            parts=self.parts(),
            title=self.about.get("title"),
            quality=self.about.get("quality"),
            group=self.about.get("group"),
        )

    def parts(self) -> dict[str, Part]:
        """Who is who, where the dataset says so."""
        stated = self.known.parts if self.known else {}
        speakers = dict.fromkeys(each.speaker for each in self.utterances if each.speaker)
        return {label: part for label in speakers if (part := stated.get(label.lower()))}


def time_of(text: str) -> float | None:
    """Read a clock, or a plain number of seconds; None for what is neither."""
    clock = seconds(text)
    if clock is not None:
        return clock
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < LONGEST_S else None
