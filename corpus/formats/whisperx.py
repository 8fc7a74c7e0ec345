"""JSON as whisper and WhisperX write it: `{"segments": [{"start", "end", "text", "speaker"}]}`.

A segment without a speaker takes the one that most of its words have, if they have one.
"""

import json
import re
from collections import Counter
from typing import Any

from corpus.transcript import Document, Transcript, Utterance

SPACE = re.compile(r"[ \t\n\r]*")
SHAPE = 'needs {"segments": [{"text", "speaker"}, ...]}'


def read(document: Document) -> list[Transcript]:
    """Read the one conversation of a file.

    Raises:
        DataError: not JSON, or not of this shape; names the line.
    """
    try:
        content = json.loads(document.text)
    except json.JSONDecodeError as error:
        raise document.error(f"not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise document.error("not JSON that can be read: nested too deep", 1) from None
    segments = content.get("segments") if isinstance(content, dict) else content
    if not isinstance(segments, list) or not segments:
        raise document.error("no segments", 1, SHAPE)
    lines = segment_lines(document.text, len(segments))
    utterances = [
        read_segment(document, segment, line) for segment, line in zip(segments, lines, strict=True)
    ]
    return [Transcript("", document.name, "whisperx", tuple(utterances))]


def segment_lines(text: str, count: int) -> list[int]:
    """The lines on which the segments of a well-formed file start."""
    opening = re.search(r'"segments"\s*:\s*\[' if text.lstrip().startswith("{") else r"\[", text)
    assert opening, "json.loads found the list"
    place, decoder, starts = opening.end(), json.JSONDecoder(), list[int]()
    try:
        for _ in range(count):
            starts.append(skip_space(text, place))
            _, end = decoder.raw_decode(text, starts[-1])
            place = skip_space(text, end) + 1  # beyond the comma
    except json.JSONDecodeError:
        # Another list of that name came first: then only the file can be named.
        return [1] * count
    return count_lines(text, starts)


def count_lines(text: str, starts: list[int]) -> list[int]:
    """The line of each of some ascending places."""
    lines, line, counted = [], 1, 0
    for start in starts:
        line, counted = line + text.count("\n", counted, start), start
        lines.append(line)
    return lines


def skip_space(text: str, place: int) -> int:
    """The next place that is not white."""
    match = SPACE.match(text, place)
    return match.end() if match else place


def read_segment(document: Document, segment: Any, line: int) -> Utterance:
    """One segment."""
    if not isinstance(segment, dict) or not isinstance(segment.get("text"), str):
        raise document.error("a segment without text", line, SHAPE)
    start = segment.get("start")
    return Utterance(
        speaker=speaker_of(segment),
        text=segment["text"].strip(),
        line=line,
        start_s=float(start) if isinstance(start, int | float) else None,
    )


def speaker_of(segment: dict[str, Any]) -> str | None:
    """The segment's own speaker, or its words' most frequent one."""
    own = segment.get("speaker")
    if isinstance(own, str) and own.strip():
        return own.strip()
    words = segment.get("words")
    spoken = Counter(
        word["speaker"]
        for word in (words if isinstance(words, list) else [])
        if isinstance(word, dict) and isinstance(word.get("speaker"), str)
    )
    return min(spoken, key=lambda name: (-spoken[name], name)) if spoken else None
