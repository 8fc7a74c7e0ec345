"""Text: decoding, labels in many styles, wrapped lines, and what Otter, Zoom and Teams write."""

import csv
import io
import textwrap
import tracemalloc
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.encoding import MAX_BYTES, MAX_LINE, read_text, stream_lines
from corpus.formats import detect, read_source, text
from corpus.transcript import Hints, Source
from hybridtune.errors import DataError

ANNOMI = Path(__file__).parents[2] / "shared" / "data" / "AnnoMI-simple.csv"
Said = list[tuple[str | None, str]]


def source(content: str | bytes, name: str = "a.txt") -> Source:
    raw = content.encode() if isinstance(content, str) else content
    return Source(name, f"folder/{name}", len(raw), lambda: io.BytesIO(raw))


def read(content: str, *labels: str) -> Said:
    (transcript,) = text.read(source(content), Hints(frozenset(labels)))
    return [(each.speaker, each.text) for each in transcript.utterances]


# Curly quotes, a pound sign, an accent, a dash and an ellipsis: all of them in Windows-1252 too.
ODD = (
    "T: Caf\u00e9 \u2019twas \u201cso\u201d \u2013 \u00a35\u2026\nC: Yes\n\nT: End &amp; <i>on</i>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_endings(encoding: str, ending: str) -> None:
    raw = source(ODD.replace("\n", ending).encode(encoding))
    assert read_text(raw) == ODD
    assert list(stream_lines(raw)) == list(enumerate(ODD.split("\n"), start=1))


def test_big_endian_marks() -> None:
    assert read_text(source(b"\xfe\xff" + ODD.encode("utf-16-be"))) == ODD
    assert read_text(source(b"\x00\x00\xfe\xff" + ODD.encode("utf-32-be"))) == ODD


def test_repairs_that_leave_the_marks_of_formats_alone() -> None:
    broken = (
        '{"a": "can\u00e2\u20ac\u2122t \u201cso\u201d \uff02 &quot; caf\u00c3\u00a9\u2028on\u200b"}'
    )
    mended = '{"a": "can\u2019t \u201cso\u201d \uff02 &quot; caf\u00e9 on\u200b"}'
    assert read_text(source(broken)) == mended
    assert list(stream_lines(source(f"\n{broken}\n"))) == [(1, ""), (2, mended)]


def test_lines_of_two_encodings_in_one_file() -> None:
    raw = "T: caf\u00e9\n".encode() + "C: caf\u00e9".encode("cp1252")
    assert [line for _, line in stream_lines(source(raw))] == ["T: caf\u00e9", "C: caf\u00e9"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "empty"),
        (b" \n\n", 1, "empty"),
        (b"T: Hi\nC: \x81\x8d", 2, "neither UTF-8 nor"),
        (b"T: Hi\nC: \x00\x01", 2, "holds a NUL"),
        ("T: Hello there\n".encode("utf-16-le"), 1, "UTF-16 text without a byte order mark"),
        ("T: Hello there\n".encode("utf-16-be"), 1, "UTF-16 text without a byte order mark"),
        (b"\xff\xfeT\x00x", 1, "broken UTF-16"),
    ],
)
def test_files_that_are_no_text(content: bytes, line: int, reason: str) -> None:
    for decode in (read_text, lambda raw: list(stream_lines(raw))):
        with pytest.raises(DataError, match=reason) as caught:
            decode(source(content))
        assert caught.value.where == f"folder/a.txt:{line}"


class Endless(io.RawIOBase):
    """Two gigabytes on one line, made while they are read."""

    left = 2 * 2**30

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), self.left)
        buffer[:count] = b"a" * count
        self.left -= count
        return count


@pytest.mark.parametrize("stated", [2 * 2**30, 10])
def test_a_line_without_an_end_is_not_held(stated: int) -> None:
    endless = Source("a.txt", "a.txt", stated, lambda: io.BufferedReader(Endless()))
    tracemalloc.start()
    with pytest.raises(DataError, match="a line longer than 16 MiB"):
        list(stream_lines(endless))
    with pytest.raises(DataError, match="larger than 256 MiB"):
        read_text(endless)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (3 * MAX_LINE if stated > MAX_BYTES else 3 * MAX_BYTES)


