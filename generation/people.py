"""What people decided about drafts, and how far it goes.

Reads `generation/reviews.jsonl`. A decision holds for the words that it was made on. People may
overrule every check but one: nothing that is near to an evaluation scenario goes into training,
whoever approves of it, and an edited draft is checked like a written one.
"""

from dataclasses import dataclass
from typing import Literal

from generation.checks import Draft, Standards, examine, exchanges
from generation.review import text_digest
from generation.rows import Take
from hybridtune.records import Session
from hybridtune.reviews import ReviewEvent, ReviewLog

HARD = frozenset({"held_out"})
"""Checks that nobody may overrule."""
LENGTHS = frozenset({"too_short", "too_long"})
"""Checks that an edit need not pass: the person has seen how long it is."""


@dataclass(frozen=True)
class Said:
    """What a person made of a draft.

    Attributes:
        verdict: taken or not; None where the rules still decide.
        take: the draft, with the words of an edit and the problem that still stands.
        why: the person's reason.
    """

    verdict: Literal["taken", "left"] | None
    take: Take
    why: str = ""


class People:
    """The standing decisions of a run.

    Args:
        log: `generation/reviews.jsonl`.
        standards: what edited drafts are held against.
    """

    def __init__(self, log: ReviewLog, standards: Standards) -> None:
        self.events = log.decisions()
        self.standards = standards

    def said(self, take: Take) -> Said:
        """What was decided about a draft, if anything."""
        event = self.events.get(take.draft.id)
        if event is None or event.text_sha256 != text_digest(take.draft):
            return Said(None, take)
        if event.action == "reject":
            return Said("left", take, event.reason)
        draft, problem = reviewed(take.draft, event), take.problem
        if event.action == "edit":
            problem = edit_problem(draft, self.standards)
        if problem and problem[0] not in HARD and event.action == "approve":
            problem = None
        changed = take.model_copy(update={"draft": draft, "problem": problem})
        return Said(None if problem else "taken", changed, event.reason)


def reviewed(draft: Session, event: ReviewEvent) -> Session:
    """The draft as the person left it; who it was stays in the log."""
    review = {"n": event.n, "action": event.action, "time": event.time}
    provenance = {**draft.provenance, "review": review}
    messages = event.messages or draft.messages
    return draft.model_copy(update={"messages": messages, "provenance": provenance})


def edit_problem(draft: Session, standards: Standards) -> tuple[str, str] | None:
    """The check that an edited draft fails, those of length apart."""
    asked = exchanges(draft.messages)  # as long as the person made it
    persona = draft.persona or {}
    _, problem = examine(Draft(draft.messages, asked, 0, standards, persona))
    return None if problem and problem[0] in LENGTHS else problem
