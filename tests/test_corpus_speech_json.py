"""Recognisers' JSON: YouTube's json3, whisper and its kin; what broken files say."""

import io
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats import json3, whisper
from corpus.transcript import Hints, Source, Transcript, Utterance
from hybridtune.errors import DataError

Pair = tuple[str | None, str]
Times = tuple[float | None, float | None]


def source(content: str | bytes | object) -> Source:
    if not isinstance(content, str | bytes):
        content = json.dumps(content, indent=1)
    data = content.encode() if isinstance(content, str) else content
    return Source("a.json", "folder/a.json", len(data), lambda: io.BytesIO(data))


def read_json3(content: object, labels: Iterable[str] = ()) -> tuple[Utterance, ...]:
    (transcript,) = json3.read(source(content), Hints(labels=frozenset(labels)))
    assert transcript.format == "json3"
    return transcript.utterances


def read_whisper(content: object) -> tuple[Utterance, ...]:
    (transcript,) = whisper.read(source(content), Hints())
    assert isinstance(transcript, Transcript)
    assert transcript.format == "whisper"
    return transcript.utterances


def pairs(found: Iterable[Utterance]) -> list[Pair]:
    return [(each.speaker, each.text) for each in found]


def times(found: Iterable[Utterance]) -> list[Times]:
    return [(each.start_s, each.end_s) for each in found]


# YouTube json3


