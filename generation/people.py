"""What people decided about drafts, and how far it goes.

Reads `generation/reviews.jsonl`. A decision holds for the words that it was made on. People may
overrule most checks, but nothing that is near to an evaluation scenario or to a real session, and
no query that does not run, goes into training, whoever approves of it. An edited draft is checked
like a written one, and keeps no score that was given to other words.
"""

from dataclasses import dataclass
from typing import Literal

from generation.checks import Draft, Standards, examine, exchanges
from generation.outcomes import Take, with_checks
from generation.review import text_digest
from hybridtune.records import Session
from hybridtune.reviews import Action, ReviewEvent, ReviewLog

HARD = frozenset({"held_out", "near_real", "execution"})
"""Checks that nobody may overrule."""


@dataclass(frozen=True)
class Said:
    """What a person made of a draft.

    Attributes:
        verdict: taken or not; None where the rules still decide.
        take: the draft, with the words of an edit and the problem that still stands.
        why: the person's reason.
        action: what the person did.
    """

    verdict: Literal["taken", "left"] | None
    take: Take
    why: str = ""
    action: Action | None = None


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
            return Said("left", take, event.reason, event.action)
        if event.action == "edit":
            changed = edited(take, event, self.standards)
        else:
            overruled = take.problem is None or take.problem[0] not in HARD
            problem = None if overruled else take.problem
            changed = take.model_copy(
                update={"draft": reviewed(take.draft, event), "problem": problem}
            )
        return Said(None if changed.problem else "taken", changed, event.reason, event.action)


def reviewed(draft: Session, event: ReviewEvent) -> Session:
    """The draft as the person left it; who it was stays in the log."""
    review = {"n": event.n, "action": event.action, "time": event.time}
    provenance = {**draft.provenance, "review": review}
    messages = event.messages or draft.messages
    return draft.model_copy(update={"messages": messages, "provenance": provenance})


def edited(take: Take, event: ReviewEvent, standards: Standards) -> Take:
    """The draft with other words: examined anew, and without the scores that the old ones got."""
    draft = reviewed(take.draft, event)
    bare = draft.model_copy(update={"provenance": {**draft.provenance, "checks": []}})
    now = edit_draft(bare, standards)
    passed, problem = examine(now)
    return Take(draft=with_checks(bare, passed, now.evidence), problem=problem)


def edit_problem(draft: Session, standards: Standards) -> tuple[str, str] | None:
    """The check that an edited draft fails."""
    return examine(edit_draft(draft, standards))[1]


def edit_draft(draft: Session, standards: Standards) -> Draft:
    """An edited session as the checks see it: as long as the person made it."""
    return Draft(draft.messages, exchanges(draft.messages), 0, standards, draft.persona or {})
