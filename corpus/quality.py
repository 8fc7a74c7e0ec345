"""Which sessions are left out, and what a person should know of those that stay.

Pure functions of one session. The limits come from `FilterSettings`; on AnnoMI the default ones
leave out the sessions that are visibly bad: six turns, a monologue, gaps in every other answer.
Every reason is one plain line that is the same for every session it meets, so that reports can
count them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from corpus.crisis import crisis_flag
from hybridtune.config.corpus import FilterSettings
from hybridtune.domain import DomainSettings
from hybridtune.language import english_share, in_language
from hybridtune.records import Role, Session

SPEAKERS: Mapping[Role, str] = {"assistant": "counselor", "user": "patient"}
POOR_LABELS = frozenset({"low", "poor", "bad", "ineffective", "negative", "fail", "failed"})
"""What quality columns call a session that shows how not to do it."""
POOR_TITLE = re.compile(
    r"\b(?:ineffective|bad|poor|poorly|wrong|worst|confront\w*|mismanag\w*|mistakes?|without"
    r"|how not to|what not to do|not to do|don'?ts|non-?\s?example|non-?motivational"
    r"|not so good)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measured:
    """What the filters look at.

    Attributes:
        turns: of both speakers.
        turns_each: by role.
        words: of both speakers.
        counselor_share: of the words; 0 where there are none.
        gaps: places where the transcriber heard nothing.
        language_share: of English function words; None where the text is too short to tell.
    """

    turns: int
    turns_each: Mapping[Role, int]
    words: int
    counselor_share: float
    gaps: int
    language_share: float | None


def measure(session: Session, gaps: int = 0) -> Measured:
    """Count a session's turns and words; cleaning has counted the gaps."""
    said = {role: session.turns(role) for role in SPEAKERS}
    words = {role: sum(len(text.split()) for text in texts) for role, texts in said.items()}
    total = sum(words.values())
    return Measured(
        turns=sum(len(texts) for texts in said.values()),
        turns_each={role: len(texts) for role, texts in said.items()},
        words=total,
        counselor_share=words["assistant"] / total if total else 0.0,
        gaps=gaps,
        language_share=english_share(" ".join(text for texts in said.values() for text in texts)),
    )


def reasons_to_drop(
    measured: Measured,
    settings: FilterSettings,
    kind: Literal["session", "qa"],
    quality: str | None,
    language: str,
) -> list[str]:
    """Why a session is left out; empty if it stays.

    Args:
        measured: the session's figures.
        settings: the limits.
        kind: questions and answers have limits of their own.
        quality: the file's own label.
        language: the domain's BCP 47 tag.
    """
    by_kind = answer_reasons if kind == "qa" else session_reasons
    reasons = list(by_kind(measured, settings))
    told = in_language(measured.language_share, language)
    if settings.language == "domain" and told == "no":
        reasons.append(f"not in the domain's language ({language})")
    if quality and label(quality) in map(label, settings.drop_quality):
        reasons.append(f"labelled {label(quality)}")
    return reasons


def session_reasons(measured: Measured, settings: FilterSettings) -> Iterator[str]:
    """What a session lacks."""
    low, high = settings.counselor_share
    if measured.turns < settings.min_turns:
        yield f"fewer than {settings.min_turns} turns"
    for role, speaker in SPEAKERS.items():
        if measured.turns_each.get(role, 0) < settings.min_turns_each:
            yield f"fewer than {settings.min_turns_each} turns of the {speaker}"
    if measured.words < settings.min_words:
        yield f"fewer than {settings.min_words} words"
    if settings.max_words is not None and measured.words > settings.max_words:
        yield f"more than {settings.max_words} words"
    if measured.counselor_share < low:
        yield f"the counselor says less than {low:.0%} of the words"
    if measured.counselor_share > high:
        yield f"the counselor says more than {high:.0%} of the words"
    if measured.gaps > settings.max_gap_share * measured.words:
        yield f"more gaps than {settings.max_gap_share:.1%} of the words"


def answer_reasons(measured: Measured, settings: FilterSettings) -> Iterator[str]:
    """What is wrong with the length of an answer."""
    words = round(measured.words * measured.counselor_share)
    if words < settings.min_answer_words:
        yield f"an answer of fewer than {settings.min_answer_words} words"
    if words > settings.max_answer_words:
        yield f"an answer of more than {settings.max_answer_words} words"


def flags(
    session: Session, title: str | None, quality: str | None, domain: DomainSettings
) -> dict[str, str]:
    """What a person should know about a session, by flag; words of the title are not repeated."""
    found: dict[str, str] = {}
    texts = [message.content for message in session.messages]
    if crisis := crisis_flag(texts, domain.crisis_terms):
        found["crisis"] = crisis
    if quality and label(quality) in POOR_LABELS:
        found["quality"] = f"the file labels it {label(quality)}"
    if title and (match := POOR_TITLE.search(title)):
        found["title"] = f'its title says "{match[0].casefold()}"'
    return found


def label(text: str) -> str:
    """A label without what does not tell it apart."""
    return " ".join(text.casefold().split())
