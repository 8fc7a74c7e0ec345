"""The rules' decisions: a failed check first, then the thresholds on the mean rank."""

import pytest

from generation.review import review, text_digest
from hybridtune.config.generation import GenerationSettings
from hybridtune.records import Evidence, Judgment, Message, Session

SETTINGS = GenerationSettings(accept_at=7, reject_below=4)


def draft(*said: str) -> Session:
    messages = tuple(Message(role="user", content=text) for text in said)
    return Session(id="synthetic-1", domain="bikes", source="synthetic", messages=messages)


def ranking(*scores: int) -> Judgment:
    return Judgment(
        id="ranking-1",
        conversation="synthetic-1",
        scenario="scenario-1",
        variant="synthetic",
        repeat=0,
        rubric="ranking",
        judge="fake",
        scores={str(n): Evidence(score=score) for n, score in enumerate(scores)} or None,
        missing=None if scores else "no usable answer in 3 tries",
    )


@pytest.mark.parametrize(
    ("scores", "status", "reason"),
    [
        ((7, 7), "accepted", "rank"),
        ((10, 4), "accepted", "rank"),
        ((7, 6), "flagged", "rank"),
        ((4, 4), "flagged", "rank"),
        ((4, 3), "rejected", "rank"),
        ((), "flagged", "unranked"),
    ],
)
def test_thresholds(scores: tuple[int, ...], status: str, reason: str) -> None:
    found = review(draft("Hello."), None, ranking(*scores), SETTINGS)
    assert (found.status, found.reason, found.by) == (status, reason, "rule")


def test_a_missing_ranking_keeps_its_reason() -> None:
    assert review(draft(), None, ranking(), SETTINGS).detail == "no usable answer in 3 tries"


def test_a_failed_check_outweighs_any_rank() -> None:
    found = review(draft("Hello."), ("leak", "turn 3"), ranking(10, 10), SETTINGS)
    assert (found.status, found.reason, found.detail) == ("rejected", "leak", "turn 3")


def test_the_digest_tells_who_said_what() -> None:
    assert text_digest(draft("a", "b")) == text_digest(draft("a", "b"))
    assert len({text_digest(each) for each in (draft("a", "b"), draft("ab"), draft("b", "a"))}) == 3
