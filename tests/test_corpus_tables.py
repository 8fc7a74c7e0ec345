"""Tables of utterances and of questions: read back as written, streamed, or one clear error."""

import csv
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from corpus.encoding import mender
from corpus.formats import qa, table
from corpus.formats.columns import kind_of
from corpus.formats.rows import read_header
from corpus.transcript import Hints, Source, Transcript
from hybridtune.config.corpus import TableSettings
from hybridtune.errors import DataError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
THERAPIST = "Ann Therapist, LMFT"
LETTERS = "aBc .,;:\t'\"|-?\n<>&é\u2019\u201c\u201d 😀0&"
Rows = list[list[Any]]

words = (
    st.one_of(
        st.text(LETTERS, min_size=1, max_size=30),
        st.sampled_from(["n/a", "None", "NA", "nan", "-"]),
    )
    .map(str.strip)
    .filter(lambda text: text != "" and mender()(text) == text)
)
speakers = st.sampled_from(["therapist", "client", "Dr. Oak, Ann", 'the "other"', "S; 1"])
said = st.lists(st.tuples(speakers, words), min_size=1, max_size=6)
sessions = st.dictionaries(st.sampled_from(["1", "a, b", "c;d", "é", "0x"]), said, min_size=1)


@st.composite
def orders(draw: st.DrawFn, conversations: dict[str, Any]) -> list[str]:
    """Whose row comes next, for all rows: the sessions one after the other, or mixed."""
    order = [name for name, said in conversations.items() for _ in said]
    return draw(st.permutations(order)) if draw(st.booleans()) else order


def source(content: str | bytes, name: str = "table.csv") -> Source:
    data = content.encode() if isinstance(content, str) else content
    return Source(name, f"folder/{name}", len(data), lambda: io.BytesIO(data))


def render(rows: Rows, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def render_parquet(rows: Rows, **kinds: pa.DataType) -> bytes:
    header, *below = rows
    columns = {
        name: pa.array([row[place] for row in below], kinds.get(name))
        for place, name in enumerate(header)
    }
    out = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), out, row_group_size=3)
    return out.getvalue().to_pybytes()


def pairs(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(each.speaker, each.text) for each in transcript.utterances]


def by_id(transcripts: Iterator[Transcript]) -> dict[str, list[tuple[str | None, str]]]:
    found = [(each.id, pairs(each)) for each in transcripts]
    assert len(dict(found)) == len(found)
    return dict(found)


def in_order(conversations: dict[str, Any], order: list[str]) -> Iterator[tuple[str, int, Any]]:
    """Each row's session, its place in it, and what is said."""
    left = {name: enumerate(said) for name, said in conversations.items()}
    for name in order:
        yield name, *next(left[name])


@settings(max_examples=60, deadline=None)
@given(st.data(), sessions, st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-16"]))
def test_csv_is_read_back(
    data: st.DataObject, conversations: dict[str, Any], delimiter: str, encoding: str
) -> None:
    order = data.draw(orders(conversations))
    rows = [[name, "x", *said] for name, _, said in in_order(conversations, order)]
    text = render([["Session ID", "extra", "Speaker", "Text"], *rows], delimiter)
    read = table.read(source(text.encode(encoding)), Hints())
    assert by_id(read) == conversations


@settings(max_examples=30, deadline=None)
@given(st.data(), sessions)
def test_parquet_is_read_back(data: st.DataObject, conversations: dict[str, Any]) -> None:
    order = data.draw(orders(conversations))
    rows = [[name, *said] for name, _, said in in_order(conversations, order)]
    content = render_parquet([["dialogue_id", "speaker", "text"], *rows])
    assert by_id(table.read(source(content, "a.parquet"), Hints())) == conversations


@settings(max_examples=60, deadline=None)
@given(st.data(), sessions, st.integers(1, 3))
def test_annomi_is_read_back_once_for_all_annotators(
    data: st.DataObject, conversations: dict[str, Any], annotators: int
) -> None:
    names = (
        "transcript_id,mi_quality,video_title,video_url,utterance_id,interlocutor,timestamp,"
        "utterance_text,annotator_id"
    )
    header = names.split(",")
    order = data.draw(orders(conversations))
    rows = [
        [name, "low", "Title", f"u{name}", str(place), speaker, "00:01:15", text, str(who)]
        for name, place, (speaker, text) in in_order(conversations, order)
        for who in range(annotators)
    ]
    read = list(table.read(source(render([header, *rows])), Hints()))
    assert by_id(iter(read)) == conversations
    for each in read:
        assert (each.quality, each.title, each.group) == ("low", "Title", f"u{each.id}")
        assert {utterance.start_s for utterance in each.utterances} == {75.0}
        roles = {"therapist": "counselor", "client": "patient"}
        present = {speaker for speaker, _ in pairs(each)}
        assert each.parts == {label: roles[label] for label in present & roles.keys()}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["T", "P"]), words), min_size=1, max_size=8))
