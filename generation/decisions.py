"""What becomes of the drafts of a scenario: which one is the best, and the rules' decision on each.

Of several drafts the best by checks and rank goes on, unless it is like an earlier session: then
the next best does. The others are rejected as outranked, and stay in the files.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from generation.review import Review, mean_rank, review
from generation.rows import Chain, Take, with_checks
from hybridtune.config.generation import GenerationSettings
from hybridtune.records import Session

Nearest = Callable[[Session], tuple[str, str] | None]
"""Says of a draft, by name and in words, that it is like an earlier session or a real one; one that
is like none counts from then on."""


@dataclass(frozen=True)
class Decided:
    """A draft with the decision on it, and, where it is taken, as the training data has it."""

    take: Take
    review: Review
    taken: Session | None


def decide(chain: Chain, settings: GenerationSettings, nearest: Nearest) -> list[Decided]:
    """All drafts of a scenario in their order, one of them the best."""
    best: str | None = None
    found: dict[str, Decided] = {}
    for take in sorted(chain.takes, key=worth, reverse=True):
        draft, problem = take.draft, take.problem
        if problem is None and best is not None:
            problem = ("outranked", f"{best} is the better one")
        elif problem is None and (like := nearest(draft)):
            problem = like
        elif problem is None:
            best = draft.id
            draft = with_checks(draft, ["near_duplicate"])
        decision = review(draft, problem, take.ranking, settings)
        draft_taken = with_ranking(take, draft) if taken(decision, settings) else None
        kept = take.model_copy(update={"draft": draft, "problem": problem})
        found[draft.id] = Decided(kept, decision, draft_taken)
    return [found[take.draft.id] for take in chain.takes]


def worth(take: Take) -> tuple[bool, float]:
    """Drafts that passed the checks before those that did not, then by mean rank."""
    mean = mean_rank(take.ranking) if take.ranking else None
    return take.problem is None, -math.inf if mean is None else mean


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
