"""Decisions over drafts: accepted, flagged or rejected, by whom, why, and over which text.

`generation/decisions.jsonl` holds one `Review` per draft. Here the rules decide; what people decide
is in `generation/reviews.jsonl`, and wins (`generation.people`).
"""

from typing import Literal

from hybridtune.config.generation import GenerationSettings
from hybridtune.records import Judgment, Record, Session
from hybridtune.reviews import messages_sha256

PERSON = "person"
"""The reason of what a person decided."""
Status = Literal["accepted", "flagged", "rejected"]


class Review(Record):
    """One decision over one draft.

    `by` is "rule" or "person". `mean` is that of the ranking, where there is one. `reason` is the
    name that the report counts it under (a check's name, "rank", "floor", "evidence", "unranked" or
    "person"), `detail` the particulars. `text_sha256` pins the text that was decided on, so that a
    later edit shows. `rule` is what the rules said where a person decided.
    """

    session: str
    status: Status
    by: str
    reason: str
    detail: str
    text_sha256: str
    mean: float | None = None
    rule: "Review | None" = None


def approval(draft: Session, ranking: Judgment | None, why: str) -> Review:
    """What a person took: with the mean of its ranking, where these words have one."""
    return decision(draft, ranking, "accepted", PERSON, why)


def review(
    draft: Session,
    problem: tuple[str, str] | None,
    ranking: Judgment | None,
    settings: GenerationSettings,
) -> Review:
    """What the rules say of a draft, given the check that it failed or its ranking."""
    return decision(draft, ranking, *verdict(problem, ranking, settings))


def decision(
    draft: Session, ranking: Judgment | None, status: Status, reason: str, detail: str
) -> Review:
    """A decision over the words of a draft; the reason tells whose it is."""
    return Review(
        session=draft.id,
        status=status,
        by="person" if reason == PERSON else "rule",
        reason=reason,
        detail=detail,
        text_sha256=text_digest(draft),
        mean=mean_rank(ranking) if ranking else None,
    )


def verdict(
    problem: tuple[str, str] | None, ranking: Judgment | None, settings: GenerationSettings
) -> tuple[Status, str, str]:
    """Status, reason and detail: a failed check first, then floors, thresholds and evidence."""
    if problem is not None:
        return "rejected", *problem
    assert ranking is not None, "a draft that passes the checks is ranked"
    mean = mean_rank(ranking)
    if mean is None:
        return "flagged", "unranked", ranking.missing or "no scores"
    for name, floor in settings.floors.items():
        score = (ranking.scores or {})[name].score
        if score < floor:
            return "rejected", "floor", f"{name} {score}, rejected below {floor:g}"
    if mean < settings.reject_below:
        return "rejected", "rank", f"mean {mean:.2f}, rejected below {settings.reject_below:g}"
    if unfounded := without_evidence(ranking, settings):
        return "flagged", "evidence", unfounded
    status: Status = "accepted" if mean >= settings.accept_at else "flagged"
    return status, "rank", f"mean {mean:.2f}, accepted from {settings.accept_at:g}"


def without_evidence(ranking: Judgment, settings: GenerationSettings) -> str | None:
    """Why the scores cannot be relied on: quotes that nobody said."""
    found = {name: each.quote_found for name, each in (ranking.scores or {}).items()}
    if missing := [name for name in settings.floors if not found[name]]:
        return f"the quote for {missing[0]} is not in the draft"
    if sum(found.values()) < settings.quotes_found * len(found):
        return f"only {sum(found.values())} of {len(found)} quotes are in the draft"
    return None


def mean_rank(ranking: Judgment) -> float | None:
    """The mean over the rubric's dimensions; None where the scores are missing."""
    if not ranking.scores:
        return None
    return sum(each.score for each in ranking.scores.values()) / len(ranking.scores)


def text_digest(session: Session) -> str:
    """SHA-256 over who says what."""
    return messages_sha256(session.messages)
