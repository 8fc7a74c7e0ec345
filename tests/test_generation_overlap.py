"""Likeness of texts: near-duplicates, and the wall between training and evaluation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.overlap import HeldOut, grams, jaccard, near_duplicates, text_grams
from hybridtune.records import Scenario

SETS = st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=12)
LONG = (
    "The brakes squeal whenever it rains and I am late for work again because I walk the bike down"
)


def scenario(name: str, text: str) -> Scenario:
    return Scenario(id=name, domain="bikes", persona={}, scenario={"scenario": text})


def by_brute_force(sets: list[set[str]], threshold: float) -> dict[int, int]:
    kept: list[int] = []
    found: dict[int, int] = {}
    for number, mine in enumerate(sets):
        like = next((other for other in kept if jaccard(mine, sets[other]) >= threshold), None)
        if like is None:
            kept.append(number)
        else:
            found[number] = like
    return found


@given(sets=SETS, threshold=st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_near_duplicates_are_those_of_comparing_all_pairs(
    sets: list[set[str]], threshold: float
) -> None:
    found = {number: other for number, (other, _) in near_duplicates(sets, threshold).items()}
    assert found == by_brute_force(sets, threshold)


def test_a_draft_with_two_words_changed_is_a_near_duplicate() -> None:
    drawn = random.Random(0)
    text = " ".join(f"word{drawn.randrange(500)}" for _ in range(200))
    changed = text.replace(text.split()[20], "other").replace(text.split()[90], "another")
    other = " ".join(f"word{drawn.randrange(500)}" for _ in range(200))
    found = near_duplicates([grams(each, 5) for each in (text, other, changed)])
    assert list(found) == [2]
    assert found[2][0] == 0
    assert 0.8 < found[2][1] < 1


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
    assert held_out.most_shared(one, other) == 7
