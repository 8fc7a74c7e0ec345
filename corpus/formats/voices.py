"""Who speaks in a cue: voice tags, labels, leading dashes, and the `>>` of a new speaker.

A label or a voice tag names the speaker. A dash or `>>` only hints that another one begins: such
marks are missed and misplaced often enough that counting on them would turn a third of the words
round, so an utterance says `change` and nobody alternates here.
"""

import html
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from corpus.formats.cues import TEAMS_ID, Cue
from corpus.formats.markup import BREAK, plain, tidy
from corpus.label_styles import plain_labels
from corpus.labels import find_labels, open_label, spellings
from corpus.transcript import Utterance

VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
MARK = re.compile(r">{2,}")
DASH = re.compile(r"(?:<[^<>]*>)?\s*[-\u2013\u2014]\s*(?=[^\s\-\u2013\u2014])")
SPACED_DASH = re.compile(r"[-\u2013]\s+(?=\S)")  # "-and" goes on after an interruption
LEAST_DASHES, LEAST_OPENED, ALWAYS = 3, 0.2, 0.9
SENTENCE_END = (".", "?", "!", "\u2026", '"', "\u201d", ")", "]")


@dataclass(frozen=True)
class Piece:
    """A line of a cue, or what stands between two marks in it; `voice` is its voice tag's name."""

    text: str
    change: bool = False
    voice: str | None = None


@dataclass(frozen=True)
class Part:
    """What one speaker says in a cue."""

    speaker: str | None = None
    change: bool = False
    texts: list[str] = field(default_factory=list)

    def text(self) -> str:
        return " ".join(filter(None, self.texts))

    def after(self, waiting: "Part") -> "Part":
        """This part, below a label or a mark that has no words of its own."""
        speaker = self.speaker if self.speaker or self.change else waiting.speaker
        return Part(speaker, self.change or waiting.change, self.texts)


def utterances(
    cues: Iterable[Cue], known: Collection[str], *, automatic: bool = False
) -> Iterator[Utterance]:
    """What is said in cues, in order.

    Args:
        cues: without what rolling captions repeat.
        known: labels that the user named.
        automatic: nobody typed them: only known labels count, and no dashes.
    """
    whole = list(join_teams(cues))
    dashes = not automatic and (any(map(has_dashes, whole)) or opens_with_dashes(whole))
    split = [list(pieces(cue, dashes=dashes)) for cue in whole]
    split = split if automatic else with_plain_labels(split, known)
    lines = [piece.text for cut in split for piece in cut if piece.voice is None]
    labels = spellings(lines, known if automatic else find_labels(lines, known))
    waiting = Part()
    for cue, cut in zip(whole, split, strict=True):
        found = parts(cut, labels)
        for at, part in enumerate(found):
            said = part.after(waiting)
            waiting = Part() if said.text() else said
            if said.text():
                start_s = cue.start_s if at == 0 else None
                end_s = cue.end_s if at == len(found) - 1 else None
                yield Utterance(said.speaker, said.text(), cue.line, start_s, end_s, said.change)


def with_plain_labels(split: list[list[Piece]], known: Collection[str]) -> list[list[Piece]]:
    """The pieces with their labels written in the usual form."""
    texts = [piece.text for cut in split for piece in cut if piece.voice is None]
    plain = iter(plain_labels(texts, known))
    return [
        [replace(piece, text=next(plain)) if piece.voice is None else piece for piece in cut]
        for cut in split
    ]


def join_teams(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Teams cuts an utterance into cues whose identifiers differ in the last number alone."""
    for key, group in itertools.groupby(cues, teams_utterance):
        if key is None:
            yield from group
            continue
        same = list(group)
        lines = [line for cue in same for line in cue.lines]
        yield replace(same[0], end_s=same[-1].end_s, lines=lines)


def teams_utterance(cue: Cue) -> str | None:
    """The part of a Teams identifier that an utterance's cues share."""
    match = TEAMS_ID.fullmatch(cue.id)
    return match["utterance"] if match else None


def pieces(cue: Cue, *, dashes: bool) -> Iterator[Piece]:
    """Cut a cue where its speaker may change: at voice tags, else at lines and marks."""
    raw = "\n".join(cue.lines)
    before, *voices = VOICE.split(raw)
    if voices:
        yield Piece(plain(before))
        for name, text in zip(voices[::2], voices[1::2], strict=True):
            yield Piece(plain(text), voice=tidy(html.unescape(name)) or None)
        return
    lines = [line for each in BREAK.split(raw) if (line := plain(each))]
    widths = leading_dashes(lines) if dashes else itertools.repeat(0, len(lines))
    for line, dash in zip(lines, widths, strict=True):
        first, *marked = MARK.split(line[dash:])
        yield Piece(first.strip(), change=dash > 0)
        yield from (Piece(text.strip(), change=True) for text in marked)


def has_dashes(cue: Cue) -> bool:
    """Two lines of a cue open with a dash: that is how this file shows two speakers."""
    lines = BREAK.split("\n".join(cue.lines))
    return sum(bool(DASH.match(line)) for line in lines) > 1


def opens_with_dashes(cues: Sequence[Cue]) -> bool:
    """Every new speaker's cue opens with a dash: it stands where a sentence can begin."""
    texts = [plain("\n".join(cue.lines)) for cue in cues]
    opened = [bool(SPACED_DASH.match(text)) for text in texts]
    begins = [not before or before.endswith(SENTENCE_END) for before in ["", *texts[:-1]]]
    rightly = sum(dash and begin for dash, begin in zip(opened, begins, strict=True))
    usual = sum(opened) >= max(LEAST_DASHES, LEAST_OPENED * len(cues))
    return usual and (rightly >= ALWAYS * sum(opened) or sum(opened) >= ALWAYS * len(cues))


def leading_dashes(lines: Sequence[str]) -> Iterator[int]:
    """How many characters at the start of each line are a dash that marks a speaker.

    Two of them in a cue do. A lone one does, in a file that has such cues or that opens its cues
    with dashes, where a sentence can begin and with a space behind it.
    """
    dashes = [DASH.match(line) for line in lines]
    several = sum(map(bool, dashes)) > 1
    for line, before, dash in zip(lines, ["", *lines], dashes, strict=False):
        lone = not before or before.endswith(SENTENCE_END)
        match = dash if several else (SPACED_DASH.match(line) if lone else None)
        yield match.end() if match else 0


def parts(cut: Sequence[Piece], labels: Mapping[str, str]) -> list[Part]:
    """Put together what belongs to one speaker."""
    found = [Part()]
    for piece in cut:
        labelled = None if piece.voice else open_label(piece.text, labels)
        speaker = labelled.label if labelled else piece.voice
        if piece.change or speaker not in {None, found[-1].speaker}:
            found.append(Part(speaker, piece.change))
        found[-1].texts.append(labelled.text if labelled else piece.text)
    return [part for part in found if part.speaker or part.change or any(part.texts)]