def automatic_events(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Lines as YouTube's recogniser writes them: each is shown until the one after the next."""
    events: list[dict[str, Any]] = [{"tStartMs": 0, "dDurationMs": 9000, "id": 1, "wpWinPosId": 1}]
    for at, line in enumerate(lines):
        first, *more = line.split(" ")
        segs: list[dict[str, Any]] = [{"utf8": first, "acAsrConf": 0}]
        segs += [
            {"utf8": f" {word}", "tOffsetMs": 200 * place, "acAsrConf": 0}
            for place, word in enumerate(more, start=1)
        ]
        start = {"tStartMs": 2000 * at, "dDurationMs": 4000, "wWinId": 1}
        events.append({**start, "segs": segs})
        append = {"tStartMs": 2000 * at + 1990, "aAppend": 1, "segs": [{"utf8": "\n"}]}
        events.append(append)
    return events


def test_json3_events_windows_line_breaks_and_marks() -> None:
    lines = ["so how is it? >> fine", "note: I & you", "note: we >>", "good"]
    found = read_json3({"wireMagic": "pb3", "events": automatic_events(lines)})
    assert [(each.text, each.change) for each in found] == [
        ("so how is it?", False),
        ("fine", True),
        ("note: I & you", False),
        ("note: we", False),
        ("good", True),
    ]
    assert {each.speaker for each in found} == {None}
    assert times(found[:3]) == [(0.0, None), (None, 2.0), (2.0, 4.0)]


def test_json3_of_manual_captions_has_lines_labels_and_dashes() -> None:
    texts = [
        "Ann: Hello\nthere.",
        "- Yes?\n- No.",
        "Ben: Well &amp; <i>good</i>",
        "Ann: So",
        "Ben: Hm",
    ]
    events = [
        {"tStartMs": 1000 * at, "dDurationMs": 900, "segs": [{"utf8": text}]}
        for at, text in enumerate(texts)
    ]
    found = read_json3({"events": events})
    assert pairs(found) == [
        ("Ann", "Hello there."),
        (None, "Yes?"),
        (None, "No."),
        ("Ben", "Well & good"),
        ("Ann", "So"),
        ("Ben", "Hm"),
    ]
    assert [each.change for each in found] == [False, True, True, False, False, False]
    assert times(found)[3] == (2.0, 2.9)


def test_json3_keeps_words_that_an_append_event_holds() -> None:
    events = automatic_events(["I know"])
    events.append({"tStartMs": 3000, "aAppend": 1, "segs": [{"utf8": "you do"}]})
    assert pairs(read_json3({"events": events})) == [(None, "I know"), (None, "you do")]


WORDS = "no yeah well I don't know, 5 caf\u00e9 R&D it's so... [Music] \u201cyes\u201d"
WORD = st.sampled_from(WORDS.split())
TEXT = st.lists(WORD, min_size=1, max_size=8).map(" ".join)


@given(st.lists(TEXT, min_size=1, max_size=12))
def test_json3_comes_back(lines: list[str]) -> None:
    assert [each.text for each in read_json3({"events": automatic_events(lines)})] == lines


@given(st.lists(st.tuples(st.booleans(), TEXT), min_size=1, max_size=12))
def test_json3_change_marks_come_back(said: list[tuple[bool, str]]) -> None:
    lines = [f">> {text}" if change else text for change, text in said]
    found = read_json3({"events": automatic_events(lines)})
    assert [(each.change, each.text) for each in found] == said


# whisper and WhisperX


def word(text: str, start: float | None = None, speaker: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"word": text}
    if start is not None:
        found |= {"start": start, "end": start + 0.5, "score": 0.9}
    return found | ({"speaker": speaker} if speaker else {})


def test_segments_have_speakers_times_and_lines() -> None:
    segments = [
        {"start": 1, "end": 2.5, "text": " Hello.", "speaker": "SPEAKER_00"},
        {"start": 2.5, "end": 3, "text": " Yes I", "words": [word("Yes", 2.5, "B"), word("I")]},
        {"text": " do.", "start": float("nan"), "words": []},
        {"text": "  "},
        {"text": "So", "speaker": 1},
    ]
    text = json.dumps({"text": "", "language": "en", "segments": segments}, indent=1)
    found = read_whisper(text)
    assert pairs(found) == [
        ("SPEAKER_00", "Hello."),
        ("B", "Yes I"),
        (None, "do."),
        ("1", "So"),
    ]
    assert times(found) == [(1.0, 2.5), (2.5, 3.0), (None, None), (None, None)]
    lines = text.split("\n")
    assert all(lines[each.line - 1].strip() == "{" for each in found)
    assert {each.change for each in found} == {False}


def test_a_segment_is_cut_where_the_speaker_of_its_words_changes() -> None:
    words = [
        word("So,"),
        word("how", 1.0, "A"),
        word("are"),
        word("you?", 1.8, "A"),
        word("Fine,", 3.0, "B"),
        word("thanks."),
        word("5"),
    ]
    text = " \u2013 So,  how are you? Fine, thanks. \u2013 5"
    (segment,) = [{"start": 0.5, "end": 4.2, "text": text, "speaker": "A", "words": words}]
    found = read_whisper({"segments": [segment]})
    assert pairs(found) == [("A", "\u2013 So, how are you?"), ("B", "Fine, thanks. \u2013 5")]
    assert times(found) == [(0.5, 2.3), (3.0, 4.2)]


def test_words_that_are_not_those_of_the_text_are_put_together() -> None:
    words = [word("one", 1.0, "A"), word("2", 2.0, "B"), word("three")]
    found = read_whisper({"segments": [{"text": "One two three", "words": words}]})
    assert pairs(found) == [("A", "one"), ("B", "2 three")]
    assert times(found) == [(1.0, 1.5), (2.0, 2.5)]


def test_words_under_the_other_name_and_a_bare_list() -> None:
    words = [{"text": "Hi", "speaker": "A"}, {"text": "Ho", "speaker": "B"}]
    found = read_whisper([{"text": "Hi Ho", "words": words, "start": 0, "end": 1}])
    assert pairs(found) == [("A", "Hi"), ("B", "Ho")]


def test_whisper_cpp_times_channels_and_turns() -> None:
    items = [
        {"timestamps": {}, "offsets": {"from": 0, "to": 1500}, "text": " Hi", "speaker": "0"},
        {"offsets": {"from": 1500, "to": 2500}, "text": " Ho", "speaker": "?"},
        {"text": " So", "speaker_turn_next": True},
        {"text": " ", "speaker_turn_next": False},
        {"text": " Well", "speaker_turn_next": False},
        {"text": " yes", "speaker_turn_next": False},
    ]
    found = read_whisper({"systeminfo": "", "model": {"type": "base"}, "transcription": items})
    assert pairs(found) == [("0", "Hi"), (None, "Ho"), (None, "So"), (None, "Well"), (None, "yes")]
    assert times(found)[:3] == [(0.0, 1.5), (1.5, 2.5), (None, None)]
    assert [each.change for each in found] == [False, False, False, True, False]


def test_snippets_of_youtube_transcript_api() -> None:
    snippets = [
        {"text": "so how\nis it? &gt;&gt; it&#39;s", "start": 0.5, "duration": 4.0},
        {"text": "fine", "start": 2.5, "duration": 1.5},
    ]
    found = read_whisper(snippets)
    assert [(each.text, each.change) for each in found] == [
        ("so how is it?", False),
        ("it's", True),
        ("fine", False),
    ]
    assert times(found) == [(0.5, None), (None, 2.5), (2.5, 4.0)]


def test_escapes_that_hide_wrong_letters_are_mended() -> None:
    text = '[{"text": "caf\\u00c3\\u00a9 \\ud83d \\u0000ok", "start": 0}]'
    assert pairs(read_whisper(text)) == [(None, "caf\u00e9 \ufffd ok")]


SPEAKERS = st.sampled_from(["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"])
TURNS = st.lists(st.tuples(SPEAKERS, TEXT), min_size=1, max_size=12)


def merged(found: Iterable[Pair]) -> list[Pair]:
    """What one says in a row, put together."""
    return [
        (who, " ".join(text for _, text in group))
        for who, group in groupby(found, lambda each: each[0])
    ]


@given(TURNS, st.data())
def test_whisperx_comes_back_by_word(turns: list[tuple[str, str]], data: st.DataObject) -> None:
    """Segments end anywhere, and name one speaker; only the first word of a run names its own."""
    spoken = [(who, text) for who, said in turns for text in said.split()]
    ends = data.draw(st.lists(st.integers(1, len(spoken)), max_size=4, unique=True).map(sorted))
    segments: list[dict[str, Any]] = []
    for start, end in zip([0, *ends], [*ends, len(spoken)], strict=True):
        part, words, last = spoken[start:end], list[dict[str, Any]](), ""
        for at, (who, text) in enumerate(part):
            named = who != last or data.draw(st.booleans())
            words.append(word(text, start + at if named else None, who if named else None))
            last = who
        if part:
            text = " ".join(text for _, text in part)
            segments.append({"text": f" {text}", "speaker": part[0][0], "words": words})
    assert merged(pairs(read_whisper({"segments": segments}))) == merged(turns)


@given(TURNS, st.sampled_from(["segments", "transcription"]))
def test_segments_come_back_by_speaker(turns: list[tuple[str, str]], key: str) -> None:
    segments = [{"text": f" {text}", "speaker": who} for who, text in turns]
    assert pairs(read_whisper({key: segments})) == turns


# Malformed files

BROKEN_JSON3 = {
    "not JSON": ("events", 1, "not JSON"),
    "cut": ('{"events": [\n{"segs": [{"utf8": "Hi"}]},\n{"segs": [{"utf', 3, "not JSON"),
    "cut between": ('{"events": [\n{"segs": [{"utf8": "Hi"}]},\n', 3, "not JSON"),
    "no events": ('{"wireMagic": "pb3"}', 1, "no events"),
    "events are an object": ('{"events": {}}', 1, "no events"),
    "empty list": ('{"events": []}', 1, "no events"),
    "a number": ("3", 1, "no events"),
    "event is no object": ('{"events": [\n{},\n7]}', 3, "not an object: 7"),
    "segs are text": ('{"events": [\n{"segs": "Hi"}]}', 2, "segs of an event"),
    "seg is text": ('{"events": [\n\n{"segs": ["Hi"]}]}', 3, "segs of an event"),
    "word is a number": ('{"events": [\n{"segs": [{"utf8": 5}]}]}', 2, "utf8 of an event"),
    "windows alone": ('{"events": [{"tStartMs": 0}]}', 1, "no words in any event"),
    "two files in one": ('{"events": [{}]}\n{"events": [{}]}', 2, "something follows"),
    "empty": ("", 1, "empty"),
}
BROKEN_WHISPER = {
    "not JSON": ('{"segments": [\n{"text": \'Hi\'}]}', 2, "not JSON"),
    "cut": ('{"segments": [\n{"text": "Hi"},\n{"te', 3, "not JSON"),
    "cut at the end": ('{"segments": [\n{"text": "Hi"}\n]', 3, "not JSON"),
    "no comma": ('{"segments": [\n{"text": "Hi"}\n{"text": "Ho"}]}', 3, "not JSON"),
    "no colon": ('{"language", "en"}', 1, "not JSON"),
    "no segments": ('{"words": []}', 1, "no segments"),
    "segments are text": ('{"segments": "Hi"}', 1, "no segments"),
    "empty list": ("[]", 1, "no segments"),
    "textless": ('{"segments": [\n{"text": "Hi"},\n{"txt": "Ho"}]}', 3, "a segment without text"),
    "text is null": ('[{"text": "Hi"},\n{"text": null}]', 2, "a segment without text"),
    "segment is text": ('["Hi"]', 1, "not an object"),
    "words are text": ('[{"text": "Hi"},\n{"text": "Hi", "words": "Hi"}]', 2, "words of a segment"),
    "word is text": ('[\n{"text": "Hi", "words": ["Hi"]}]', 2, "words of a segment"),
    "silence": ('{"segments": [{"text": " "}]}', 1, "no words in any segment"),
    "too deep": ("[" * 100_000, 1, "nested too deep"),
    "endless number": ('[\n{"text": "Hi", "start": ' + "1" * 5000 + "}]", 2, "number"),
    "NUL": ('[{"text": "Hi\0"}]', 1, "NUL"),
}
BROKEN = {
    **{f"json3, {name}": (json3.read, *case) for name, case in BROKEN_JSON3.items()},
    **{f"whisper, {name}": (whisper.read, *case) for name, case in BROKEN_WHISPER.items()},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_json_names_file_and_line(case: str) -> None:
    reader, content, line, reason = BROKEN[case]
    with pytest.raises(DataError) as caught:
        list(reader(source(content), Hints()))
    message = str(caught.value)
    assert message.startswith(f"folder/a.json:{line}: ")
    assert reason in message
    assert "\n" not in message


READ_RIGHTLY = {
    "byte order mark": b'\xef\xbb\xbf[{"text": "Hi"}]',
    "UTF-16": '\r\n[{"text":\r\n "Hi"}]'.encode("utf-16"),
    "segments twice": '{"segments": [{"text": "Ho"}], "segments": [{"text": "Hi"}]}',
    "the name inside": '{"a": {"segments": [1]}, "segments": [{"text": "Hi", "segments": []}]}',
    "times are text": '[{"text": "Hi", "start": "soon", "end": true}]',
    "speaker is null": '[{"text": "Hi", "speaker": null, "words": null}]',
    "curly quotes and entities": '[{"text": "\u200eHi", "note": "\u201c&quot;\u201d"}]',
}


@pytest.mark.parametrize("case", READ_RIGHTLY)
def test_json_that_can_mean_one_thing_is_read(case: str) -> None:
    (only,) = read_whisper(READ_RIGHTLY[case])
    assert (only.speaker, only.text, only.start_s) == (None, "Hi", None)
