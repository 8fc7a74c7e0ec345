"""What becomes of the drafts of a scenario: which one is the best, and the rules' decision on each.

Of several drafts the best by checks, floors, evidence and rank goes on, unless it is like an
earlier session: then the next best does. What else could have been taken is rejected as outranked,
and all stay in the files.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from generation.outcomes import Chain, Take, with_checks
from generation.people import HARD, Said
from generation.review import PERSON, Review, Status, approval, mean_rank, review, verdict
from hybridtune.config.generation import GenerationSettings
from hybridtune.records import Session

Nearest = Callable[[Session], tuple[str, str] | None]
"""Says of a draft, by name and in words, that it is like an earlier session or a real one; one that
is like none counts from then on."""
Hears = Callable[[Take], Said]


def unsaid(take: Take) -> Said:
    """Nobody has looked at any draft."""
    return Said(None, take)


@dataclass(frozen=True)
class Decided:
    """A draft with the decision on it, and, where it is taken, as the training data has it."""

    take: Take
    review: Review
    taken: Session | None


def decide(
    chain: Chain, settings: GenerationSettings, nearest: Nearest, said: Hears = unsaid
) -> list[Decided]:
    """All drafts of a scenario in their order, at most one of them taken.

    Args:
        chain: the scenario with its drafts.
        settings: thresholds and floors.
        nearest: see `Nearest`.
        said: what people decided about a draft; a draft that one of them approved is the best.
    """
    best: str | None = None
    found: dict[str, Decided] = {}
    written = {take.draft.id: take for take in chain.takes}
    heard = sorted(map(said, chain.takes), key=lambda each: worth(each, settings), reverse=True)
    for each in heard:
        draft, problem, like = each.take.draft, each.take.problem, None
        if each.verdict == "left":
            problem = (PERSON, each.why)
        elif problem is None and best is not None and worthy(each, settings):
            problem = ("outranked", f"{best} is the better one")
        elif problem is None:
            like = nearest(draft)
            problem = None if like and may_be_like(each, like) else like
            if problem is None:
                best = draft.id if worthy(each, settings) else best
                draft = with_checks(draft, [] if each.verdict else ["near_duplicate"])
        if best == draft.id and each.verdict:
            decision = approval(draft, each.take.ranking, each.why)
        else:
            decision = review(draft, problem, each.take.ranking, settings)
        if each.verdict:
            rule = written[draft.id]
            ruled = review(rule.draft, rule.problem or like, rule.ranking, settings)
            decision = decision.model_copy(update={"rule": ruled})
        draft_taken = with_ranking(each.take, draft) if taken(decision, settings) else None
        kept = each.take.model_copy(update={"draft": draft, "problem": problem})
        found[draft.id] = Decided(kept, decision, draft_taken)
    return [found[take.draft.id] for take in chain.takes]


def may_be_like(said: Said, like: tuple[str, str]) -> bool:
    """Whether a person saw the words as they are and took them, and was free to."""
    return said.verdict == "taken" and said.action != "edit" and like[0] not in HARD


def standing(said: Said, settings: GenerationSettings) -> Status:
    """What the rules make of a draft on its own; of what a person took, nothing."""
    if said.verdict == "taken":
        return "accepted"
    return verdict(said.take.problem, said.take.ranking, settings)[0]


def worthy(said: Said, settings: GenerationSettings) -> bool:
    """Whether a draft could be taken, were it the only one."""
    return standing(said, settings) != "rejected"


def worth(said: Said, settings: GenerationSettings) -> tuple[bool, int, float]:
    """What a person took goes first, then by the rules' decision; of equals, the higher rank."""
    mean = mean_rank(said.take.ranking) if said.take.ranking else None
    place = ("rejected", "flagged", "accepted").index(standing(said, settings))
    return said.verdict == "taken", place, -math.inf if mean is None else mean


def taken(decision: Review, settings: GenerationSettings) -> bool:
    """Whether a draft goes into the training data."""
    flagged = settings.include_flagged and decision.status == "flagged"
    return flagged or decision.status == "accepted"


def with_ranking(take: Take, draft: Session) -> Session:
    """The draft as the training data has it; a flagged one may lack the scores."""
    if take.ranking is None or take.ranking.scores is None:
        return draft
    ranking = {
        "rubric": take.ranking.rubric,
        "judge": take.ranking.judge,
        "mean": mean_rank(take.ranking),
        "scores": {name: each.model_dump() for name, each in take.ranking.scores.items()},
    }
    return draft.model_copy(update={"ranking": ranking})
