"""Caption files made here: what becomes of each format's marks, and what broken ones say."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

import pytest
from caption_files import GUID, Pair, changes, pairs, read, timing
from hypothesis import given
from hypothesis import strategies as st

from hybridtune.errors import DataError

# Formats, one by one


def test_manual_vtt_settings_notes_entities_and_tags() -> None:
    transcript = read(
        "WEBVTT - Session four\nKind: captions\n\nSTYLE\n::cue { color: red }\n\n"
        "REGION\nid:one\n\nNOTE Ann: not a cue\nover two lines\n\n"
        "first\n00:07.551 --> 00:09.444 align:start position:0%\nANN: Hello<br>there,\n\n"
        "00:00:09.500 --> 00:00:11.000\n<i>how</i> are\n<b.loud>you</b>?\n\n"
        "00:00:12.000 --> 00:00:13.000\nBen: Here's the thing: fine &amp; 3 &lt; 4&nbsp;&lrm;ok\n\n"
        "NOTE\n\n00:14.000 --> 00:15.000\nAnn: <lang en>Good</lang>.\n\n"
        "00:16.000 --> 00:17.000\n{\\an8}Ben: Bye.\n"
    )
    assert transcript.title == "Session four"
    assert [(each.speaker, each.text) for each in transcript.utterances] == [
        ("ANN", "Hello there,"),
        (None, "how are you?"),
        ("Ben", "Here's the thing: fine & 3 < 4 ok"),
        ("Ann", "Good."),
        ("Ben", "Bye."),
    ]
    first, second, *_ = transcript.utterances
    assert (first.start_s, first.end_s, first.line) == (7.551, 9.444, 14)
    assert (second.start_s, second.end_s, second.line) == (9.5, 11.0, 17)


def test_zoom_vtt_with_byte_order_mark_and_carriage_returns() -> None:
    text = (
        "\ufeffWEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\nAnn O'Neil: Hello\n\n"
        "2\n00:00:02.000 --> 00:00:03.000\nHere's the thing: we wait.\n\n"
        "3\n00:00:03.000 --> 00:00:04.000\nBen: Yes\n\n"
        "4\n00:00:04.000 --> 00:00:05.000\nAnn O'Neil: 10:30 then.\n\n"
        "5\n00:00:05.000 --> 00:00:06.000\nBen: Fine\n"
    )
    assert pairs(text.replace("\n", "\r\n")) == [
        ("Ann O'Neil", "Hello"),
        (None, "Here's the thing: we wait."),
        ("Ben", "Yes"),
        ("Ann O'Neil", "10:30 then."),
        ("Ben", "Fine"),
    ]


def test_teams_vtt_joins_an_utterance_that_is_cut_into_cues() -> None:
    text = (
        f"WEBVTT\n\n{GUID}/17-0\n00:00:01.000 --> 00:00:02.000\n"
        "<v Dr. O'Neil, Ann (she/her)>Hello\nthere,</v>\n\n"
        f"{GUID}/17-1\n00:00:02.000 --> 00:00:03.500\n<v Dr. O'Neil, Ann (she/her)>come in.</v>\n\n"
        f"{GUID}/19-0\n00:00:04.000 --> 00:00:05.000\n<v Dr. O'Neil, Ann (she/her)>So.</v>\n\n"
        f"{GUID}/20-0\n00:00:05.000 --> 00:00:06.000\n<v Ben &amp; Co>Thanks: a lot</v>\n"
    )
    transcript = read(text.replace("\n", "\r\n"))
    assert [(each.speaker, each.text) for each in transcript.utterances] == [
        ("Dr. O'Neil, Ann (she/her)", "Hello there, come in."),
        ("Dr. O'Neil, Ann (she/her)", "So."),
        ("Ben & Co", "Thanks: a lot"),
    ]
    assert (transcript.utterances[0].start_s, transcript.utterances[0].end_s) == (1.0, 3.5)


def test_voice_tags_open_classed_and_several_in_a_cue() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:02.400\n[music]\n\n"
        "00:03.000 --> 00:04.000\n<v.loud Ann>Hello</v>\n\n"
        "00:04.000 --> 00:05.000\n<v Ben>Hi\nthere. <v Ann>Well?\n"
    )
    assert pairs(text) == [
        (None, "[music]"),
        ("Ann", "Hello"),
        ("Ben", "Hi there."),
        ("Ann", "Well?"),
    ]


def test_dashes_of_a_cue_are_two_speakers_whom_nobody_names() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\n- How are you?\n- Fine, I\nguess.\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\n-and you -- usually\ngo - really?\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\nYes.\n- Often?\n\n"
        "4\n00:00:04,000 --> 00:00:05,000\n- No.\n\n"
        "5\n00:00:05,000 --> 00:00:06,000\nit was\n- well - hard\n"
    )
    assert changes(text) == [
        ("How are you?", True),
        ("Fine, I guess.", True),
        ("-and you -- usually go - really?", False),
        ("Yes.", False),
        ("Often?", True),
        ("No.", True),
        ("it was - well - hard", False),
    ]
    assert {speaker for speaker, _ in pairs(text)} == {None}


def test_a_lone_dash_is_no_mark_in_a_file_without_pairs_of_them() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nIt was.\n- well - hard\n"
    assert changes(text) == [("It was. - well - hard", False)]


def test_a_dash_at_the_start_of_each_new_speakers_cue_marks_the_change() -> None:
    texts = ["- How are you?", "- Fine.", "I guess - or", "so.", "- Since when?", "- Since May."]
    text = "\n\n".join(
        f"{timing(2000 * at, 2000 * at + 1900)}\n{text}" for at, text in enumerate(texts)
    )
    assert changes(text) == [
        ("How are you?", True),
        ("Fine.", True),
        ("I guess - or", False),
        ("so.", False),
        ("Since when?", True),
        ("Since May.", True),
    ]


def test_dashes_within_sentences_mark_nobody() -> None:
    texts = ["It was", "- well -", "hard, and", "- you know -", "long. And", "- so -", "slow."]
    text = "\n\n".join(
        f"{timing(2000 * at, 2000 * at + 1900)}\n{text}" for at, text in enumerate(texts)
    )
    assert changes(text) == [(text, False) for text in texts]


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("Ann Lee (she/her): ", "Ben\u2019s phone: ", ("Ann Lee", "Ben\u2019s phone")),
        ("[Ann] ", "[Ben] ", ("Ann", "Ben")),
        ("<i>Ann</i> - ", "Ben - ", ("Ann", "Ben")),
        ("(Ann): ", "(Ben): ", ("Ann", "Ben")),
    ],
)
def test_labels_of_other_layouts_in_cues(one: str, other: str, names: tuple[str, str]) -> None:
    texts = [f"{one}Hello", f"{other}Hi"] * 3
    text = "\n\n".join(
        f"{timing(2000 * at, 2000 * at + 1900)}\n{text}" for at, text in enumerate(texts)
    )
    assert pairs(text) == [(names[0], "Hello"), (names[1], "Hi")] * 3


def test_labels_behind_dashes_and_on_several_lines_of_a_cue() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\n- Ann: Hi.\n- Ben: Ho.\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nAnn: So\nit is.\nBen: Yes.\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\nAnn:\n\n4\n00:00:04,000 --> 00:00:05,000\nGood.\n"
    )
    assert pairs(text) == [
        ("Ann", "Hi."),
        ("Ben", "Ho."),
        ("Ann", "So it is."),
        ("Ben", "Yes."),
        ("Ann", "Good."),
    ]


def test_change_marks_cut_an_utterance_where_they_stand() -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nSo how is it? &gt;&gt; Fine,\n\n"
        "00:02.000 --> 00:03.000\nthanks. >>\n\n00:03.000 --> 00:04.000\nGood.\n\n"
        "00:04.000 --> 00:05.000\n>> Yes.>>> No.\n"
    )
    assert changes(text) == [
        ("So how is it?", False),
        ("Fine,", True),
        ("thanks.", False),
        ("Good.", True),
        ("Yes.", True),
        ("No.", True),
    ]
    first, second, *_ = read(text).utterances
    assert (first.start_s, first.end_s) == (1.0, None)
    assert (second.start_s, second.end_s) == (None, 2.0)


# Random sessions in each format

NAMES = ["Ann", "Ben O'Neil", "THERAPIST", "Dr. Lee", "Speaker 2"]
WORDS = "well I don't know it's -- okay so-so caf\u00e9 R&D a<b >5 \u201cyes\u201d 2 NOTE"
WORD = st.sampled_from(WORDS.split())
TEXT = st.lists(
    st.tuples(WORD, st.sampled_from(["", "", ",", ".", "?", "...", ";"])), min_size=1, max_size=12
).map(lambda found: " ".join(word + mark for word, mark in found))
SESSION = st.lists(st.tuples(st.sampled_from(NAMES), TEXT), min_size=1, max_size=12)
LABELS = {"ann", "ben o'neil", "therapist", "dr. lee", "speaker 2"}


def merged(found: Iterable[Pair]) -> list[Pair]:
    """Speakers carried on, and what one says in a row put together."""
    carried, speaker = [], None
    for who, text in found:
        speaker = who or speaker
        carried.append((speaker, text))
    return [
        (who, " ".join(text for _, text in group))
        for who, group in groupby(carried, lambda each: each[0])
    ]


def cut(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def cue_texts(session: Sequence[tuple[str, str]], width: int, rows: int) -> list[str]:
    """Labelled turns as the texts of cues of some rows; the label only in a turn's first."""
    found = []
    for who, text in session:
        lines = cut(f"{who}: {text}", width)
        found += ["\n".join(lines[at : at + rows]) for at in range(0, len(lines), rows)]
    return found


