"""JSON that speech recognisers write, by whichever of its lists the file has.

- whisper, WhisperX: `{"segments": [{"start", "end", "text", "speaker", "words": [...]}]}`, or that
  list alone. Speakers are taken by word: WhisperX gives a segment the speaker of most of its words.
- whisper.cpp: `{"transcription": [{"offsets": {"from", "to"}, "text", "speaker"}]}`, milliseconds;
  `speaker` with --diarize, `speaker_turn_next` with --tinydiarize.
- youtube-transcript-api: `[{"text", "start", "duration"}]`, captions without speakers.
"""

from collections.abc import Iterator
from typing import Any

from corpus.formats.cues import Cue
from corpus.formats.json3 import make_cue, not_overlapping
from corpus.formats.json_items import Item, number, read_items
from corpus.formats.jsonstream import mend
from corpus.formats.markup import tidy
from corpus.formats.voices import utterances
from corpus.formats.word_speakers import by_speaker, speaker_name
from corpus.transcript import Hints, Source, Transcript, Utterance

SHAPE = '{"segments": [{"text": "Hello", "start": 0.0, "speaker": "A"}, ...]}'


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a file.

    Raises:
        DataError: not JSON, or not of these shapes; names the line.
    """
    found = read_items(source, ("segments", "transcription"), SHAPE)
    for line, item in found.items:
        if not isinstance(item.get("text"), str):
            raise source.error("a segment without text", line, f"needs {SHAPE}")
    if found.key == "transcription":
        said = list(read_whisper_cpp(found.items))
    elif all("duration" in item for _, item in found.items):
        cues = [read_snippet(line, item) for line, item in found.items]
        said = list(utterances(not_overlapping(cues), hints.labels))
    else:
        said = [each for line, item in found.items for each in by_speaker(source, line, item)]
    if not said:
        raise source.error("no words in any segment", 1, "is the file complete?")
    yield Transcript("", source.name, "whisper", tuple(said))


def read_snippet(line: int, item: dict[str, Any]) -> Cue:
    """One line of youtube-transcript-api's list."""
    return make_cue(line, number(item.get("start")), number(item["duration"]), mend(item["text"]))


def read_whisper_cpp(items: list[Item]) -> Iterator[Utterance]:
    """The segments of whisper.cpp; its diarisation by channel writes `?` where it cannot tell."""
    change = False
    for line, item in items:
        offsets = item.get("offsets")
        times = offsets if isinstance(offsets, dict) else {}
        speaker = speaker_name(item.get("speaker"))
        text = tidy(mend(item["text"]))
        if text:
            yield Utterance(
                speaker=None if speaker == "?" else speaker,
                text=text,
                line=line,
                start_s=number(times.get("from"), 1000),
                end_s=number(times.get("to"), 1000),
                change=change,
            )
            change = False
        change = change or item.get("speaker_turn_next") is True
