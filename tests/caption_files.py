"""Caption files made for the tests, and what is read from them."""

import html
import io
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from corpus.formats import captions
from corpus.transcript import Hints, Source, Transcript

GUID = "0b7c5a1e-93f4-4d2b-8a66-5f1e2d3c4b5a"
Pair = tuple[str | None, str]


def source(content: str | bytes, name: str = "a.vtt") -> Source:
    data = content.encode() if isinstance(content, str) else content
    return Source(name, f"folder/{name}", len(data), lambda: io.BytesIO(data))


def read(content: str | bytes, labels: Iterable[str] = ()) -> Transcript:
    (transcript,) = captions.read(source(content), Hints(labels=frozenset(labels)))
    return transcript


def pairs(content: str | bytes, labels: Iterable[str] = ()) -> list[Pair]:
    return [(each.speaker, each.text) for each in read(content, labels).utterances]


def changes(content: str) -> list[tuple[str, bool]]:
    return [(each.text, each.change) for each in read(content).utterances]


def words(content: str) -> list[str]:
    return [word for each in read(content).utterances for word in each.text.split()]


def clock(ms: int, mark: str = ".") -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def timing(start_ms: int, end_ms: int, mark: str = ".") -> str:
    return f"{clock(start_ms, mark)} --> {clock(end_ms, mark)}"


def rolling(
    lines: Sequence[tuple[str, bool]],
    *,
    srt: bool = False,
    padded: bool = True,
    pause_ms: int = 0,
    pauses: Sequence[int] = (),
) -> str:
    """Lines as YouTube shows them; with each, whether the window was cleared before it.

    `pause_ms` passes where it was, and `pauses` before each line, cleared or not.
    """
    cues: list[tuple[int, int, list[str]]] = []
    now, carried = 160, ""
    for (line, cleared), pause in zip(lines, chain(pauses, repeat(0)), strict=False):
        now += pause + (pause_ms if cleared and cues else 0)
        shown = line if srt else timed(line, now)
        top = " " if cleared or not carried else carried
        cues += [(now, now + 1990, [top, shown]), (now + 1990, now + 2000, [line, " "])]
        now, carried = now + 2000, line
    if srt:
        blocks = [
            f"{number}\n{timing(start, end, ',')}\n" + "\n".join(text if padded else unpadded(text))
            for number, (start, end, text) in enumerate(cues, start=1)
        ]
        return "\n\n".join(blocks) + "\n\n"
    blocks = [
        f"{timing(start, end)} align:start position:0%\n" + "\n".join(text)
        for start, end, text in cues
    ]
    return "WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n\n".join(blocks) + "\n\n"


def timed(line: str, now: int) -> str:
    first, *more = line.split(" ")
    tagged = (f"<{clock(now + 80 * at)}><c> {word}</c>" for at, word in enumerate(more, start=1))
    return first + "".join(tagged)


def unpadded(text: list[str]) -> list[str]:
    return [line for line in text if line.strip()]


def manual(lines: Iterable[str], *, pause_ms: int = 0, seconds: int = 2) -> str:
    start = range(0, 10**9, 1000 * seconds + pause_ms)
    cues = (
        f"{timing(at, at + 1000 * seconds)}\n{html.escape(line, quote=False)}\n\n"
        for at, line in zip(start, lines, strict=False)
    )
    return "WEBVTT\n\n" + "".join(cues)