@given(SESSION, st.integers(16, 60), st.integers(1, 3), st.booleans())
def test_labelled_vtt_comes_back(
    session: list[tuple[str, str]], width: int, rows: int, named: bool
) -> None:
    cues = [
        f"{'a cue' * named}{chr(10) * named}{timing(2000 * at, 2000 * at + 1900)} line:85%\n"
        f"{html.escape(text, quote=False)}\n\n"
        for at, text in enumerate(cue_texts(session, width, rows))
    ]
    text = "WEBVTT\n\n" + "NOTE\nnothing\n\n".join(cues)
    assert merged(pairs(text, LABELS)) == merged(session)


@given(SESSION, st.integers(16, 60), st.sampled_from(["\n\n", "\n"]), st.sampled_from([",", "."]))
def test_labelled_srt_comes_back(
    session: list[tuple[str, str]], width: int, gap: str, mark: str
) -> None:
    cues = [
        f"{at}\n{timing(2000 * at, 2000 * at + 1900, mark)}\n{html.escape(text, quote=False)}"
        for at, text in enumerate(cue_texts(session, width, 2), start=1)
    ]
    assert merged(pairs(gap.join(cues), LABELS)) == merged(session)


@given(SESSION)
def test_zoom_vtt_comes_back(session: list[tuple[str, str]]) -> None:
    cues = [
        f"{at}\r\n{timing(2000 * at, 2000 * at + 1900)}\r\n"
        f"{who}: {html.escape(text, quote=False)}\r\n\r\n"
        for at, (who, text) in enumerate(session, start=1)
    ]
    assert pairs("\ufeffWEBVTT\r\n\r\n" + "".join(cues), LABELS) == session


