"""From utterances to alternating turns: join what one speaker says in a row, absorb back-channels.

Pure: lines in, turns out. Each turn carries its raw words and what every step changed in it, so
that nothing is lost without a trace. A counselor turn that stays a pure back-channel keeps its
place as context and is marked `trained=False`: a model trained on it would learn to say "Mm-hmm.".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from corpus.backchannels import CONTINUED, Writing, interrupts, is_back_channel, writing
from corpus.clean import has_words
from corpus.disfluency import Level, lighten
from hybridtune.records import Role


@dataclass(frozen=True)
class Line:
    """One cleaned utterance of a speaker whose role is known.

    Attributes:
        role: whose words these are.
        text: the cleaned words.
        raw: the words before cleaning.
        steps: what cleaning changed.
        start_s: when it starts, where that is known.
        end_s: when it ends, where that is known.
    """

    role: Role
    text: str
    raw: str
    steps: dict[str, int]
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Turn:
    """What one of the two says until the other speaks.

    Attributes:
        role: whose turn it is.
        text: the words to use.
        raw: the words before cleaning of every line in it, absorbed ones included, in order.
        steps: what cleaning, joining, absorbing and lightening changed.
        start_s: when its first line starts.
        end_s: when its last line ends.
        trained: False for a counselor turn that is nothing but a back-channel.
    """

    role: Role
    text: str
    raw: tuple[str, ...]
    steps: dict[str, int]
    start_s: float | None
    end_s: float | None
    trained: bool


@dataclass
class Growing:
    """A turn while lines are added to it; its text in pieces, to stay linear."""

    role: Role
    pieces: list[str]
    raw: list[str]
    steps: Counter[str]
    start_s: float | None
    end_s: float | None

    @classmethod
    def of(cls, line: Line) -> Self:
        """A turn of one line."""
        steps = Counter(line.steps)
        return cls(line.role, [line.text], [line.raw], steps, line.start_s, line.end_s)

    @property
    def text(self) -> str:
        """All its words."""
        return " ".join(self.pieces).strip()

    def follow(self, other: "Growing", step: str) -> None:
        """Go on with the same speaker's next words."""
        left, right = splice(self.pieces[-1], other.pieces[0])
        self.pieces[-1:] = [piece for piece in (left, right) if piece]
        self.pieces += other.pieces[1:]
        self.keep(other)
        self.steps[step] += 1
        self.end_s = other.end_s

    def keep(self, other: "Growing") -> None:
        """Take over a turn's raw words and steps, not its text."""
        self.raw += other.raw
        self.steps.update(other.steps)

    def done(self) -> Turn:
        """The turn as it stays."""
        untrained = self.role == "assistant" and is_back_channel(self.text)
        steps = {name: count for name, count in self.steps.items() if count}
        return Turn(
            self.role, self.text, tuple(self.raw), steps, self.start_s, self.end_s, not untrained
        )


def make_turns(lines: Sequence[Line], disfluencies: Level) -> tuple[list[Turn], dict[str, int]]:
    """Make strictly alternating turns of a session's lines.

    Args:
        lines: the counselor's and the patient's, in order.
        disfluencies: how far counselor turns are repaired.

    Returns:
        The turns, and what belongs to no turn: `wordless` lines, and `only_fillers` turns of a
        session in which nothing else was said.
    """
    said = [line for line in lines if has_words(line.text)]
    turns = absorb(join(map(Growing.of, said)))
    if disfluencies != "keep":
        for turn in turns:
            if turn.role == "assistant":
                turn.pieces = [lighten(turn.text, disfluencies, turn.steps)]
    turns, only_fillers = drop_empty(turns)
    counts = {"wordless": len(lines) - len(said), "only_fillers": only_fillers}
    return [turn.done() for turn in turns], {name: count for name, count in counts.items() if count}


def join(turns: Iterable[Growing]) -> list[Growing]:
    """Make one turn of what one speaker says in a row."""
    joined: list[Growing] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            joined[-1].follow(turn, "joined")
        else:
            joined.append(turn)
    return joined


def splice(left: str, right: str) -> tuple[str, str]:
    """Prepare two pieces to be joined: dashes that show that a sentence goes on are dropped."""
    continued = CONTINUED.match(right)
    if not continued:
        return left, right
    rest = right[continued.end() :]
    if continued[0].strip() == "-" and rest[:1].islower() and not left.endswith("--"):
        left = left.rstrip("- ")
    return left, rest


def absorb(turns: Sequence[Growing]) -> list[Growing]:
    """Take a listener's "Mm-hmm." out of the middle of a turn, and make that turn whole."""
    style = writing([turn.text for turn in turns])
    kept: list[Growing] = []
    place = 0
    while place < len(turns):
        turn = turns[place]
        following = turns[place + 1] if place + 1 < len(turns) else None
        place += 1
        if kept and following and stands_inside(kept[-1], turn, following, style):
            kept[-1].keep(turn)
            kept[-1].follow(following, "absorbed")
            place += 1
        else:
            kept.append(turn)
    return kept


def stands_inside(before: Growing, turn: Growing, after: Growing, style: Writing) -> bool:
    """Whether a turn is a back-channel inside the other's; the pieces next to it tell."""
    asker = before.role == "assistant"
    return interrupts(before.pieces[-1], turn.text, after.pieces[0], style, asker=asker)


def drop_empty(turns: Sequence[Growing]) -> tuple[list[Growing], int]:
    """Turns that were nothing but a filler go; their raw words move to a neighbour."""
    left: list[Growing] = []
    waiting: list[Growing] = []
    for turn in turns:
        if not has_words(turn.text):
            turn.steps["only_fillers"] += 1
            if left:
                left[-1].keep(turn)
            else:
                waiting.append(turn)
            continue
        for each in reversed(waiting):
            turn.raw[:0] = each.raw
            turn.steps.update(each.steps)
        waiting = []
        left.append(turn)
    return join(left), len(waiting)