def test_streaming_takes_the_memory_of_a_line() -> None:
    many = source(b"T: so and so\n" * 100_000)
    tracemalloc.start()
    assert sum(1 for _ in stream_lines(many)) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**18


STYLES = {
    "names": ("THERAPIST: ", "CLIENT: "),
    "letters": ("T: ", "C: "),
    "numbered": ("T1: ", "C1: "),
    "short": ("Th: ", "Pt: "),
    "title": ("Dr. Smith: ", "Anna: "),
    "times": ("COUNSELOR [00:01:15.09]: ", "CLIENT [00:01:17.20]: "),
    "bold": ("**Therapist:** ", "**Client:** "),
    "questions": ("Q: ", "A: "),
    "time first": ("[00:01:15] T: ", "[00:01:17] C: "),
    "time in brackets": ("T (1:15) : ", "C (1:17) : "),
    "marks": (">> T: ", ">> C: "),
}


def label(style: str) -> str:
    name = style.removeprefix(">> ").rpartition("] " if style.startswith("[") else "\n")[2]
    return name.partition("[")[0].partition("(")[0].strip(" *:")


def render(said: list[tuple[int, str]], style: tuple[str, str], between: str = "\n") -> str:
    lines = (style[who] + words for who, words in said)
    return between.join(textwrap.fill(line, 70, break_on_hyphens=False) for line in lines)


ODDITIES = ["well,", "I'd", "half-way", "[laughs]", "10:30", "--", "no?", "it's-", "\u201cok\u201d"]
SPOKEN = st.lists(st.sampled_from(["so", "you", "T", *ODDITIES]), min_size=1, max_size=30)
WORDS = SPOKEN.map(" ".join)
SESSIONS = st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.sampled_from(sorted(STYLES)), st.sampled_from(["\n", "\n\n", "\n \n\n"]))
def test_random_sessions_come_back(pairs: list[tuple[str, str]], name: str, between: str) -> None:
    style = STYLES[name]
    said = [(who, words) for pair in pairs for who, words in enumerate(pair)]
    expected = [(label(style[who]), words) for who, words in said]
    assert read(render(said, style, between)) == expected


@pytest.mark.parametrize("name", ["names", "letters", "title", "times", "bold", "questions"])
def test_annomi_comes_back_in_six_styles(name: str) -> None:
    if not ANNOMI.exists():
        pytest.skip("AnnoMI has no licence, so it is no part of this repository")
    sessions: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with ANNOMI.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            words = " ".join(row["utterance_text"].split())
            sessions[row["transcript_id"]].append((int(row["interlocutor"] == "client"), words))
    style = STYLES[name]
    exact = [
        read(render(said, style)) == [(label(style[who]), words) for who, words in said]
        for said in sessions.values()
    ]
    assert exact == [True] * 133


def test_a_colon_alone_makes_no_speaker() -> None:
    content = (
        "Session 4: typed\nSpeakers: two\n\nAnn: Hello.\nNote: she waved.\nBen: I told him: stop.\n"
        "Here's the thing: no.\nAnn: And now?\nBen: Well.\n\n[end]\n"
    )
    assert read(content) == [
        (None, "Session 4: typed"),
        (None, "Speakers: two"),
        ("Ann", "Hello. Note: she waved."),
        ("Ben", "I told him: stop. Here's the thing: no."),
        ("Ann", "And now?"),
        ("Ben", "Well."),
        (None, "[end]"),
    ]


def test_labels_with_notes_and_slips_are_not_put_into_the_others_words() -> None:
    content = (
        "Therapist: Hello.\nClient (softly): Hi.\nTherapist (CONT): And\nnow?\nClient: Well.\n"
        "Therapst: Yes?\n- Client: No.\nTherapist; Why?\n\u200eClient\uff1a So.\n"
    )
    words = ["Hello.", "Hi.", "And now?", "Well.", "Yes?", "No.", "Why?", "So."]
    assert read(content, "therapist", "client") == list(
        zip(["Therapist", "Client"] * 4, words, strict=True)
    )


