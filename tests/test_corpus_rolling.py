"""Rolling captions: every word once, true repetitions kept, manual captions left as they are."""

import csv
import html
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pytest
from caption_files import manual, pairs, read, rolling, source, timing, words
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.cues import Cue, read_cues
from corpus.formats.rolling import is_rolling, unroll

ANNOMI = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "AnnoMI-simple.csv"

SPOKEN = st.sampled_from(
    ["no", "yeah", "I", "know", "don't", "5", "caf\u00e9", "no,", "well...", "[Music]", "mm-hmm"]
)
LINE = st.lists(SPOKEN, min_size=1, max_size=4).map(" ".join)
LINES = st.lists(st.tuples(LINE, st.booleans()), min_size=1, max_size=30)


@given(LINES, st.booleans())
def test_rolling_vtt_loses_and_doubles_no_word(lines: list[tuple[str, bool]], pause: bool) -> None:
    assert words(rolling(lines, pause_ms=3000 * pause)) == said(lines)


@given(LINES, st.booleans())
def test_rolling_srt_loses_and_doubles_no_word(lines: list[tuple[str, bool]], padded: bool) -> None:
    # Without padding only a pause tells a cleared window from one that carries its line on.
    text = rolling(lines, srt=True, padded=padded, pause_ms=0 if padded else 3000)
    assert words(text) == said(lines)


PAUSES = st.lists(st.sampled_from([0, 0, 30, 60, 800, 5000]), max_size=30)
MARKED = st.tuples(st.sampled_from(["", "", ">> "]), LINE).map("".join)


@given(st.lists(st.tuples(MARKED, st.booleans()), min_size=1, max_size=30), PAUSES, st.booleans())
def test_pauses_between_lines_lose_and_double_no_word(
    lines: list[tuple[str, bool]], pauses: list[int], srt: bool
) -> None:
    # Words that have times tell themselves, the padding of SRT tells a cleared window.
    shown = [(line if srt else html.escape(line, quote=False), cleared) for line, cleared in lines]
    text = rolling(shown, srt=srt, pauses=pauses)
    assert words(text) == [word for word in said(lines) if word != ">>"]


@given(LINES, PAUSES)
def test_pauses_in_srt_without_padding(lines: list[tuple[str, bool]], pauses: list[int]) -> None:
    text = rolling(lines, srt=True, padded=False, pause_ms=100, pauses=pauses)
    assert words(text) == said(lines)


def said(lines: Iterable[tuple[str, bool]]) -> list[str]:
    return [word for line, _ in lines for word in line.split()]


def test_repetitions_are_kept_and_editors_may_strip_the_padding() -> None:
    lines = [(line, False) for line in ("no", "no", "no", "no no", "I know", "I know", "no")]
    text = rolling(lines)
    assert [each.text for each in read(text).utterances] == [line for line, _ in lines]
    assert words("\n".join(line.rstrip() for line in text.split("\n"))) == said(lines)
    assert read(text).utterances[1].start_s == 2.16


def test_rolling_captions_with_change_marks_and_what_looks_like_a_label() -> None:
    lines = ["so how is it? &gt;&gt; fine", "note: I &amp; you", "note: we &gt;&gt;", "good"]
    text = rolling([(line, False) for line in lines])
    assert [(each.speaker, each.text, each.change) for each in read(text).utterances] == [
        (None, "so how is it?", False),
        (None, "fine", True),
        (None, "note: I & you", False),
        (None, "note: we", False),
        (None, "good", True),
    ]


@given(st.lists(LINE, min_size=1, max_size=30))
def test_manual_captions_keep_every_word(lines: list[str]) -> None:
    assert words(manual(lines)) == [word for line in lines for word in line.split()]


@pytest.mark.slow
@pytest.mark.skipif(not ANNOMI.is_file(), reason="AnnoMI is not part of the repository")
def test_real_words_survive_both_kinds_of_captions() -> None:
    with ANNOMI.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = total = forced = 0
    for _, session in groupby(rows, lambda row: row["transcript_id"]):
        text = " ".join(row["utterance_text"].replace(">", "") for row in session)
        lines = textwrap.wrap(text, 38, break_long_words=False, break_on_hyphens=False)
        reference = text.split()
        assert (
            words(rolling([(html.escape(line, quote=False), False) for line in lines])) == reference
        )
        assert words(rolling([(line, False) for line in lines], srt=True)) == reference
        pauses = [800 * (at % 3) for at in range(len(lines))]
        assert (
            words(rolling([(line, False) for line in lines], srt=True, pauses=pauses)) == reference
        )
        shown = manual("\n".join(pair) for pair in zip(lines[::2], lines[1::2], strict=False))
        total += sum(len(line.split()) for line in lines[: len(lines) // 2 * 2])
        kept += len(words(shown))
        forced += sum(len(line.split()) for cue in unroll(cues_of(shown)) for line in cue.lines)
        assert not is_rolling(cues_of(shown))
    assert total > 100_000
    assert kept >= 0.999 * total
    assert forced >= 0.999 * total  # even where manual captions are taken for rolling ones


def cues_of(content: str) -> list[Cue]:
    return read_cues(source(content), content)[1]


def test_cues_without_a_duration_are_not_taken_for_rolling_ones() -> None:
    texts = ["Ann: no", "Ben: no", "Ben: no", "Ann: no", "no", "no", "yes"]
    content = "\n\n".join(f"{timing(1000, 1000)}\n{text}" for text in texts)
    assert not is_rolling(cues_of(content))
    assert pairs(content)[:3] == [("Ann", "no"), ("Ben", "no"), ("Ben", "no")]
    assert len(words(content)) == len(texts)
