"""From utterances to alternating turns: join what one speaker says in a row, absorb back-channels.

Pure functions over lists of turns; what they change they count.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hybridtune.records import Role

BACK_CHANNEL = re.compile(
    r"\W*(?:(?:m+h?m*|mm+[- ]?hmm*|mhm+|hm+|uh[- ]huh|yeah|yep|yes|okay|ok|right|sure|i see|oh|ah)"
    r"\W*){1,3}",
    re.IGNORECASE,
)
CUT_OFF = re.compile(r"(?:-|--|,)$")
CONTINUED = re.compile(r"-+\s*")


@dataclass(frozen=True)
class Turn:
    """What one of the two says until the other speaks."""

    role: Role
    text: str


def join_runs(turns: Sequence[Turn], counts: Counter[str]) -> list[Turn]:
    """Make one turn of what one speaker says in a row."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            joined[-1] = Turn(turn.role, splice(joined[-1].text, turn.text))
            counts["joined"] += 1
        else:
            joined.append(turn)
    return joined


def splice(left: str, right: str) -> str:
    """Join two pieces; where one dash on each side shows that a sentence goes on, they go."""
    continued = CONTINUED.match(right)
    if not continued:
        return f"{left} {right}"
    rest = right[continued.end() :]
    if continued[0].strip() == "-" and rest[:1].islower() and not left.endswith("--"):
        left = left.rstrip("- ")
    return f"{left} {rest}".strip()


def absorb_back_channels(turns: Sequence[Turn], counts: Counter[str]) -> list[Turn]:
    """Take a listener's "Mm-hmm." out of the middle of a turn, and make that turn whole.

    Only where the turn shows that it is unfinished, and never after a question: there "Yeah." is
    an answer. Expects alternating turns, and keeps them so.
    """
    has_case = sum(turn.text[:1].isupper() for turn in turns) * 2 > len(turns)
    kept: list[Turn] = []
    skip = False
    for turn, following in zip(turns, [*turns, None][1:], strict=True):
        if skip:
            kept[-1] = Turn(turn.role, splice(kept[-1].text, turn.text))
            skip = False
        elif kept and following and interrupts(kept[-1].text, turn.text, following.text, has_case):
            counts["absorbed"] += 1
            skip = True
        else:
            kept.append(turn)
    return kept


def interrupts(before: str, between: str, after: str, has_case: bool) -> bool:
    """Whether a back-channel stands between two halves of one turn."""
    if before.endswith("?") or not BACK_CHANNEL.fullmatch(between):
        return False
    return bool(
        CUT_OFF.search(before)
        or CONTINUED.match(after)
        # Small letters tell nothing in a transcript that has no capitals.
        or (has_case and after[:1].islower() and before[-1:] not in {".", "!"})
    )