def test_hope_is_read_back(said: list[tuple[str, str]]) -> None:
    rows = [[f"7_{place}", kind, text, "id"] for place, (kind, text) in enumerate(said)]
    text = render([["ID", "Type", "Utterance", "Dialog_Act"], *rows])
    (transcript,) = table.read(source(text), Hints())
    assert (transcript.id, pairs(transcript)) == ("", said)
    roles = {"T": "counselor", "P": "patient"}
    assert transcript.parts == {kind: roles[kind] for kind in {kind for kind, _ in said}}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), words), min_size=1, max_size=8), st.booleans())
def test_counselchat_is_read_back_without_therapists(
    answers: list[tuple[int, str]], later: bool
) -> None:
    header = "questionID,questionTitle,questionText,therapistName,therapistUrl,answerText,upvotes"
    if not later:
        header = (
            ",questionID,questionTitle,questionText,questionLink,topic,therapistInfo,"
            "therapistURL,answerText,upvotes,views,split"
        )
    names = header.split(",")
    rows = []
    for number, answer in answers:
        row = dict.fromkeys(names, THERAPIST)
        body = f"Body {number}?" if number else " "
        row |= {"questionID": str(number), "questionTitle": "Title?", "questionText": body}
        rows.append(list((row | {"answerText": f"<p>{answer}</p>"}).values()))
    read = list(qa.read(source(render([names, *rows])), Hints()))
    questions = {number: f"Body {number}?" if number else "Title?" for number in range(4)}
    assert [pairs(each) for each in read] == [
        [("user", questions[number]), ("counselor", f"<p>{answer}</p>")]
        for number, answer in answers
    ]
    assert [each.group for each in read] == [str(number) for number, _ in answers]
    assert len({each.id for each in read}) == len(answers)
    assert {each.kind for each in read} == {"qa"}
    assert read[0].parts == {"user": "patient", "counselor": "counselor"}
    assert THERAPIST not in repr(read)


def test_epitome_and_mapped_questions() -> None:
    text = "sp_id,rp_id,seeker_post,response_post,level,rationales\r\np1,r1,Sad.,Oh?,0,\r\n"
    (pair,) = qa.read(source(text), Hints())
    assert (pairs(pair), pair.group) == ([("user", "Sad."), ("counselor", "Oh?")], "p1")
    mapped = Hints(table=TableSettings(question="Frage", answer="Antwort"))
    (pair,) = qa.read(source("Frage;Antwort\nWas?;\n"), mapped)
    assert (pairs(pair), pair.group) == ([("user", "Was?"), ("counselor", "")], "Was?")


def test_columns_the_user_names_come_before_the_usual_ones() -> None:
    text = "Text,speaker,Who,line,Case,video,Rated\nx,A,Therapist,None,7,v,good\n"
    names = {"text": "line", "speaker": "who", "session": "Case", "group": "video"}
    (transcript,) = table.read(
        source(text), Hints(table=TableSettings(**names, quality="Rated", time="text"))
    )
    assert pairs(transcript) == [("Therapist", "None")]
    about = (transcript.id, transcript.group, transcript.quality, transcript.format)
    assert about == ("7", "v", "good", "table")