def test_a_label_on_its_own_line_without_a_colon() -> None:
    talk = "Therapist\nHello: you.\n\nClient\nHi.\nThere.\n\nTherapist\nSo?\n\nClient\nYes."
    assert read(f"Session four\n\n{talk}", "therapist", "client") == [
        (None, "Session four"),
        ("Therapist", "Hello: you."),
        ("Client", "Hi. There."),
        ("Therapist", "So?"),
        ("Client", "Yes."),
    ]


def test_a_known_label_counts_even_once() -> None:
    assert read("T: Hello.\nX: Hi.\n", "t", "x") == [("T", "Hello."), ("X", "Hi.")]


def test_a_label_above_its_words_and_a_label_without_any() -> None:
    content = "T:\nHello.\n\nC:\n\nHi.\nT:\nC: Yes.\n"
    assert read(content) == [("T", "Hello."), ("C", "Hi."), ("C", "Yes.")]


def test_lines_and_times() -> None:
    content = (
        "T [00:15]: One\ntwo\n\n0:20\nC: Three\n0:25\nT: Four\n(0:30)\nC: Five\n0:35\nT: Six\n"
    )
    (transcript,) = text.read(source(content), Hints())
    each = transcript.utterances
    assert [one.line for one in each] == [1, 5, 7, 9, 11]
    assert [one.start_s for one in each] == [15, 20, 25, 30, 35]


def test_times_before_lines_without_labels() -> None:
    content = "[0:01] T: One\n[0:02] two\n[0:03] C: Three\n[0:04] four\n[0:05] T: Five at\n10:30\n"
    found = read(content + "[0:06] C: Six")
    assert found[:4] == [("T", "One"), (None, "two"), ("C", "Three"), (None, "four")]
    assert found[4:] == [("T", "Five at 10:30"), ("C", "Six")]
    assert read("0:01 So how\n0:02 are you?\n") == [(None, "So how"), (None, "are you?")]


def test_change_marks_without_labels() -> None:
    (transcript,) = text.read(source(">> So how\nare you?\n>> Fine.\n>> Good."), Hints())
    found = [(each.speaker, each.text, each.change) for each in transcript.utterances]
    assert found == [(None, "So how are you?", True), (None, "Fine.", True), (None, "Good.", True)]


OTTER = """Session four
Mon, Jan 1, 2024 10:00AM - 1:02:03

SUMMARY KEYWORDS
sleep, work

SPEAKERS
Speaker 1, Dr. Vale

Speaker 1  00:02
Here's the thing: I don't sleep.
At all.

Dr. Vale  1:00:05
Since when?

Speaker 1  1:00:09
Since March.

Transcribed by https://otter.ai
"""
ZOOM = "[Ann O'Neil] 10:02:11\nHello: how are you?\n\n[Ben] 10:02:15\nFine.\nThanks.\n"
ZOOM_CHAT = (
    "10:02:11\t From Ann O'Neil : Hello: how are you?\n10:02:15\t From Ben : Fine.\n Thanks.\n"
)
ZOOM_NEW = (
    "10:02:11 From Ann O'Neil to Everyone:\n\tHello: how are you?\n"
    "10:02:15 From Ben to Ann O'Neil (Direct Message):\n\tFine.\n\tThanks.\n"
)
TEAMS = "Ann O'Neil   0:03\nHello: how are you?\n\nBen\t1:00:05\nFine.\nThanks.\n"


def test_otter() -> None:
    (transcript,) = text.read(source(OTTER), Hints())
    assert [(each.speaker, each.text, each.start_s) for each in transcript.utterances] == [
        ("Speaker 1", "Here's the thing: I don't sleep. At all.", 2),
        ("Dr. Vale", "Since when?", 3605),
        ("Speaker 1", "Since March.", 3609),
    ]
    assert transcript.utterances[0].line == 10


@pytest.mark.parametrize("content", [ZOOM, ZOOM_CHAT, ZOOM_NEW, TEAMS])
def test_zoom_and_teams(content: str) -> None:
    assert read(content) == [("Ann O'Neil", "Hello: how are you?"), ("Ben", "Fine. Thanks.")]


