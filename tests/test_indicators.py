"""Indicators: what is counted in replies, and that they stay indicators."""

import math

import pytest

from eval.indicators import counter_of, repetition
from hybridtune.domain import load_domain
from hybridtune.records import Message

COUNTER = counter_of(load_domain("therapy"))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("It sounds like the move was hard for you.", {"reflections": 1}),
        ("So you feel torn, and you wish it were over.", {"reflections": 1}),
        ("It sounds like a lot. What was it like?", {"reflections": 1, "open_questions": 1}),
        ("And what did you do then?", {"open_questions": 1}),
        ("Do you feel sad?", {"closed_questions": 1}),
        ("You should rest. Have you tried tea?", {"advice": 2, "closed_questions": 1}),
        ("That makes sense; anyone would be tired.", {"validation": 2}),
        ('You said "you should rest" to him.', {}),  # a quotation is not the counselor's advice
        ("I live in a house.", {}),
    ],
)
def test_a_reply_is_counted(reply: str, expected: dict[str, int]) -> None:
    found = COUNTER.turn(reply)
    assert {name: count for name, count in found.items() if count} == expected


def test_a_conversation_is_counted_per_turn() -> None:
    turns = (
        Message(role="user", content="one two three four"),
        Message(role="assistant", content="You should go there now."),
        Message(role="user", content="five six"),
        Message(role="assistant", content="You should go there now."),
    )
    found = COUNTER.of(turns)
    assert found["advice"] == 1.0
    assert found["words"] == 5.0
    assert found["talk_ratio"] == pytest.approx(10 / 16)
    assert found["self_repetition"] == pytest.approx(3 / 6)


def test_a_silent_counselor_has_no_indicators() -> None:
    found = COUNTER.of((Message(role="user", content="Hello?"),))
    assert all(math.isnan(value) for value in found.values())
    assert repetition([]) == 0.0


def test_a_pack_without_lists_counts_what_needs_none() -> None:
    assert counter_of(load_domain("support")).names == ["words", "talk_ratio", "self_repetition"]