def test_lines_are_where_rows_begin_and_times_are_seconds() -> None:
    text = '\n\nspeaker,time,text\nA,1:05,"one\ntwo"\n\n,,\nB,7.5,x\nB,1700000000,y\nB,soon,z\n'
    (transcript,) = table.read(source(text), Hints())
    assert [each.line for each in transcript.utterances] == [4, 8, 9, 10]
    assert [each.start_s for each in transcript.utterances] == [65.0, 7.5, None, None]


def test_parquet_cells_of_other_types_are_text() -> None:
    rows = [["session_id", "speaker", "text", "start"], [3.0, "A", b"Hi", time(0, 1, 5)]]
    rows += [[None, "B", b"so", None]]
    (transcript, *rest) = table.read(source(render_parquet(rows[:2]), "a.parquet"), Hints())
    assert (transcript.id, pairs(transcript), rest) == ("3", [("A", "Hi")], [])
    assert transcript.utterances[0].start_s == 65.0
    with pytest.raises(DataError, match=r"a\.parquet:2: no session"):
        list(table.read(source(render_parquet(rows), "a.parquet"), Hints()))
    rows = [["speaker", "text", "start"], ["A", "Hi", timedelta(minutes=2)]]
    (transcript,) = table.read(source(render_parquet(rows), "a.parquet"), Hints())
    assert transcript.utterances[0].start_s == 120.0


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_tables_in_archives(tmp_path: Path, name: str) -> None:
    rows = [["session", "speaker", "text"], *([str(n % 7), "A", f"t{n}"] for n in range(70))]
    content = render(rows).encode() if name == "a.csv" else render_parquet(rows)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        packed = Source(name, name, len(content), lambda: archive.open(name))
        read = by_id(table.read(packed, Hints()))
    assert read == {str(k): [("A", f"t{n}") for n in range(k, 70, 7)] for k in range(7)}


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    content = render_parquet([["speaker", "text"], ["A", "x"]])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pyarrow.*\[parquet\]"):
        list(table.read(source(content), Hints()))


class Counting(io.BytesIO):
    """Bytes that know how far they were read."""

    last: "Counting"

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        Counting.last = self

    def share(self) -> float:
        return self.tell() / len(self.getvalue())


