"""What waits for a person, and what the person decides.

Reads `held.jsonl`, appends to `reviews.jsonl` (an append-only log; every decision holds for the
words that it was made on). The next import takes the decisions over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from corpus.history import Held, as_imported
from corpus.outputs import Outputs
from corpus.show import find_session
from hybridtune.errors import InputError
from hybridtune.records import Session, iter_jsonl
from hybridtune.reviews import ReviewEvent, ReviewLog

Decision = Literal["approve", "swap", "reject", "undo"]


@dataclass(frozen=True)
class Waiting:
    """One held session and the decision that stands, if there is one."""

    held: Held
    decision: ReviewEvent | None


class Queue:
    """The held sessions of one import."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self.log = ReviewLog(outputs.reviews)

    def waiting(self) -> Iterator[Waiting]:
        """All that is held, in the order of the file; quarantined transcripts last."""
        if not self.outputs.held.is_file():
            return
        for held in iter_jsonl(self.outputs.held, Held):
            decision = self.log.standing(held.id, held.digest) if held.digest else None
            yield Waiting(held, decision)

    def decide(self, name: str, decision: Decision, *, reviewer: str, reason: str) -> ReviewEvent:
        """Write a decision about a session that is held or ready.

        Raises:
            InputError: no such session, one that cannot be approved, or no reason for a rejection.
        """
        if decision == "reject" and not reason.strip():
            raise InputError("a rejection needs its reason", where=name, fix="--reason '...'")
        if decision == "undo" and (standing := self.log.decisions().get(name)):
            words = standing.text_sha256  # a rejected session is in no file any more
        else:
            session = self.find(name)
            refuse_second_thoughts(session, decision)
            name, words = session.id, as_imported(session)
        return self.log.append(name, decision, reviewer=reviewer, text_sha256=words, reason=reason)

    def find(self, name: str) -> Session:
        """A session by its id."""
        for waiting in self.waiting():
            if waiting.held.id == name and waiting.held.session is None:
                raise InputError(
                    "nobody can say who speaks in it, so there is nothing to decide",
                    where=name,
                    fix="label the speakers in the file and import it again",
                )
        return find_session(self.outputs, name)


def refuse_second_thoughts(session: Session, decision: Decision) -> None:
    """Decisions are about the words as imported: "approve" would turn a swapped session back."""
    if (
        decision in {"approve", "swap"}
        and session.provenance.get("review", {}).get("action") == "swap"
    ):
        raise InputError(
            "its roles are swapped already, and it is in use",
            where=session.id,
            fix="`undo` takes the swap back",
        )
