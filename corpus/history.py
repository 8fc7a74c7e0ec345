"""What stands beside the sessions: every turn's raw words and what was done to them.

`history.jsonl` has one `History` a session, `held.jsonl` one `Held` a session that waits for a
person or cannot be used for want of speakers. Both hold de-identified words only, like
`real.jsonl`, unless de-identification is switched off.
"""

from hybridtune.records import Record, Role, Session
from hybridtune.reviews import messages_sha256


class TurnHistory(Record):
    """One turn of a session.

    Attributes:
        role: as in the session's message.
        text: as in the session's message.
        raw: the utterances that it was made of, as the file has them, in their order; a listener's
            absorbed "Mm-hmm." among them.
        steps: how often each cleaning step changed something.
        start_s: when it starts, in seconds, where the file tells.
        end_s: when it ends.
        trained: False for a counselor turn that is nothing but a back-channel.
    """

    role: Role
    text: str
    raw: tuple[str, ...]
    steps: dict[str, int]
    start_s: float | None = None
    end_s: float | None = None
    trained: bool = True


class Replaced(Record):
    """One identifier that was replaced; the words themselves are nowhere.

    Attributes:
        kind: name, city, phone, ...
        rule: what found it.
        confidence: of that rule, from 0 to 1.
        at: where it stood in the file: a line, row or paragraph, from 1.
    """

    kind: str
    rule: str
    confidence: float
    at: int


class History(Record):
    """One session's turns, in the order of its messages, and what was replaced in them."""

    id: str
    turns: tuple[TurnHistory, ...]
    replaced: tuple[Replaced, ...] = ()


class Held(Record):
    """A session that is not in `real.jsonl`, and why.

    Attributes:
        id: the session's, or the transcript's where there is no session.
        reasons: what a person must decide, by flag; or why it is quarantined, under `quarantine`.
        session: as it would be approved; None where nobody could say who speaks.
        lines: the words without speakers, where there is no session.
        file: the source's name, where there is no session.
        digest: of the session's words; a decision holds for these words alone.
    """

    id: str
    reasons: dict[str, str]
    session: Session | None = None
    lines: tuple[str, ...] = ()
    file: str | None = None
    digest: str | None = None


def as_imported(session: Session) -> str:
    """SHA-256 of a session's words as they were imported: what decisions about it hold for."""
    decided: str | None = session.provenance.get("review", {}).get("text_sha256")
    return decided or messages_sha256(session.messages)
