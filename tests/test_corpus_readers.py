"""Each format read from small files made here, and what each says of a malformed one."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.files import find_files, read_text
from corpus.formats import detect, read_document
from corpus.transcript import Document, Transcript, seconds
from hybridtune.errors import DataError

KNOWN = frozenset({"therapist", "client", "counselor", "t", "c", "narrator"})


def document(text: str, name: str = "session.txt") -> Document:
    return Document(Path("folder") / name, name, text, KNOWN)


def pairs(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(each.speaker, each.text) for each in transcript.utterances]


def read_one(text: str, name: str) -> list[tuple[str | None, str]]:
    (transcript,) = read_document(document(text, name))
    return pairs(transcript)


def test_vtt_labels_settings_notes_and_times() -> None:
    text = (
        "WEBVTT\nKind: captions\nLanguage: en\n\nNOTE Therapist: not a cue\nover two lines\n\n"
        "1\n00:07.551 --> 00:09.444 align:start position:0%\nTHERAPIST: Hello there,\n\n"
        "00:00:09.500 --> 00:00:11.000\nhow are you?\n\n"
        "00:00:12.000 --> 00:00:13.000\nClient: Here's the thing: <i>fine</i> &amp; well\n"
    )
    (transcript,) = read_document(document(text, "a.vtt"))
    assert pairs(transcript) == [
        ("THERAPIST", "Hello there,"),
        (None, "how are you?"),
        ("Client", "Here's the thing: fine &amp; well"),
    ]
    assert [each.start_s for each in transcript.utterances] == [7.551, 9.5, 12.0]
    assert [each.line for each in transcript.utterances] == [8, 12, 15]


def test_vtt_voice_tags_closed_open_and_several_in_a_cue() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:02.400\n[music]\n\n"
        "00:03.000 --> 00:04.000\n<v.loud Dr. O'Neil, Ann>Hello</v>\n\n"
        "00:04.000 --> 00:05.000\n<v Client>Hi\nthere. <v Dr. O'Neil, Ann>Well?\n"
    )
    assert read_one(text, "a.vtt") == [
        (None, "[music]"),
        ("Dr. O'Neil, Ann", "Hello"),
        ("Client", "Hi there."),
        ("Dr. O'Neil, Ann", "Well?"),
    ]


def test_whisperx_takes_a_missing_speaker_from_the_words() -> None:
    words = [{"word": "Yes", "speaker": "SPEAKER_01"}, {"word": "I"}]
    segments = [
        {"start": 1, "end": 2.5, "text": " Hello.", "speaker": "SPEAKER_00"},
        {"start": 2.5, "end": 3, "text": " Yes I", "words": words},
        {"text": " do."},
    ]
    text = json.dumps({"segments": segments, "language": "en"}, indent=1)
    (transcript,) = read_document(document(text, "a.json"))
    assert pairs(transcript) == [("SPEAKER_00", "Hello."), ("SPEAKER_01", "Yes I"), (None, "do.")]
    lines = text.split("\n")
    assert all(lines[each.line - 1].strip() == "{" for each in transcript.utterances)


@pytest.mark.parametrize(
    "style",
    ["{}: ", "{} [00:01:15]: ", "**{}:** ", "[00:01:15] {}: ", "{} (1:15) : "],
)
def test_text_label_styles(style: str) -> None:
    t, c = style.format("T"), style.format("C")
    text = f"Session 4: typed\nSpeakers: two\n\n{t}So how\nare you?\n{c}I told him: stop.\n[end]\n"
    assert read_one(text, "a.txt") == [
        (None, "Session 4: typed"),
        (None, "Speakers: two"),
        ("T", "So how"),
        (None, "are you?"),
        ("C", "I told him: stop."),
        (None, "[end]"),
    ]


def test_unknown_labels_count_only_if_they_recur() -> None:
    text = "Ann: Hello.\nNote: she waved.\nBen: Hi.\nAnn: And now?\nBen: Well.\n"
    assert [speaker for speaker, _ in read_one(text, "a.txt")] == ["Ann", None, "Ben", "Ann", "Ben"]


def test_csv_of_several_sessions_by_column_names() -> None:
    text = (
        "Session ID;Speaker;Text;Start\nx;therapist;Hello;00:00:01\ny;client;Hi;\n"
        '\nx;client;"Well; yes\nand no";00:00:03\n'
    )
    first, second = read_document(document(text, "a.csv"))
    assert (first.id, second.id) == ("x", "y")
    assert pairs(first) == [("therapist", "Hello"), ("client", "Well; yes\nand no")]
    assert [each.start_s for each in first.utterances] == [1.0, 3.0]


def test_csv_reads_an_utterance_once_for_all_its_annotators() -> None:
    head = "transcript_id,utterance_id,interlocutor,utterance_text,annotator\n"
    rows = "0,0,therapist,Hello,1\n0,0,therapist,Hello,2\n0,1,client,Hello,1\n"
    assert read_one(head + rows, "a.csv") == [("therapist", "Hello"), ("client", "Hello")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHi", "vtt"),
        ('{"segments": []}', "whisperx"),
        ('[{"text": "Hi"}]', "whisperx"),
        ("[00:01] T: Hello\n", "text"),
        ("speaker,text\nt,Hello\n", "csv"),
    ],
)
def test_content_tells_the_format_of_an_unknown_suffix(text: str, kind: str) -> None:
    assert detect(document(text, "transcript.dat")) == kind


def test_content_wins_where_it_is_plain() -> None:
    assert detect(document("WEBVTT\n\n00:01.000 --> 00:02.000\nHi", "captions.txt")) == "vtt"


MALFORMED = {
    "no header": ("a.vtt", "00:01.000 --> 00:02.000\nHi\n", 1, "WEBVTT"),
    "comma in a time": ("a.vtt", "WEBVTT\n\n00:01,000 --> 00:02,000\nHi\n", 3, "timing"),
    "broken time": ("a.vtt", "WEBVTT\n\n1\n00:01.000 --> soon\nHi\n", 4, "timing"),
    "stray text": ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n\nlost\n", 6, "outside"),
    "glued cues": ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n00:02 --> 1\nHo", 5, "blank"),
    "no cues": ("a.vtt", "WEBVTT\n", 1, "no cues"),
    "glued header": ("a.vtt", "WEBVTT\n00:01.000 --> 00:02.000\nHi\n", 2, "blank line"),
    "cut JSON": ("a.json", '{"segments": [\n{"text": "Hi"},\n{"te', 3, "not JSON"),
    "no segments": ("a.json", '{"words": []}', 1, "no segments"),
    "textless": ("a.json", '{"segments": [\n{"text": "Hi"},\n{"txt": "Ho"}]}', 3, "text"),
    "deep JSON": ("a.json", "[" * 100_000, 1, "JSON"),
    "no speaker column": ("a.csv", "who,text\nA,Hi\n", 1, "found: who, text"),
    "short row": ("a.csv", "speaker,text\nt,Hi\nc\n", 3, "1 columns"),
    "open quote": ("a.csv", 'speaker,text\nt,"Hi\nc,Ho\n', 3, "CSV"),
    "header only": ("a.csv", "speaker,text\n", 1, "no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_name_file_and_line(case: str) -> None:
    name, text, line, reason = MALFORMED[case]
    with pytest.raises(DataError) as caught:
        read_document(document(text, name))
    message = str(caught.value)
    assert message.startswith(f"folder/{name}:{line}: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_endings(tmp_path: Path, encoding: str, ending: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"T: Caf\u00e9 \u2019twas{ending}C: Yes".encode(encoding))
    assert read_text(path) == "T: Caf\u00e9 \u2019twas\nC: Yes"


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "empty"),
        (b" \n\n", 1, "empty"),
        (b"T: Hi\nC: \x81\x8d", 2, "neither"),
        (b"T: Hi\nC: \x00\x01", 2, "not a text"),
        (b"\xff\xfeT\x00x", 1, "neither"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, line: int, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_text(tmp_path / "a.txt")
    assert caught.value.where == f"{tmp_path / 'a.txt'}:{line}"


def test_paths_are_found_once_in_order(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.txt", "a.vtt", "in/c.json", "README.md", ".hidden.txt", "d.docx"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found, skipped = find_files([str(tmp_path), str(tmp_path / "b.txt")])
    assert [file.name for file in found] == ["a.vtt", "b.txt", "in/c.json"]
    assert [file.name for file in skipped] == [".hidden.txt", "README.md", "d.docx"]
    globbed, _ = find_files([str(tmp_path / "**" / "*.json")])
    assert [file.name for file in globbed] == ["in/c.json"]
    named, none = find_files([str(tmp_path / "README.md"), str(tmp_path)], "text")
    assert [file.name for file in named] == ["README.md", "b.txt"]
    assert "not text" in {file.reason for file in none}


@pytest.mark.parametrize("name", ["nowhere.txt", "*.vtt", "empty"])
def test_missing_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        find_files([str(tmp_path / name)])
    assert caught.value.where == str(tmp_path / name)


def test_times() -> None:
    assert seconds("01:02:03.5") == 3723.5
    assert seconds("02:03,25") == 123.25
    assert seconds("soon") is None
    assert seconds("") is None


WORDS = st.lists(
    st.text(st.sampled_from("abcdefgh'"), min_size=1, max_size=6), min_size=1, max_size=8
).map(" ".join)
SPOKEN = st.lists(st.tuples(st.sampled_from(["Therapist", "Client"]), WORDS), min_size=2)


@given(SPOKEN)
def test_every_format_gives_back_what_was_written(spoken: list[tuple[str, str]]) -> None:
    cues = "".join(f"00:01.000 --> 00:02.000\n{who}: {said}\n\n" for who, said in spoken)
    assert read_one(f"WEBVTT\n\n{cues}", "a.vtt") == spoken
    voices = "".join(f"00:01.000 --> 00:02.000\n<v {who}>{said}\n\n" for who, said in spoken)
    assert read_one(f"WEBVTT\n\n{voices}", "a.vtt") == spoken
    segments = [{"text": said, "speaker": who} for who, said in spoken]
    assert read_one(json.dumps(segments), "a.json") == spoken
    assert read_one("\n".join(f"{who}: {said}" for who, said in spoken), "a.txt") == spoken
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("speaker", "utterance"), *spoken])
    assert read_one(table.getvalue(), "a.csv") == spoken
