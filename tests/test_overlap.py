"""Runs of words, and the wall between training and evaluation."""

import pytest

from hybridtune.overlap import HeldOut, grams, text_grams
from hybridtune.records import Scenario

LONG = (
    "The brakes squeal whenever it rains and I am late for work again because I walk the bike down"
)


def scenario(name: str, text: str) -> Scenario:
    return Scenario(id=name, domain="bikes", persona={}, scenario={"scenario": text})


def test_case_punctuation_and_apostrophes_do_not_hide_a_copy() -> None:
    assert grams("I don't know; why?", 4) == grams("i DON\u2019T know -- why", 4) != set()


def test_runs_of_words_do_not_cross_texts() -> None:
    assert text_grams({"a": "one two", "b": ["three", {"c": "four five six"}]}, 3) == {
        "four five six"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, "held"),
        (f"As I said, {LONG.lower()}!", "held"),
        (" ".join(LONG.split()[:12]), "held"),
        (" ".join(LONG.split()[:11]), None),
        ("The brakes squeal whenever I go down the hill to work", None),
        ("My chain broke", "short"),
        ("So my chain broke yesterday", None),
    ],
)
def test_too_close_to_a_held_out_scenario(text: str, expected: str | None) -> None:
    held_out = HeldOut([scenario("held", LONG), scenario("short", "My chain broke.")])
    assert held_out.too_close({"scenario": text}) == expected


def test_copied_words_add_up_over_the_parts_of_one_thing() -> None:
    held_out = HeldOut([scenario("held", LONG)])
    one, other = " ".join(LONG.split()[:10]), " ".join(LONG.split()[6:17])
    assert held_out.too_close(one) is None
    assert held_out.too_close(other) is None
    assert held_out.too_close(one, other) == "held"
    assert held_out.shared([one, other]) == {0: 7}