def test_sessions_come_while_the_file_is_read() -> None:
    rows = [[str(n // 40), "A", f"some words {n}"] for n in range(40_000)]
    content = render([["session", "speaker", "text"], *rows]).encode()
    opened: Callable[[], BinaryIO] = lambda: Counting(content)  # noqa: E731
    read = table.read(Source("a.csv", "a.csv", len(content), opened), Hints())
    assert next(read).id == "0"
    assert Counting.last.share() < 0.1
    assert sum(1 for _ in read) == 999


def test_which_tables_are_recognised() -> None:
    def kind(text: str, hints: TableSettings | None = None) -> str | None:
        return kind_of(read_header(source(text)), hints or TableSettings())

    assert kind("ID,Type,Utterance,Dialog_Act\n") == "table"
    assert kind("\n session\trole\tcontent\nx\t") == "table"
    assert kind("questionID;questionTitle;questionText;answerText\n") == "qa"
    assert kind("a,b\n") is None
    assert kind("a,b\n", TableSettings(speaker="a", text="b")) == "table"
    assert kind("Frage,answer\n", TableSettings(question="Frage")) == "qa"
    assert kind("THERAPIST: So, how are you?\n") is None
    assert kind('"' * 3) is None


NO_LISTS = render_parquet([["speaker", "text"], ["A", ["x"]]])
GOOD = b"speaker,text\nA,x\n"
ANNOMI, HOPE, QA = ({"preset": name} for name in ("annomi", "hope", "counselchat"))


@pytest.mark.parametrize(
    ("content", "mapping", "line", "what"),
    [
        (b"", {}, 1, "empty"),
        (b"\xef\xbb\xbf\r\n", {}, 1, "empty"),
        (b"speaker,text\n", {}, 1, "no rows below"),
        (b"A,Hello there\nB,Hi\n", {}, 1, "no column for the speaker; found: A, Hello there"),
        (b"speaker\nA\n", {}, 1, "no column for the text"),
        (b"speaker,text,Text\nA,x,y\n", {}, 1, "2 columns are called 'text'"),
        (b"speaker,text\nA,x\n\nB\n", {}, 4, "1 columns, the header 2"),
        (b"speaker,text\nA,x\nB,well, yes\n", {}, 3, "3 columns, the header 2"),
        (b'speaker,text\nA,x\nB,"well\nC,y\n', {}, 3, "never closed"),
        (b'speaker,text\nA,x\nB,"well" he said\nC,y\n', {}, 3, "expected after"),
        (b"speaker,text\nA,x\nB,w\0ell\n", {}, 3, "NUL"),
        (b"speaker,text\nA,x\nB,\x81\xff\n", {}, 3, "neither UTF-8 nor"),
        (GOOD + b"B," + b"y" * (17 * 2**20), {}, 3, "longer than"),
        (GOOD + b'B,"' + (b"y" * 1023 + b"\n") * (17 * 2**10), {}, 3, "longer than"),
        (GOOD, {"session": "Case"}, 1, "no column 'Case'; found: speaker, text"),
        (GOOD, {"time": "t"}, 1, "no column 't'"),
        (b"session,speaker,text\n1,A,x\n,B,y\n", {}, 3, "no session"),
        (GOOD, ANNOMI, 1, "no column interlocutor, transcript_id, utterance_text"),
        (GOOD, HOPE, 1, "no column id, type, utterance"),
        (GOOD, QA, 1, "format 'qa'"),
        (b"PAR1speaker", {}, None, "no parquet file"),
        (render_parquet([["speaker", "text"], ["A", "x"]])[:-20], {}, None, "no parquet file"),
        (render_parquet([["speaker", "words"], ["A", "x"]]), {}, 1, "no column for the text"),
        (render_parquet([["speaker", "text"]]), {}, 1, "no rows below"),
        (render_parquet([["speaker", "text"], ["A", b"\xff"]]), {}, 1, "neither text"),
        (NO_LISTS, {}, None, "holds list"),
    ],
)
def test_malformed_tables(
    content: bytes, mapping: dict[str, Any], line: int | None, what: str
) -> None:
    where = "folder/table.csv" + (f":{line}: " if line else ": ")
    with pytest.raises(DataError) as caught:
        list(table.read(source(content), Hints(table=TableSettings(**mapping))))
    assert str(caught.value).startswith(where)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "mapping", "line", "what"),
    [
        (b"question,text\nx,y\n", {}, 1, "no column for the answer; found: question, text"),
        (b"question,answer\n", {}, 1, "no rows below"),
        (b"question,answer\nx\n", {}, 2, "1 columns"),
        (b"question,answer\nx,y\n", {"answer": "best"}, 1, "no column 'best'"),
        (b"question,answer\nx,y\n", {"preset": "hope"}, 1, "format 'table'"),
        (b"question,answer\nx,y\n", {"preset": "epitome"}, 1, "seeker_post"),
    ],
)
def test_malformed_questions(content: bytes, mapping: dict[str, Any], line: int, what: str) -> None:
    with pytest.raises(DataError) as caught:
        list(qa.read(source(content), Hints(table=TableSettings(**mapping))))
    assert str(caught.value).startswith(f"folder/table.csv:{line}: ")
    assert what in str(caught.value)


def on_disk(path: Path) -> Source:
    return Source(path.name, str(path), path.stat().st_size, lambda: path.open("rb"))


@pytest.mark.skipif(not DATA.is_dir(), reason=f"development data are not at {DATA}")
def test_annomi_itself() -> None:
    read = list(table.read(on_disk(DATA / "AnnoMI-simple.csv"), Hints()))
    assert len(read) == 133
    assert sum(len(each.utterances) for each in read) == 9_699
    assert len({each.group for each in read}) == 119
    assert [each.quality for each in read].count("low") == 23
    assert all(set(each.parts.values()) == {"counselor", "patient"} for each in read)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"development data are not at {DATA}")
def test_counselchat_itself() -> None:
    path = DATA / "counselchat-data.csv"
    read = list(qa.read(on_disk(path), Hints()))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(read) == len(rows) == 1_482
    assert [each.group for each in read] == [row["questionID"] for row in rows]
    assert not any("therapists/" in each.utterances[0].text for each in read)
