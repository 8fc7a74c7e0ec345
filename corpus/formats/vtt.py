"""WebVTT: cues with a label at the start of their text, or with `<v Name>` voice tags.

Cues without a label have no speaker here; the stage lets them continue the last one. Speakerless
captions (YouTube's, say) are read too, and left out by the stage with that reason.
"""

import html
import re
from collections.abc import Iterator

from corpus.labels import find_labels, normalise, split_label
from corpus.transcript import CLOCK, Document, Transcript, Utterance, seconds

TIMING = re.compile(rf"\s*(?P<start>{CLOCK})\s+-->\s+(?P<end>{CLOCK})(?:\s.*)?")
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]*)>")
MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>")
NO_CUES = ("NOTE", "STYLE", "REGION")

Cue = tuple[int, float | None, str]


def read(document: Document) -> list[Transcript]:
    """Read the one conversation of a caption file.

    Raises:
        DataError: the header or a timing is wrong, or text stands outside of any cue.
    """
    cues = list(read_cues(document))
    if not cues:
        raise document.error("no cues", 1, "is the file complete?")
    labels = find_labels((text for _, _, text in cues), document.labels)
    utterances = [part for cue in cues for part in read_cue(cue, labels)]
    return [Transcript("", document.name, "vtt", tuple(utterances))]


def read_cues(document: Document) -> Iterator[Cue]:
    """The cues as line, start and text in one line, markup still in it."""
    blocks = split_blocks(document.text)
    first, header = next(blocks)
    if not re.match(r"WEBVTT(\s|$)", header[0]):
        raise document.error("not WebVTT: the first line must be WEBVTT", first)
    if any("-->" in line for line in header):
        raise document.error("a blank line is missing before the first cue", first + 1)
    for number, block in blocks:
        if re.match(rf"({'|'.join(NO_CUES)})(\s|$)", block[0]):
            continue
        # The line before the timing, if any, is the cue's identifier.
        at = 0 if "-->" in block[0] else 1
        if len(block) <= at or "-->" not in block[at]:
            raise document.error("text outside of any cue", number, "give it a timing line")
        timing = TIMING.fullmatch(block[at])
        if not timing or "," in timing["start"] + timing["end"]:
            raise document.error(
                f"not a cue timing: {block[at].strip()[:60]!r}",
                number + at,
                "write 00:01:02.345 --> 00:01:04.567",
            )
        later = [number + at + 1 + i for i, line in enumerate(block[at + 1 :]) if "-->" in line]
        if later:
            raise document.error("a blank line is missing before this cue", later[0])
        yield number, seconds(timing["start"]), " ".join(line.strip() for line in block[at + 1 :])


def split_blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The runs of lines between blank lines, each with the number of its first line."""
    block: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip("\t "):
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def read_cue(cue: Cue, labels: set[str]) -> list[Utterance]:
    """One utterance a voice span, or one for the whole cue with its label taken off."""
    line, start_s, text = cue
    before, *voices = VOICE.split(text)
    if voices:
        spans = zip([None, *voices[::2]], [before, *voices[1::2]], strict=True)
        return [
            Utterance(html.unescape(name).strip() if name else None, words, line, start_s)
            for name, span in spans
            if (words := MARKUP.sub("", span).strip())
        ]
    words = MARKUP.sub("", text).strip()
    labelled = split_label(words)
    if labelled and normalise(labelled.label) in labels:
        return [Utterance(labelled.label, labelled.text, line, start_s)]
    return [Utterance(None, words, line, start_s)] if words else []
