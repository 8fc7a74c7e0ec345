"""One pass over a file of sessions: all their lengths counted, and a fixed-size sample of them.

Reads `generation/synthetic.jsonl` and `corpus/real.jsonl`. Memory does not grow with the file:
lengths are counts of whole numbers, and the sample is a reservoir (Vitter 1985, algorithm R), drawn
from the experiment's seed, so that the same file gives the same sample.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from generation.checks import exchanges
from hybridtune.overlap import WORD
from hybridtune.records import Session, iter_jsonl
from hybridtune.seeds import derive

SAMPLE = 2000
"""Sessions of each side that the measures of likeness and topics look at, at most."""
MEASURES = ("exchanges_per_session", "words_per_session", "words_per_turn")

Turns = tuple[tuple[str, ...], ...]
"""A session as its turns, a turn as its words in lower case."""


@dataclass
class Side:
    """What is known of one side, real or synthetic.

    Attributes:
        sessions: how many the file holds.
        lengths: measure -> length -> how often, over all of the file.
        sample: some of the sessions, in random order.
        texts: what is said in each of them, where it was asked for.
    """

    sessions: int = 0
    lengths: dict[str, Counter[int]] = field(
        default_factory=lambda: {name: Counter() for name in MEASURES}
    )
    sample: list[Turns] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def read_side(
    path: Path, name: str, seed: int, size: int = SAMPLE, *, with_texts: bool = False
) -> Side:
    """Measure a file of sessions; one that is not there is an empty side.

    Raises:
        DataError: a line is not a Session record.
    """
    side = Side()
    drawn = random.Random(derive(seed, "generation", "report", name))
    for session in iter_jsonl(path, Session) if path.is_file() else ():
        turns = turns_of(session)
        place = len(side.sample)
        if place == size:
            place = drawn.randrange(side.sessions + 1)
        if place < size:
            side.sample[place : place + 1] = [turns]
            side.texts[place : place + 1] = [text_of(session)] if with_texts else []
        side.sessions += 1
        words = [len(turn) for turn in turns]
        side.lengths["exchanges_per_session"][exchanges(session.messages)] += 1
        side.lengths["words_per_session"][sum(words)] += 1
        side.lengths["words_per_turn"].update(words)
    order = list(range(len(side.sample)))
    drawn.shuffle(order)
    side.sample = [side.sample[place] for place in order]
    side.texts = [side.texts[place] for place in order] if with_texts else []
    return side


def text_of(session: Session) -> str:
    """What the two say, a line each turn."""
    return "\n".join(each.content for each in session.messages if each.role != "system")


def turns_of(session: Session) -> Turns:
    """The words of all turns but the system's, which nobody said."""
    return tuple(
        tuple(WORD.findall(message.content.casefold().replace("\u2019", "'")))
        for message in session.messages
        if message.role != "system"
    )
