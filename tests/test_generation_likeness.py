"""Near-duplicates by the index on disk, and personas that must give way to earlier ones."""

import random
from pathlib import Path
from typing import Any

import pytest

from generation.likeness import LikenessIndex
from generation.personas import crowded
from hybridtune.overlap import grams


def variations(count: int, seed: int = 0) -> list[set[str]]:
    """Random sets, of which many are like another to all degrees."""
    drawn = random.Random(seed)
    sets: list[set[str]] = []
    for _ in range(count):
        size = drawn.randrange(20, 60)
        base = drawn.choice(sets) if sets and drawn.random() < 0.7 else set()
        kept = set(drawn.sample(sorted(base), round(len(base) * drawn.uniform(0.5, 1))))
        sets.append(kept | {f"mark {drawn.randrange(10**6)}" for _ in range(size - len(kept))})
    return sets


def similarity(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def test_what_is_found_is_like_and_what_is_clearly_like_is_found(tmp_path: Path) -> None:
    sets = variations(400)
    kept: list[int] = []
    found = missed = 0
    with LikenessIndex(tmp_path / "index", 0.5) as index:
        for number, marks in enumerate(sets):
            match = index.keep(number, f"text {number}", marks)
            near = [other for other in kept if similarity(marks, sets[other]) >= 0.5]
            if match is None:
                missed += any(similarity(marks, sets[other]) >= 0.6 for other in near)
                kept.append(number)
                continue
            assert match.number in near
            assert match.name == f"text {match.number}"
            assert match.similarity == pytest.approx(similarity(marks, sets[match.number]))
            found += 1
    assert found > 50
    assert missed == 0
    assert not (tmp_path / "index").exists()


def test_a_draft_with_two_words_changed_is_a_near_duplicate(tmp_path: Path) -> None:
    drawn = random.Random(0)
    text = " ".join(f"word{drawn.randrange(500)}" for _ in range(200))
    changed = text.replace(text.split()[20], "other").replace(text.split()[90], "another")
    other = " ".join(f"word{drawn.randrange(500)}" for _ in range(200))
    with LikenessIndex(tmp_path / "index", 0.5) as index:
        found = [
            index.keep(number, str(number), grams(each, 5))
            for number, each in enumerate((text, other, changed, ""))
        ]
    assert [match and match.name for match in found] == [None, None, "0", None]
    assert found[2] is not None
    assert 0.8 < found[2].similarity < 1


def people(*texts: str) -> list[tuple[int, str, Any]]:
    return [(number, f"persona-{number}", {"about": text}) for number, text in enumerate(texts)]


def test_the_later_row_gives_way(tmp_path: Path) -> None:
    one, other = "a baker who rises early and sings", "a pilot who is afraid of open water"
    found = crowded(people(one, other, one, "a third", one), tmp_path / "index")
    assert [(each.row, each.like, each.similarity) for each in found] == [
        (2, "persona-0", 1.0),
        (4, "persona-0", 1.0),
    ]


def test_a_row_like_one_that_may_still_change_waits(tmp_path: Path) -> None:
    one, other = "a baker who rises early and sings", "a pilot who is afraid of open water"
    assert [each.row for each in crowded(people(one, one, other, other), tmp_path / "index")] == [1]


def test_short_answers_tell_personas_apart(tmp_path: Path) -> None:
    personas = [(0, "a", {"age": "30", "job": "cook"}), (1, "b", {"age": "30", "job": "nurse"})]
    assert not list(crowded(personas, tmp_path / "index"))
