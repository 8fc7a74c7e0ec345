"""Malformed and odd files of every format: one clear error with file and line, or read rightly."""

import io
import json
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pyarrow import parquet

from corpus.build import import_all
from corpus.files import Skipped, find_sources
from corpus.formats import read_source
from corpus.history import Held
from corpus.outputs import Outputs
from corpus.transcript import Hints, Source, printable
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import load_domain
from hybridtune.errors import DataError
from hybridtune.progress import silent
from hybridtune.records import Session, read_jsonl

Said = list[tuple[str | None, str]]
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nT: Hi\n\n00:03.000 --> 00:04.000\nC: Ho\n"
SRT = "1\n00:00:01,000 --> 00:00:02,000\nT: Hi\n\n2\n00:00:03,000 --> 00:00:04,000\nC: Ho\n"
HI_HO: Said = [("T", "Hi"), ("C", "Ho")]
CAFE_SO, NA = ("T", "caf\u00e9 \u201cso\u201d"), ("C", "n/a")
GAP, TODAY = ("C", "[x 00:01:02]"), (None, "Date: today")


class Endless(io.RawIOBase):
    """Two gigabytes without a line break, made while they are read."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start, self.left = start, 2 * 2**30

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self.start[: len(buffer)] or b"a" * min(len(buffer), self.left)
        self.start = self.start[len(buffer) :]
        buffer[: len(chunk)] = chunk
        self.left -= len(chunk)
        return len(chunk)


@dataclass(frozen=True)
class Fails:
    """The error that is expected: its line (None where there are none), and a part of its words."""

    line: int | None
    reason: str


def word(cell_property: str) -> bytes:
    """A Word document whose table has such a thing in its first cell."""
    document, out = Document(), io.BytesIO()
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["T", "Hi", "C", "Ho"], strict=True):
        cell.text = text
    element = parse_xml(f"<w:{cell_property} {nsdecls('w')}/>")
    table.cell(0, 0)._tc.get_or_add_tcPr().append(element)
    document.save(out)
    return out.getvalue()


def columns(**values: pa.Array) -> bytes:
    """A parquet table of one row."""
    out = pa.BufferOutputStream()
    parquet.write_table(pa.table({"speaker": ["T"], "text": ["Hi"], **values}), out)
    content: bytes = out.getvalue().to_pybytes()
    return content


Row = tuple[str, str | bytes, Said | Fails]
HUGE, HALF = "9" * 400, "\\ud800"
WHISPER = '{"segments": [\n{"start": 0, "end": 1, "text": "Hi", "speaker": "T"},\n'
ESCONV = '[{"emotion_type": "x",\n"dialog": ['
CHAT = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}'
USER: Said = [("user", "Hi"), ("assistant", "Ho")]
HI_SO: Said = [("T", "Hi"), (None, "Ho")]
EVENT = '{"events": [{"segs": [{"utf8": "%s"}], "tStartMs": %s}]}'
NOWHERE = pa.array([1], pa.timestamp("us", tz="No/Where"))
GPT = '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]}'
ROWS: dict[str, Row] = {
    # whatever the format
    "empty": ("a.txt", b"", Fails(1, "empty")),
    "empty captions": ("a.vtt", b"", Fails(1, "empty")),
    "empty JSON": ("a.json", b"", Fails(1, "empty")),
    "empty JSONL": ("a.jsonl", b"", Fails(1, "empty")),
    "empty table": ("a.csv", b"", Fails(1, "empty")),
    "white space": ("a.txt", b" \r\n\t\n", Fails(1, "empty")),
    "a mark alone": ("a.vtt", b"\xef\xbb\xbf", Fails(1, "empty")),
    "binary": ("a.txt", bytes(range(1, 32)) * 9, Fails(1, "not a text file")),
    "binary table": ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00", Fails(3, "not a text file")),
    "NUL": ("a.txt", b"T: Hi\nC: H\x00o\n", Fails(2, "holds a NUL")),
    "NUL in JSONL": ("a.jsonl", f"{CHAT}\n".encode() + b"{\x00}", Fails(2, "holds a NUL")),
    "no encoding": ("a.txt", b"T: Hi\nC: \xe9\x81\n", Fails(2, "neither UTF-8 nor")),
    "UTF-16": ("a.txt", "T: Hi\nC: Ho\n".encode("utf-16"), HI_HO),
    "UTF-16 captions": ("a.vtt", VTT.encode("utf-16"), HI_HO),
    "UTF-16 without a mark": ("a.vtt", VTT.encode("utf-16-le"), Fails(1, "UTF-16 text without")),
    "half a UTF-16 letter": ("a.txt", "T: Hi\n".encode("utf-16") + b"x", Fails(2, "broken UTF-16")),
    "BOM and CRLF": ("a.vtt", b"\xef\xbb\xbf" + VTT.replace("\n", "\r\n").encode(), HI_HO),
    "bare CR": ("a.txt", b"T: Hi\rC: Ho\r", HI_HO),
    "Windows-1252": ("a.txt", b"T: caf\xe9 \x93so\x94\nC: Ho", [CAFE_SO, HI_HO[1]]),
    "wrongly decoded": ("a.txt", "T: caf\u00c3\u00a9\nC: Ho", [("T", "caf\u00e9"), HI_HO[1]]),
    # captions
    "no header": ("a.vtt", VTT[8:], HI_HO),
    "header alone": ("a.vtt", "WEBVTT\n", Fails(1, "no cues")),
    "comma in a VTT time": ("a.vtt", VTT.replace(".000", ",000"), HI_HO),
    "dot in an SRT time": ("a.srt", SRT.replace(",000", ".000"), HI_HO),
    "broken time": ("a.vtt", VTT.replace("00:04.000", "soon"), Fails(6, "timing")),
    "broken SRT time": ("a.srt", SRT.replace("00:00:04,000", "soon"), Fails(6, "timing")),
    "SRT without numbers": ("a.srt", SRT.replace("1\n", "", 1).replace("2\n", "", 1), HI_HO),
    "captions named text": ("a.txt", VTT, HI_HO),
    "text named captions": ("a.srt", "T: Hi\nC: Ho\n", Fails(1, "")),
    # JSON
    "cut JSON": ("a.json", WHISPER + '{"te', Fails(3, "not JSON")),
    "cut json3": ("a.json3", '{"events": [\n{"tStartMs": 0, "segs"', Fails(2, "not JSON")),
    "deep JSON": ("a.json", "[" * 100_000, Fails(1, "JSON")),
    "deep whisper": ("a.json", '{"segments": ' + "[" * 100_000, Fails(1, "JSON")),
    "deep chat": ("a.jsonl", '{"messages": ' + "[" * 100_000, Fails(1, "JSON")),
    "a string of quotes": ("a.json", '{"' + '\\"' * 30_000, Fails(1, "no known shape")),
    "unknown JSON": ("a.json", '{"words": []}', Fails(1, "no known shape")),
    "no JSON": ("a.json", "T: Hi\n", Fails(1, "not JSON")),
    "no segments": ("a.json", '{"segments": []}', Fails(1, "no segments")),
    "segments of a wrong type": ("a.json", '{"segments": "Hi"}', Fails(1, "segments")),
    "segment of a wrong type": ("a.json", WHISPER + "7]}", Fails(3, "")),
    "segment without text": ("a.json", WHISPER + '{"txt": "Ho"}]}', Fails(3, "text")),
    "text of a wrong type": ("a.json", WHISPER + '{"text": 7}]}', Fails(3, "text")),
    "no events": ("a.json3", '{"events": []}', Fails(1, "")),
    "cut ESConv": ("a.json", ESCONV + '\n{"speaker": "seeker", "con', Fails(3, "JSON")),
    "ESConv without words": ("a.json", ESCONV + '{"speaker": "seeker"}]}]', Fails(1, "content")),
    "ESConv dialog of a wrong type": ("a.json", '[{"dialog": 7}]', Fails(1, "dialog")),
    "cut JSONL": ("a.jsonl", f'{CHAT}\n{{"messages": [', Fails(2, "JSON")),
    "JSONL with blank lines": ("a.jsonl", f"\n{GPT}\r\n\r\n", [("human", "Hi"), ("gpt", "Ho")]),
    "messages of a wrong type": ("a.jsonl", '{"messages": "Hi"}', Fails(1, "messages")),
    "unknown role": ("a.jsonl", CHAT.replace("user", "wizard"), Fails(1, "wizard")),
    "empty message": ("a.jsonl", CHAT.replace("Ho", " "), Fails(1, "")),
    "huge time": ("a.json", WHISPER.replace("0,", f"{HUGE},") + '{"text": "Ho"}]}', HI_SO),
    "huge number": ("a.json", WHISPER.replace("0,", "9" * 5000 + ","), Fails(2, "too long")),
    "huge json3 time": ("a.json3", EVENT % ("Hi", HUGE), [(None, "Hi")]),
    "half a letter in json3": ("a.json3", EVENT % (f"{HALF} Hi", 1), [(None, "\ufffd Hi")]),
    "half a letter in an id": ("a.jsonl", CHAT.replace("{", f'{{"id": "{HALF}", ', 1), USER),
    "half a letter in a role": ("a.jsonl", CHAT.replace("user", HALF), Fails(1, "\\ud800")),
    "segment that is deep": ("a.json", '{"segments": [[' + "[" * 90 + "]" * 92 + "}", Fails(1, "")),
    "controls in a name": ("a.json", '{"\x1b[31m\u2028": []}', Fails(1, "no known shape")),
    "endless name": ("a.csv", f"{'x' * 9999},{'x' * 9999}\nT,Hi\n", Fails(1, "")),
    # tables
    "no header row": ("a.csv", "T,Hi\nC,Ho\n", Fails(1, "found: T, Hi")),
    "header row alone": ("a.csv", "speaker,text\n", Fails(1, "no rows")),
    "ragged": ("a.csv", "speaker,text\nT,Hi\nC\n", Fails(3, "1 columns")),
    "too wide": ("a.csv", "speaker,text\nT,Hi, there\n", Fails(2, "3 columns")),
    "open quote": ("a.csv", 'speaker,text\nT,"Hi\nC,Ho\n', Fails(2, "quote")),
    "columns twice": ("a.csv", "speaker,text,text\nT,Hi,Ho\n", Fails(1, "text")),
    "semicolons, BOM, CRLF": ("a.csv", "\ufeffSpeaker;Text\r\nT;Hi\r\nC;Ho\r\n", HI_HO),
    "words like missing values": ("a.csv", "speaker,text\nT,None\nC,n/a\n", [("T", "None"), NA]),
    "cut parquet": ("a.parquet", b"PAR1\x00\x01", Fails(None, "parquet")),
    "far date": ("a.parquet", columns(start=pa.array([2**30], pa.date32())), Fails(1, "date32")),
    "far time": ("a.parquet", columns(start=pa.array([2**60], pa.timestamp("ms"))), Fails(1, "ti")),
    "no such zone": ("a.parquet", columns(start=NOWHERE), Fails(1, "timestamp")),
    "session NaN": ("a.parquet", columns(session=pa.array([float("nan")])), Fails(1, "no session")),
    "unanswered": ("a.csv", "questionText,answerText\nWhy?,So.\nHow?\n", Fails(3, "1 columns")),
    # text and documents
    "one speaker": ("a.txt", "T: Hi\nT: Ho\n", [("T", "Hi"), ("T", "Ho")]),
    "no speaker": ("a.txt", "Hi\nHo\n", [(None, "Hi"), (None, "Ho")]),
    "wrapped gap": ("a.txt", "T: Hi\nC: Ho\nT: Hi\nC: [x\n00:01:02]\n", [*HI_HO, HI_HO[0], GAP]),
    "headings": ("a.txt", "Date: today\n\nT: Hi\nC: Ho\nT: Hi\nC: Ho\n", [TODAY, *HI_HO, *HI_HO]),
    "cut docx": ("a.docx", b"PK\x03\x04 and no more", Fails(None, "not a Word document")),
    "hollow docx": ("a.docx", b"PK\x05\x06" + bytes(18), Fails(None, "without a Word document")),
    "old Word": ("a.docx", b"\xd0\xcf\x11\xe0" + bytes(600), Fails(None, "old Word format")),
    "merged up from the top": ("a.docx", word("vMerge"), Fails(None, "not a readable Word")),
    "span of letters": ("a.docx", word('gridSpan w:val="abc"'), Fails(None, "not a readable Word")),
    "endless span": ("a.docx", word('gridSpan w:val="999999999"'), Fails(None, "not a readable")),
    "cut pdf": ("a.pdf", b"%PDF-1.4\n1 0 obj\n<<", Fails(None, "not a readable PDF")),
}  # fmt: skip


def read(source: Source) -> Said:
    transcripts = list(read_source(source, Hints()))
    said = [(each.speaker, each.text) for one in transcripts for each in one.utterances]
    told = [(one.id, one.title, one.quality, one.group) for one in transcripts]
    json.dumps([said, told], ensure_ascii=False).encode()  # or it could not be written
    return said


def check_error(error: DataError, where: str, expected: Fails) -> None:
    place = where if expected.line is None else f"{where}:{expected.line}"
    message = str(error)
    assert message.startswith(f"{place}: ")
    assert expected.reason in message
    assert len(message) < 500
    assert message == printable(message)


@pytest.mark.parametrize("case", ROWS)
def test_malformed_and_odd_files(case: str) -> None:
    name, content, expected = ROWS[case]
    raw = content.encode() if isinstance(content, str) else content
    source = Source(name, f"folder/{name}", len(raw), lambda: io.BytesIO(raw))
    if isinstance(expected, list):
        assert read(source) == expected
        return
    with pytest.raises(DataError) as caught:
        read(source)
    check_error(caught.value, source.where, expected)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.txt", b"T: "),
        ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n"),
        ("a.json", b'{"segments": [{"text": "'),
        ("a.json3", b'{"events": [{"segs": [{"utf8": "'),
        ("a.jsonl", b'{"messages": [{"role": "user", "content": "'),
        ("a.json", b'[{"dialog": [{"speaker": "seeker", "content": "'),
        ("a.csv", b"speaker,text\nT,"),
        ("a.csv", b'speaker,text\nT,"'),
        ("a.csv", b"question,answer\nWhy?,"),
        ("a.docx", b"PK\x03\x04"),
        ("a.pdf", b"%PDF-1.4\n"),
    ],
)
def test_two_gigabytes_on_a_line(name: str, start: bytes) -> None:
    source = Source(name, name, 2 * 2**30, lambda: io.BufferedReader(Endless(start)))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"larger than|longer than") as caught:
        read(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).startswith(f"{name}:")
    assert peak < 100 * 2**20


def link(path: Path) -> None:
    info = zipfile.ZipInfo("bad.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
        archive.writestr("good.txt", "T: Hi\nC: Ho\n")


def pack(path: Path, bad: str, content: bytes, *, break_it: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(bad, content)
        archive.writestr("good.txt", "T: Hi\nC: Ho\n")
    path.write_bytes(break_it(path.read_bytes()))


def lock(raw: bytes) -> bytes:
    """Say in both headers of the first member that it has a password."""
    at = raw.index(b"PK\1\2") + 8
    return raw[:6] + b"\1" + raw[7:at] + b"\1" + raw[at + 1 :]


ARCHIVES: dict[str, tuple[Callable[[Path], None], str]] = {
    "path traversal": (lambda p: pack(p, "../bad.txt", b"T: x", break_it=bytes), "leads out"),
    "absolute path": (lambda p: pack(p, "/bad.txt", b"T: x", break_it=bytes), "leads out"),
    "bomb": (lambda p: pack(p, "bad.txt", bytes(2**23), break_it=bytes), "zip bomb"),
    "password": (lambda p: pack(p, "bad.txt", b"T: x", break_it=lock), "password"),
    "link": (link, "a link"),
    "corrupt": (
        lambda p: pack(p, "bad.txt", b"T: xyz" * 9, break_it=lambda r: r[:39] + b"??" + r[41:]),
        "corrupt",
    ),
    "cut JSON": (lambda p: pack(p, "bad.json", b'{"segments": [', break_it=bytes), "not JSON"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_bad_member_does_not_stop_the_others(tmp_path: Path, case: str) -> None:
    make, reason = ARCHIVES[case]
    make(tmp_path / "m.zip")
    told, good = [], []
    for source in find_sources([str(tmp_path)]):
        assert not isinstance(source, Skipped)
        try:
            good += read(source)
        except DataError as error:
            told.append(str(error))
    assert good == HI_HO
    assert len(told) == 1
    assert reason in told[0]
    assert told[0].startswith(f"{tmp_path / 'm.zip'}:")
    assert [path.name for path in tmp_path.iterdir()] == ["m.zip"]


def dialogue(about: str) -> list[tuple[str, str]]:
    """A good session, with no words in common with those about something else."""
    said = ["How was {} for you this week?", "I lay awake at night and thought of {}, and of you."]
    whole = [
        (who, text.format(f"{about} {n}"))
        for n in range(6)
        for who, text in zip("TC", said, strict=True)
    ]
    return [(who, text.replace(" ", f" {about} ")) for who, text in whole]


def write_all(folder: Path) -> set[str]:
    """The whole table, and good sessions among it; the names of the files with an error."""
    bad = set()
    for number, (name, content, expected) in enumerate(ROWS.values()):
        raw = content.encode() if isinstance(content, str) else content
        path = folder / f"{number:03}-{name}"
        path.write_bytes(raw)
        bad |= {path.name} if isinstance(expected, Fails) else set()
    for place, about in enumerate(("exams", "trains", "money")):
        said = [f"{who}: {text}" for who, text in dialogue(about)]
        (folder / f"{place * 40:03}-{about}.txt").write_text("\n".join(said))
    return bad


def test_all_bad_files_at_once_cost_the_import_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    bad = write_all(tmp_path / "in")
    settings = CorpusSettings.model_validate(
        {"paths": [str(tmp_path / "in")], "deidentify": {"enabled": False}}
    )
    outputs = Outputs.in_folder(tmp_path / "out")
    report = import_all(settings, outputs, load_domain("therapy"), 7, silent())
    told = {Path(error.where).name.partition(":")[0] for error in report.malformed}
    assert told == bad
    assert len(report.malformed) == len(bad) > 60
    assert report.sources == len(ROWS) + 3
    sessions = {each.id: each for each in read_jsonl(outputs.real, Session)}
    assert set(sessions) == {"real-000-exams", "real-040-trains", "real-080-money"}
    for about in ("exams", "trains", "money"):
        (session,) = (each for name, each in sessions.items() if name.endswith(about))
        assert [each.content for each in session.messages] == [text for _, text in dialogue(about)]
    # Those that are read rightly are too short for a session or have no speakers, and say so.
    left_out = {omission.file for omission in report.left_out}
    held = {each.file for each in read_jsonl(outputs.held, Held)}
    kept = {each.provenance["file"] for each in sessions.values()}
    assert bad | left_out | held | kept == {path.name for path in (tmp_path / "in").iterdir()}
