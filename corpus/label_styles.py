"""Speakers named without a plain `Label:`: `[Ann] ...`, `Ann - ...`, `1. Ann:`, `T. ...` and so on.

Such lines also stand in prose and in lists ("I - well - ...", "T. S. Eliot", "- Sleep: bad"), so a
style counts for a whole text or not at all: two known labels take turns in it, or two others do on
most lines. Lines in the style are then rewritten as `Label: ...`, and read like all others.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from corpus.labels import (
    CLAUSE,
    LEAST_SHARE,
    LEAST_TIMES,
    Labelled,
    close_label,
    find_labels,
    is_known,
    is_short,
    may_be_label,
    normalise,
    open_label,
    spellings,
    split_label,
    undecorated,
    without_number,
)
from corpus.transcript import CLOCK, seconds

NAME = r"(?P<label>[^\W\d_](?:[^:\uff1a;\[\]()<>*#\t]{0,38}[\w.])?)"
TEXT = rf"(?P<text>(?![\[(]?{CLOCK}[\])]?$)\S.*)"
SHAPES = (
    re.compile(rf"[\[(]{NAME}[\])]\s+{TEXT}"),
    re.compile(rf"{NAME}\s+[-\u2013\u2014]{{1,2}}\s+{TEXT}"),
    re.compile(rf"{NAME}\s+[\[(]?(?P<clock>{CLOCK})[\])]?\s+{TEXT}"),
    re.compile(rf"(?P<label>[^\W\d_]\w{{0,24}})\.\s+(?![A-Z]\.){TEXT}"),
    re.compile(rf"(?:\*\*|__){NAME}(?:\*\*|__)\s+{TEXT}"),
    re.compile(rf"{NAME};\s+{TEXT}"),
)
ALONE = re.compile(rf"[*_#\s]*[\[(]?{NAME}[\])]?[*_]*")
LEAST_TURNS, MOST_SPEAKERS = 4, 4
LEAST_CHANGES = 0.7  # of the labelled lines name another one than the labelled line before
LEAST_KNOWN, LEAST_MARKED, LEAST_OTHER = 0.05, 0.2, 0.5  # of the lines, by how sure a style is
WHOLE = 0.9

SOUNDS = frozenset((
    "laughs", "laughter", "laughing", "music", "applause", "pause", "silence", "sighs", "cries",
    "crying", "inaudible", "crosstalk", "unclear", "noise", "coughs",
))  # fmt: skip
"""What transcribers note in brackets."""

Style = Callable[[str], Labelled | None]


def plain_labels(lines: Sequence[str], known: Collection[str]) -> list[str]:
    """The lines with their labels written as `Label: ...`, as many as there were.

    Args:
        lines: of the whole text, in order.
        known: normalised labels that are labels wherever they stand.
    """
    tidied = [" ".join(line.split()) for line in lines]
    filled = [line for line in tidied if line]
    labels = find_labels(filled, known)
    plain = sum(open_label(line, dict.fromkeys(labels, "")) is not None for line in filled)
    if plain >= LEAST_OTHER * len(filled):
        share = plain / max(1, len(filled))
        return with_lost_colons(lines, spellings(filled, labels), share)
    best, chosen, most = None, set[str](), plain
    for style in STYLES:
        found = [each for line in filled if (each := style(line))]
        speakers = speakers_of(found, filled, known, style)
        count = sum(normalise(each.label) in speakers for each in found)
        if count > most:
            best, chosen, most = style, speakers, count
    return [rewritten(line, best, chosen) for line in tidied] if best else list(lines)


def speakers_of(
    found: Sequence[Labelled], filled: Sequence[str], known: Collection[str], style: Style
) -> set[str]:
    """The normalised labels of the lines that show a style; none if it is not the text's."""
    times = Counter(normalise(each.label) for each in found)
    named = {label for label in times if is_known(label, known)}
    least = max(LEAST_TIMES, LEAST_SHARE * times.total())
    others = {label for label, count in times.items() if count >= least and names(label)}
    sides = len({without_number(label) for label in named})
    chosen = named if style is alone and sides > 1 else named | others
    order = [label for each in found if (label := normalise(each.label)) in chosen]
    changes = sum(one != other for one, other in itertools.pairwise(order))
    share = len(order) / max(1, len(filled))
    if len(chosen) < 2 or changes < LEAST_CHANGES * (len(order) - 1):
        return set()
    if sides > 1 and (share >= WHOLE or (len(order) >= LEAST_TURNS and share >= LEAST_KNOWN)):
        return chosen
    if style is alone and not named:
        return set()
    most_lines = LEAST_MARKED if style in {decorated, alone} else LEAST_OTHER
    usual = len(order) >= LEAST_TURNS and len(order) >= WHOLE * len(found)
    return chosen if usual and len(chosen) <= MOST_SPEAKERS and share >= most_lines else set()


def names(label: str) -> bool:
    """Whether this may name a speaker without any colon behind it."""
    return may_be_label(label) and label.replace("\u2019", "'") not in CLAUSE | SOUNDS


def rewritten(line: str, style: Style, speakers: Collection[str]) -> str:
    """A line in the usual form, if it names one of the speakers in this style."""
    found = style(line)
    if found is None:
        return line.lstrip("> ") if style is decorated and not line.startswith(">>") else line
    plain = normalise(found.label)
    label = found.label if plain in speakers else close_label(plain, speakers)
    if label is None:
        return line
    clock = "" if found.start_s is None else f" [{int(found.start_s // 60)}:{rest(found.start_s)}]"
    return f"{label}{clock}: {found.text}"


def rest(start_s: float) -> str:
    """The seconds of a time beside its minutes."""
    return f"{start_s % 60:06.3f}"


def with_lost_colons(lines: Sequence[str], spelled: Mapping[str, str], share: float) -> list[str]:
    """Where nearly every line has its label, `Client Yes, ...` has only lost the colon."""
    labels = sorted((each for each in spelled.values() if len(each) > 2), key=len, reverse=True)
    if share < WHOLE or len(lines) < 2 * LEAST_TURNS or not labels:
        return list(lines)
    lost = re.compile(rf"(?P<label>{'|'.join(map(re.escape, labels))})\s+(?=[^\W\d_])(?P<text>.*)")
    return [
        f"{match['label']}: {match['text']}"
        if (match := lost.fullmatch(line))
        and match["text"][0].isupper()
        and open_label(line, spelled) is None
        else line
        for line in lines
    ]


def decorated(line: str) -> Labelled | None:
    """`1. Ann: ...`, `- Ann: ...`, `### Ann: ...`, `> Ann: ...`."""
    bare = undecorated(line)
    return split_label(bare) if bare != line else None


def alone(line: str) -> Labelled | None:
    """The label has a line of its own, above the words."""
    match = ALONE.fullmatch(line) if len(line) <= 60 else None
    if not match or not is_short(match["label"]) or match["label"].endswith("."):
        return None
    return Labelled(match["label"], "", None)


def shaped(shape: re.Pattern[str]) -> Style:
    """A style that one expression tells."""

    def style(line: str) -> Labelled | None:
        match = shape.fullmatch(line)
        if not match or not match["label"][0].isupper() or not is_short(match["label"]):
            return None
        label = match["label"].rstrip(".") or match["label"]
        return Labelled(label, match["text"], seconds(match.groupdict().get("clock")))

    return style


STYLES: tuple[Style, ...] = (decorated, alone, *map(shaped, SHAPES))
