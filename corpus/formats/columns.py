"""Which column of a table holds what: by the user's word, else a known dataset's, else its name.

Shapes of the known datasets: AnnoMI's README, the sample sessions of HOPE, both published CSVs of
CounselChat, and EPITOME's Reddit files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from corpus.transcript import Part, Source
from hybridtune.config.corpus import Preset, TableSettings

Kind = Literal["table", "qa"]
USUAL: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    "table": {
        "text": ("utterance_text", "utterance", "text", "content", "message", "sentence"),
        "speaker": ("interlocutor", "speaker", "role", "type", "speaker_label"),
        "session": (
            *("transcript_id", "session_id", "conversation_id", "dialogue_id", "dialog_id"),
            *("session", "conversation", "dialogue"),
        ),
        "time": ("timestamp", "start", "start_time", "time"),
        "group": ("video_url", "video_id", "group"),
        "title": ("video_title",),
        "quality": ("mi_quality", "quality"),
        "utterance": ("utterance_id",),
    },
    "qa": {
        "question": ("questiontext", "question_text", "question", "seeker_post", "context"),
        "answer": ("answertext", "answer_text", "answer", "response_post", "response"),
        "title": ("questiontitle", "question_title"),
        "group": ("questionid", "question_id", "sp_id", "group"),
        "quality": ("quality",),
    },
}
NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "table": ("speaker", "text"),
    "qa": ("question", "answer"),
}


@dataclass(frozen=True)
class Known:
    """A known dataset.

    Attributes:
        kind: of table.
        signs: columns that together tell it.
        parts: who is who among its speakers, by label in lower case.
        repeats: an utterance may stand in several rows, one for each annotator.
    """

    kind: Kind
    signs: frozenset[str]
    parts: Mapping[str, Part] = field(default_factory=dict)
    repeats: bool = False


PRESETS: Mapping[Preset, Known] = {
    "annomi": Known(
        "table",
        frozenset({"transcript_id", "interlocutor", "utterance_text"}),
        {"therapist": "counselor", "client": "patient"},
        repeats=True,
    ),
    "hope": Known(
        "table", frozenset({"id", "type", "utterance"}), {"t": "counselor", "p": "patient"}
    ),
    "epitome": Known("qa", frozenset({"seeker_post", "response_post"})),
    "counselchat": Known("qa", frozenset({"questionid", "questiontext", "answertext"})),
}


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row, what their columns are called, and whose table it is."""

    places: Mapping[str, int]
    known: Known | None = None


def kind_of(header: Sequence[str], settings: TableSettings) -> Kind | None:
    """Which kind of table a header belongs to; None if it is no header that we can use."""
    for kind in ("table", "qa"):
        stated = {what for what in NEEDED[kind] if getattr(settings, what)}
        if {*NEEDED[kind]} <= stated | find_usual(header, kind).keys():
            return kind
    return None


def map_columns(
    source: Source, header: Sequence[str], line: int, settings: TableSettings, kind: Kind
) -> Columns:
    """Find a table's columns.

    Raises:
        DataError: one that is needed, or that the user named, is not there; or two share a name.
    """
    check_unique(source, header, line)
    known = recognise(source, header, line, settings, kind)
    places = find_usual(header, kind)
    for what in USUAL[kind]:
        if name := getattr(settings, what, None):
            places[what] = find(source, header, line, name)
    for what in NEEDED[kind]:
        if what not in places:
            names = ", ".join(USUAL[kind][what])
            fix = f"say which with corpus.table.{what}, or name it one of: {names}"
            raise source.error(f"no column for the {what}; found: {show(header)}", line, fix)
    return Columns(places, known)


def recognise(
    source: Source, header: Sequence[str], line: int, settings: TableSettings, kind: Kind
) -> Known | None:
    """The known dataset that the user names, or that the header shows."""
    names = {normalise(name) for name in header}
    if settings.preset is None:
        fitting = (known for known in PRESETS.values() if known.kind == kind)
        return next((known for known in fitting if known.signs <= names), None)
    known = PRESETS[settings.preset]
    if known.kind != kind:
        what = f"the preset {settings.preset} is for tables of the format {known.kind!r}"
        raise source.error(what, line, f"ask for --format {known.kind}, or for no preset")
    missing = sorted(known.signs - names)
    # A column that the user maps himself need not have the dataset's name.
    if missing and not any(getattr(settings, what) for what in NEEDED[kind]):
        what = f"no column {', '.join(missing)}, which {settings.preset} has"
        raise source.error(f"{what}; found: {show(header)}", line, "is it another dataset?")
    return known


def check_unique(source: Source, header: Sequence[str], line: int) -> None:
    """Two columns of one name cannot be told apart; nameless ones are nobody's."""
    for name, times in Counter(normalise(name) for name in header).items():
        if name and times > 1:
            raise source.error(f"{times} columns are called {name!r}", line, "rename one")


def find_usual(header: Sequence[str], kind: Kind) -> dict[str, int]:
    """Where each thing stands by its usual names; of several that fit, the first listed."""
    names = [normalise(name) for name in header]
    return {
        what: names.index(match)
        for what, candidates in USUAL[kind].items()
        if (match := next((name for name in candidates if name in names), None))
    }


def find(source: Source, header: Sequence[str], line: int, name: str) -> int:
    """Where the column stands that the user names."""
    names = [normalise(each) for each in header]
    if normalise(name) not in names:
        fix = "check the names under corpus.table"
        raise source.error(f"no column {name!r}; found: {show(header)}", line, fix)
    return names.index(normalise(name))


def normalise(name: str) -> str:
    """A column's name as names are compared."""
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def show(header: Sequence[str]) -> str:
    """A header's names, for an error."""
    return " ".join(", ".join(header).split())[:200]