@given(SESSION, st.integers(10, 60), st.integers(1, 3))
def test_teams_vtt_comes_back(session: list[tuple[str, str]], width: int, rows: int) -> None:
    blocks, now = ["WEBVTT"], 0
    for number, (who, text) in enumerate(session):
        lines = cut(html.escape(text, quote=False), width)
        for part in range(0, len(lines), rows):
            wrapped = "\r\n".join(lines[part : part + rows])
            head = f"{GUID}/{number}-{part // rows}\r\n{timing(now, now + 900)}"
            blocks.append(f"{head}\r\n<v {who}>{wrapped}</v>")
            now += 1000
    assert pairs("\r\n\r\n".join(blocks)) == session


# Malformed files

HEAD = "WEBVTT\n\n"
ONE = "00:01.000 --> 00:02.000\nHi\n\n"
BROKEN = {
    "a text": ("Ann: Hi\nBen: Ho\n", 1, "neither a WEBVTT line nor a cue timing"),
    "header alone": ("WEBVTT\n", 1, "no cues"),
    "notes alone": ("WEBVTT\n\nNOTE\nHi\n", 1, "no cues"),
    "no words": (f"{HEAD}00:01.000 --> 00:02.000\n \n\n00:03.000 --> 00:04.000\n", 3, "no words"),
    "no time": (f"{HEAD}{ONE}1\n00:01.000 --> soon\nHi\n", 7, "'00:01.000 --> soon'"),
    "no end": (f"{HEAD}{ONE}1\n00:01.000 -->\nHi\n", 7, "write 00:01:02.345"),
    "no start": (f"{HEAD}{ONE}--> 00:01.000\nHi\n", 6, "not a cue timing"),
    "short arrow": (f"{HEAD}{ONE}00:01.000 -> 00:02.000\nHi\n", 6, "not a cue timing"),
    "seconds alone": (f"{HEAD}1.5 --> 2.5\nHi\n", 3, "not a cue timing"),
    "broken and glued": (f"{HEAD}00:01.000 --> 00:02.000\nHi\n00:02 --> 1\nHo", 5, "00:02 --> 1"),
    "glued to the header": ("WEBVTT\n00:01.000 --> x\nHi\n", 2, "not a cue timing"),
    "text first": (f"{HEAD}Hello\nthere\n\n{ONE}", 3, "text outside of any cue"),
    "cut in a timing": (f"{HEAD}{ONE}00:00:03.000 --> 00:0", 6, "not a cue timing"),
    "cut in a start": (f"{HEAD}{ONE}2\n00:00:03.0", 7, "ends within a timing"),
    "cut in an arrow": (f"{HEAD}{ONE}00:00:03.000 --", 6, "ends within a timing"),
    "empty": ("", 1, "empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_captions_name_file_and_line(case: str) -> None:
    content, line, reason = BROKEN[case]
    with pytest.raises(DataError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith(f"folder/a.vtt:{line}: ")
    assert reason in message
    assert "\n" not in message


READ_RIGHTLY: dict[str, tuple[str | bytes, list[str]]] = {
    "comma milliseconds": (f"{HEAD}00:01,000 --> 00:02,000\nHi\n", ["Hi"]),
    "no header": (ONE, ["Hi"]),
    "lower-case header": (f"webvtt\n\n{ONE}", ["Hi"]),
    "metadata below the header": (f"{HEAD}Kind: captions\nLanguage: en\n\n{ONE}", ["Hi"]),
    "cue glued to the header": (f"WEBVTT\nKind: captions\n1\n{ONE}", ["Hi"]),
    "cues glued": (f"{HEAD}{ONE.strip()}\n00:02.000 --> 00:03.000\n5\n", ["Hi", "5"]),
    "numbered cues glued": (f"{HEAD}1\n{ONE.strip()}\n2\n{ONE}", ["Hi", "Hi"]),
    "white line between": (f"{HEAD}1\n{ONE.strip()}\n \n2\n{ONE}", ["Hi", "Hi"]),
    "cut in the text": (f"{HEAD}{ONE}00:03.000 --> 00:04.000\nAnd th", ["Hi", "And th"]),
    "cut behind a timing": (f"{HEAD}{ONE}00:03.000 --> 00:04.000", ["Hi"]),
    "cut behind an index": (f"1\n{ONE}2", ["Hi"]),
    "SRT without an index": (f"{ONE}2\n{ONE}", ["Hi", "Hi"]),
    "index apart": (f"1\n\n{ONE}2\n\n{ONE}", ["Hi", "Hi"]),
    "empty line in a cue": (f"1\n{ONE}there\n5\n\n2\n{ONE}", ["Hi there 5", "Hi"]),
    "arrow in the text": (f"{HEAD}{ONE.strip()}\nso --> there\n", ["Hi so --> there"]),
    "no spaces": (f"{HEAD}00:01.000-->00:02.000\nHi\n", ["Hi"]),
    "an empty cue": (f"{HEAD}00:00.000 --> 00:01.000\n\n{ONE}", ["Hi"]),
    "UTF-16": (f"{HEAD}{ONE}".encode("utf-16"), ["Hi"]),
    "bare carriage returns": (f"{HEAD}{ONE}".replace("\n", "\r"), ["Hi"]),
}  # fmt: skip


@pytest.mark.parametrize("case", READ_RIGHTLY)
def test_captions_that_can_mean_one_thing_are_read(case: str) -> None:
    content, expected = READ_RIGHTLY[case]
    assert [text for _, text in pairs(content)] == expected


def test_an_end_before_the_start_is_no_time() -> None:
    (only,) = read(f"{HEAD}00:05.000 --> 00:02.000\nHi\n").utterances
    assert (only.text, only.start_s, only.end_s) == ("Hi", 5.0, None)
