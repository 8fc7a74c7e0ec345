"""Which drafts a person should read, in which order, and what the person decides.

Reads `generation/decisions.jsonl` and the row store, appends to `generation/reviews.jsonl`. What is
flagged comes in order of doubt; among it stand a few that the rules were sure of, and nothing tells
them apart: how far reviewers and rules agree about these is what the rules are worth.
"""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from generation.checks import Standards, load_standards
from generation.outcomes import Take
from generation.people import HARD, edit_problem
from generation.review import Review, text_digest
from generation.store import RowStore
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import InputError, RunError
from hybridtune.overlap import HeldOut
from hybridtune.records import Message, iter_jsonl
from hybridtune.reviews import Action, ReviewEvent, ReviewLog
from hybridtune.runs import Run
from hybridtune.scenarios import read_held_out

Decision = Literal["accept", "edit", "reject", "undo"]
ACTIONS: dict[Decision, Action] = {
    "accept": "approve",
    "edit": "edit",
    "reject": "reject",
    "undo": "undo",
}


@dataclass(frozen=True)
class Waiting:
    """A draft that a person should read.

    Attributes:
        review: what the rules say; not to be shown before a decision where `blind`.
        blind: whether the rules were sure.
        decision: the one that stands, if there is one.
    """

    review: Review
    blind: bool
    decision: ReviewEvent | None


class Queue:
    """The drafts of one run."""

    def __init__(self, run: Run, domain: Domain) -> None:
        self.run, self.domain = run, domain
        self.log = ReviewLog(run.generation / "reviews.jsonl")

    def waiting(self) -> list[Waiting]:
        """Flagged drafts in order of doubt, and blind ones among them, in a fixed order."""
        settings, seed = self.run.experiment.generation, self.run.experiment.seed
        flagged: list[tuple[float, str, Review]] = []
        sure: list[tuple[str, Review]] = []
        for review in self.rules():
            if review.status == "flagged":
                flagged.append((certainty(review, settings), review.session, review))
            elif review.reason in {"rank", "floor"}:
                sure.append((order_of(review.session, seed), review))
                if len(sure) > 4 * settings.blind_reviews + 64:
                    sure = heapq.nsmallest(settings.blind_reviews, sure, key=lambda each: each[0])
        blind = heapq.nsmallest(settings.blind_reviews, sure, key=lambda each: each[0])
        listed = [(review, False) for _, _, review in sorted(flagged, key=lambda each: each[:2])]
        mixed = spread(listed, [(review, True) for _, review in blind])
        # A decision about other words than those of today is none.
        return [
            Waiting(each, hidden, self.log.standing(each.session, each.text_sha256))
            for each, hidden in mixed
        ]

    def first_decisions(self) -> dict[tuple[str, str], dict[str, ReviewEvent]]:
        """By draft and digest of its words: the first decision of each reviewer."""
        first: dict[tuple[str, str], dict[str, ReviewEvent]] = {}
        for event in self.log.events():
            if event.action != "undo":
                named = first.setdefault((event.subject, event.text_sha256), {})
                named.setdefault(event.reviewer, event)
        return first

    def rules(self) -> Iterator[Review]:
        """What the rules say of each draft, whatever people said since.

        Raises:
            DataError: nothing has been generated yet.
        """
        for review in iter_jsonl(self.run.generation / "decisions.jsonl", Review):
            yield review.rule or review

    def take(self, name: str) -> Take:
        """A draft as the stage wrote it, with its check and its ranking.

        Raises:
            InputError: there is no such draft.
            RunError: the row store cannot be read.
        """
        rows = self.run.generation / "rows.sqlite"
        try:
            if not rows.is_file():  # opening it would make one
                raise KeyError(name)
            row = int(name.split("-")[1]) - 1
            with RowStore(rows) as store:
                takes = [take for chain in store.get(row).chains for take in chain.takes]
            return next(take for take in takes if take.draft.id == name)
        except RunError:  # a ValueError, too
            raise
        except (ValueError, IndexError, KeyError, OverflowError, StopIteration):
            raise InputError(
                "no such draft", where=name, fix="see the ids in generation/drafts.jsonl"
            ) from None

    def decide(
        self,
        name: str,
        decision: Decision,
        *,
        reviewer: str,
        reason: str = "",
        messages: tuple[Message, ...] | None = None,
    ) -> ReviewEvent:
        """Write a decision about a draft.

        Raises:
            InputError: no such draft, a rejection without its reason, an edit that fails a check,
                or the approval of what nobody may approve.
        """
        take = self.take(name)
        if decision == "reject" and not reason.strip():
            raise InputError("a rejection needs its reason", where=name, fix="--reason '...'")
        if decision == "accept" and (problem := self.hard(name)):
            raise InputError(
                f"cannot be accepted: {problem}", where=name, fix="edit it, or leave it out"
            )
        return self.log.append(
            name,
            ACTIONS[decision],
            reviewer=reviewer,
            reason=reason,
            text_sha256=text_digest(take.draft),
            messages=self.checked(take, messages or ()) if decision == "edit" else None,
        )

    def hard(self, name: str) -> str | None:
        """What no approval can overrule, in a draft; None where there is nothing such."""
        ruled = (each for each in self.rules() if each.session == name)
        return next((each.detail for each in ruled if each.reason in HARD), None)

    def checked(self, take: Take, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages of an edit, if they may be taken."""
        if not messages:
            raise InputError("an edit without a text", where=take.draft.id, fix="--messages FILE")
        edited = take.draft.model_copy(update={"messages": messages})
        if problem := edit_problem(edited, self.standards):
            raise InputError(
                f"the edited text fails a check: {problem[0]}: {problem[1]}", where=take.draft.id
            )
        return messages

    @property
    def standards(self) -> Standards:
        """What an edited text is held against."""
        return load_standards(self.domain, HeldOut(read_held_out(self.run, self.domain)))


def certainty(review: Review, settings: GenerationSettings) -> float:
    """How far the ranking is from the nearer threshold; without scores to rely on, nought."""
    if review.mean is None or review.reason != "rank":
        return 0.0
    return min(abs(review.mean - settings.accept_at), abs(review.mean - settings.reject_below))


def order_of(name: str, seed: int) -> str:
    """A place in an order that has nothing to do with the draft."""
    return hashlib.sha256(f"{seed}:blind:{name}".encode()).hexdigest()


def spread(
    listed: list[tuple[Review, bool]], among: list[tuple[Review, bool]]
) -> list[tuple[Review, bool]]:
    """Both lists in their order, the second one evenly among the first."""
    places = [(float(number), 0, each) for number, each in enumerate(listed)]
    step = (len(listed) + 1) / (len(among) + 1)
    places += [(step * (number + 1), 1, each) for number, each in enumerate(among)]
    return [each for *_, each in sorted(places, key=lambda place: place[:2])]
