"""The rules' decisions: a failed check first, then the thresholds on the mean rank."""

import pytest

from generation.decisions import decide
from generation.outcomes import Chain, Take
from generation.review import review, text_digest
from hybridtune.config.generation import GenerationSettings
from hybridtune.records import Evidence, Judgment, Message, Session

SETTINGS = GenerationSettings(accept_at=7, reject_below=4)


def draft(*said: str) -> Session:
    messages = tuple(Message(role="user", content=text) for text in said)
    return Session(id="synthetic-1", domain="bikes", source="synthetic", messages=messages)


def ranking(*scores: int, unfounded: tuple[int, ...] = ()) -> Judgment:
    return Judgment(
        id="ranking-1",
        conversation="synthetic-1",
        scenario="scenario-1",
        variant="synthetic",
        repeat=0,
        rubric="ranking",
        judge="fake",
        scores={
            str(n): Evidence(score=score, quote="so", quote_found=n not in unfounded)
            for n, score in enumerate(scores)
        }
        or None,
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


def test_a_floor_outweighs_the_mean() -> None:
    settings = SETTINGS.model_copy(update={"floors": {"1": 5}})
    found = review(draft("Hello."), None, ranking(10, 4), settings)
    assert (found.status, found.reason) == ("rejected", "floor")
    assert found.detail == "1 4, rejected below 5"
    assert review(draft("Hello."), None, ranking(10, 5), settings).status == "accepted"


def test_scores_without_evidence_are_for_a_person() -> None:
    found = review(draft("Hello."), None, ranking(9, 9, 9, unfounded=(0, 1)), SETTINGS)
    assert (found.status, found.reason) == ("flagged", "evidence")
    assert found.detail == "only 1 of 3 quotes are in the draft"
    assert review(draft("Hello."), None, ranking(9, 9, unfounded=(0,)), SETTINGS).reason == "rank"
    settings = SETTINGS.model_copy(update={"floors": {"0": 5}})
    found = review(draft("Hello."), None, ranking(9, 9, 9, unfounded=(0,)), settings)
    assert (found.status, found.detail) == ("flagged", "the quote for 0 is not in the draft")


def test_a_low_mean_needs_no_evidence() -> None:
    found = review(draft("Hello."), None, ranking(2, 2, unfounded=(0, 1)), SETTINGS)
    assert (found.status, found.reason) == ("rejected", "rank")


def test_a_missing_ranking_keeps_its_reason() -> None:
    assert review(draft(), None, ranking(), SETTINGS).detail == "no usable answer in 3 tries"


def test_a_failed_check_outweighs_any_rank() -> None:
    found = review(draft("Hello."), ("leak", "turn 3"), ranking(10, 10), SETTINGS)
    assert (found.status, found.reason, found.detail) == ("rejected", "leak", "turn 3")


def chain_of(*takes: tuple[str, Judgment]) -> Chain:
    drafts = [draft(name).model_copy(update={"id": name}) for name, _ in takes]
    ranked = zip(drafts, takes, strict=True)
    return Chain(takes=tuple(Take(draft=each, ranking=given) for each, (_, given) in ranked))


def test_only_what_may_be_taken_outranks_others() -> None:
    settings = SETTINGS.model_copy(update={"floors": {"1": 5}})
    unsafe, good, lesser = ranking(10, 4), ranking(8, 8), ranking(7, 7)
    chain = chain_of(("a", unsafe), ("b", good), ("c", lesser))
    found = decide(chain, settings, lambda _: None)
    assert [(each.review.status, each.review.reason) for each in found] == [
        ("rejected", "floor"),
        ("accepted", "rank"),
        ("rejected", "outranked"),
    ]
    invented = ranking(10, 10, unfounded=(0, 1))
    found = decide(chain_of(("a", invented), ("b", lesser)), SETTINGS, lambda _: None)
    assert [each.review.reason for each in found] == ["outranked", "rank"]
    found = decide(chain_of(("a", invented), ("b", ranking(2, 2))), SETTINGS, lambda _: None)
    assert [each.review.reason for each in found] == ["evidence", "rank"]


def test_the_digest_tells_who_said_what() -> None:
    assert text_digest(draft("a", "b")) == text_digest(draft("a", "b"))
    assert len({text_digest(each) for each in (draft("a", "b"), draft("ab"), draft("b", "a"))}) == 3