PHRASES = WORDS.map(lambda words: f"well {words}")
NAMES = ("Ann O'Neil", "Dr. Vale, Ben")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(PHRASES, PHRASES), min_size=1, max_size=6))
def test_random_sessions_come_back_from_exports(pairs: list[tuple[str, str]]) -> None:
    said = [(name, words) for pair in pairs for name, words in zip(NAMES, pair, strict=True)]
    assert read("\n\n".join(f"{who}  00:02\n{words}" for who, words in said)) == said
    assert read("\n".join(f"[{who}] 10:02:11\n{words}" for who, words in said)) == said
    assert read("\n".join(f"10:02:11\t From {who} : {words}" for who, words in said)) == said


def test_a_panel_pasted_from_youtube() -> None:
    content = (
        "Opening\n0:00\nso how are you\n0:04\n4 seconds\nwell: not bad\nSleep\n1:00:01\nI see\n"
    )
    (transcript,) = text.read(source(content), Hints())
    assert [(each.speaker, each.text, each.start_s) for each in transcript.utterances] == [
        (None, "Opening", None),
        (None, "so how are you", 0),
        (None, "well: not bad", 4),
        (None, "Sleep", None),
        (None, "I see", 3601),
    ]


@pytest.mark.parametrize(
    "content", [OTTER, ZOOM, ZOOM_CHAT, TEAMS, "T: Hi\nC: Ho", "[00:01] T: Hi"]
)
@pytest.mark.parametrize("name", ["a.txt", "a", "a.dat"])
def test_text_is_told_from_other_formats(content: str, name: str) -> None:
    assert detect(source(content, name)) == "text"
    assert next(read_source(source(content, name), Hints())).format == "text"


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHi", "a.txt", "captions"),
        ("\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\nHi", "a", "captions"),
        ("\n00:00:01,000 --> 00:00:02,000\nHi", "a", "captions"),
        ('{"events": []}', "a.json", "json3"),
        ('{"wireMagic": "pb3", "pens": [{"segments": 1}], "events": []}', "a", "json3"),
        ('{"segments": []}', "a.json", "whisper"),
        ('{"text": "so \\"events\\": ' + "x" * 70_000, "a.json", "whisper"),
        ('{"systeminfo": "", "transcription": [{"text": ""}]}', "a.json", "whisper"),
        ('[{"text": "Hi", "start": 0.0, "duration": 1.0}]', "a.json", "whisper"),
        ('[\n {"emotion_type": "x", "dialog": [{"content": "Hi"}]}]', "a.json", "esconv"),
        ('{"id": "x", "conversations": [{"from": "human"}]}\n{"id"', "a.jsonl", "chat"),
        ('[{"messages": [{"role": "user", "content": "Hi"}]}]', "a.json", "chat"),
        ('[{"role": "user", "content": "Hi"}]', "a.json", "chat"),
        ("speaker,text\nt,Hello\n", "a", "table"),
        ("speaker;text\nt;Hello\n", "a.csv", "table"),
        ("who,what\nt,Hello\n", "a.csv", "table"),
        ("questionID,questionTitle,questionText,answerText\n1,a,b,c\n", "a.csv", "qa"),
        ("question\tanswer\nWhy?\tSo.\n", "a.tsv", "qa"),
        ("%PDF-1.4\n", "a.dat", "pdf"),
        (b"PK\x03\x04rest[Content_Types].xml", "a", "docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a.dat", "docx"),
        ("T: Hi", "a.vtt", "captions"),
        ("not JSON", "a.json", "whisper"),
        ("{braces} open this note\nT: Hi", "a.txt", "text"),
    ],
)
def test_formats_are_told_by_content_then_by_suffix(
    content: str | bytes, name: str, kind: str
) -> None:
    assert detect(source(content, name)) == kind


@pytest.mark.parametrize("content", ["{}", '{"words": []}', '[{"x": 1}]', "[" * 100_000, '{"te'])
def test_json_of_no_known_shape(content: str) -> None:
    with pytest.raises(DataError, match="JSON of no known shape") as caught:
        detect(source(content, "a.json"))
    assert caught.value.where == "folder/a.json:1"


def test_an_archive_under_another_name() -> None:
    with pytest.raises(DataError, match="zip archive under another name"):
        detect(source(b"PK\x03\x04rest", "a.dat"))
