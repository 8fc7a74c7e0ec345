"""Exact quotas: apportionment, floors, series, and rows without forbidden combinations."""

import random
from collections import Counter
from fractions import Fraction
from itertools import combinations, islice
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.arrange import Rules, arranged, complaint, laying_order
from generation.matching import Stuck, moved
from generation.quotas import Copy, apportion, period, rounded, series, shares
from generation.space import Combination, Rare, Space
from hybridtune.errors import DomainError

WEIGHTS = st.lists(st.integers(1, 12), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**31 - 1)


def parts_of(weights: list[int]) -> dict[int, Fraction]:
    return shares(dict(enumerate(weights)), {})


@st.composite
def spaces(draw: st.DrawFn, most_axes: int = 4) -> Space:
    """Some axes with few values each, some pairs of values that do not go together, some floors."""
    sizes = draw(st.lists(st.integers(2, 4), min_size=2, max_size=most_axes))
    axes = {}
    for number, size in enumerate(sizes):
        axis = "abcd"[number]
        weights = draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
        axes[axis] = shares({f"{axis}{n}": weight for n, weight in enumerate(weights)}, {})
    value = st.sampled_from([(axis, name) for axis in axes for name in axes[axis]])
    pairs = draw(st.lists(st.tuples(value, value), max_size=4))
    forbidden = [{a: frozenset([x]), b: frozenset([y])} for (a, x), (b, y) in pairs if a != b]
    floors = [
        Rare({a: frozenset([x]), b: frozenset([y])}, Fraction(1, 50))
        for (a, x), (b, y) in draw(st.lists(st.tuples(value, value), max_size=1))
        if a != b
    ]
    return Space("taxonomy", axes, tuple(forbidden), tuple(floors))


def kept(counts: Counter[str], parts: dict[str, Fraction], count: int) -> bool:
    return all(
        floor(count * part) <= counts[value] <= ceil(count * part) for value, part in parts.items()
    )


@given(weights=WEIGHTS, count=st.integers(0, 300), least=st.integers(0, 2))
def test_apportionment_adds_up_and_is_near_the_shares(
    weights: list[int], count: int, least: int
) -> None:
    count += least * len(weights)
    given_ = apportion(count, dict(enumerate(weights)), least=least)
    assert sum(given_.values()) == count
    assert list(given_) == list(range(len(weights)))
    assert min(given_.values()) >= least
    if not least:
        assert kept(Counter(given_), parts_of(weights), count)  # type: ignore[arg-type]


def test_largest_remainders_by_hand() -> None:
    assert apportion(10, {"a": 5, "b": 3, "c": 3}) == {"a": 4, "b": 3, "c": 3}
    assert apportion(2, {"a": 1, "b": 1, "c": 1}) == {"a": 1, "b": 1, "c": 0}
    # The Alabama paradox: one more to give, and c has one less.
    ten, eleven = (apportion(count, {"a": 6, "b": 6, "c": 2}) for count in (10, 11))
    assert (ten["c"], eleven["c"]) == (2, 1)


@given(weights=WEIGHTS, percent=st.integers(1, 40))
def test_a_floor_raises_a_share_and_the_others_keep_their_proportion(
    weights: list[int], percent: int
) -> None:
    plain = parts_of(weights)
    found = shares(dict(enumerate(weights)), {0: Fraction(percent, 100)})
    assert sum(found.values()) == 1
    assert found[0] == max(plain[0], Fraction(percent, 100)) or len(weights) == 1
    for one, other in combinations(range(1, len(weights)), 2):
        assert found[one] * weights[other] == found[other] * weights[one]


def test_floors_beyond_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing for the other"):
        shares({"a": 1, "b": 1, "c": 8}, {"a": Fraction(1, 2), "b": Fraction(1, 2)})


@given(weights=WEIGHTS, seed=SEEDS)
def test_a_series_keeps_its_quota_at_every_length(weights: list[int], seed: int) -> None:
    parts = parts_of(weights)
    counts: Counter[int] = Counter()
    for count, copy in enumerate(islice(series(parts, random.Random(seed)), 250), start=1):
        counts[copy.value] += 1
        assert copy.first < count <= copy.last + 1
        assert kept(counts, parts, count)  # type: ignore[arg-type]


def test_rare_values_stand_anywhere_in_their_windows() -> None:
    source = series(parts_of([1, 99]), random.Random(0))
    places = [place % 100 for place, copy in enumerate(islice(source, 5000)) if copy.value == 0]
    assert len(places) == 50
    assert len(set(places)) > 25
    assert min(places) < 20
    assert max(places) > 80


def test_large_counts_are_rounded_to_proportions() -> None:
    assert rounded({3: 40, 5: 60, 9: 0}, 100) == {3: 2, 5: 3}
    found = rounded({3: 123_457, 5: 999_999}, 1000)
    assert sum(found.values()) == 1000
    assert found[3] == 110


@settings(deadline=None, max_examples=60)
@given(space=spaces(), seed=SEEDS)
def test_rows_keep_all_quotas_or_the_pack_is_refused(space: Space, seed: int) -> None:
    rules = Rules(space)
    block = rules.block()
    try:
        rows = list(islice(arranged(space, seed), 2 * block))
    except DomainError:
        return
    counts = {axis: Counter[str]() for axis in space.axes}
    for count, row in enumerate(rows, start=1):
        assert not any(all(row[axis] in each[axis] for axis in each) for each in space.forbidden)
        for axis, value in row.items():
            counts[axis][value] += 1
            if axis not in rules.coupled or count % block == 0:
                assert kept(counts[axis], dict(space.axes[axis]), count)
    for rare in space.rare:
        found = sum(all(row[axis] in rare.when[axis] for axis in rare.when) for row in rows)
        assert found >= floor(rare.share * len(rows))
    short = list(islice(arranged(space, seed), block // 2 + 1))
    assert rows[: len(short)] == short


@settings(deadline=None, max_examples=60)
@given(space=spaces(most_axes=2), seed=SEEDS)
def test_two_axes_are_refused_only_if_no_order_exists(space: Space, seed: int) -> None:
    space = Space(space.where, space.axes, space.forbidden, ())
    try:
        next(arranged(space, seed))
        possible = True
    except DomainError:
        possible = False
    assert possible == has_order(space)


def has_order(space: Space) -> bool:
    """Hall's condition, over all sets of values of the first axis."""
    first, second = space.axes["a"], space.axes["b"]
    for size in range(1, len(first) + 1):
        for some in combinations(first, size):
            go_with = [
                other
                for other in second
                if any(
                    not any(one in each["a"] and other in each["b"] for each in space.forbidden)
                    for one in some
                )
            ]
            if sum(first[one] for one in some) > sum(second[other] for other in go_with):
                return False
    return True


def test_tight_quotas_are_met_out_of_their_windows() -> None:
    # a0 goes with b1 alone, and both are half of the rows.
    space = Space(
        "taxonomy",
        {"a": shares({"a0": 1, "a1": 1}, {}), "b": shares({"b0": 1, "b1": 2, "b2": 1}, {})},
        ({"a": frozenset(["a0"]), "b": frozenset(["b0", "b2"])},),
        (),
    )
    rows = list(islice(arranged(space, 1), 100))
    assert Counter(row["a"] + row["b"] for row in rows) == {"a0b1": 50, "a1b0": 25, "a1b2": 25}


def test_what_cannot_be_met_says_which_quotas() -> None:
    axes = {"age": shares({"old": 3, "new": 2}, {}), "work": shares({"none": 1, "some": 1}, {})}
    space = Space("here/taxonomy", axes, ({"age": frozenset(["old"]), "work": {"some"}},), ())  # type: ignore[dict-item]
    with pytest.raises(DomainError, match=r"here/taxonomy: the quotas of work .* age 'old'\) can "):
        next(arranged(space, 0))


def test_a_copy_moves_on_when_its_place_is_needed() -> None:
    # Row 0 may have only x, which stands in row 1, which may have x or y, whose copy is in row 2.
    copies = [Copy("z", 0, 2), Copy("x", 0, 2), Copy("y", 0, 2)]
    barred = [frozenset("yz"), frozenset("z"), frozenset()]
    found = moved("axis", copies, barred, 0, 0, random.Random(0))
    assert [copy.value for copy in found] == ["x", "y", "z"]
    with pytest.raises(Stuck) as stuck:
        moved("axis", copies, [frozenset("yz")] * 2 + [frozenset()], 0, 0, random.Random(0))
    assert (stuck.value.rows, stuck.value.values) == ([0, 1], {"x"})


def test_axes_are_laid_beside_those_that_they_forbid() -> None:
    pairs: list[Combination] = [
        {"a": frozenset(), "c": frozenset()},
        {"c": frozenset(), "d": frozenset()},
    ]
    assert laying_order(["a", "b", "c", "d"], pairs) == ["c", "a", "d", "b"]


def test_blocks_end_where_counts_are_whole() -> None:
    def block(*weights: list[int]) -> int:
        axes = {
            "abc"[n]: {str(v): p for v, p in parts_of(w).items()} for n, w in enumerate(weights)
        }
        ab = {"a": frozenset(["0"]), "b": frozenset(["0"])}
        return Rules(Space("", axes, (ab,), ())).block()

    assert block([1] * 7, [1] * 11, [1] * 13) == 154
    assert block([1, 1], [1, 3]) == 100
    assert block([1] * 101, [1] * 103) == 2000
    assert period(parts_of([1, 2, 3])) == 6


def test_a_complaint_is_one_line() -> None:
    axes = {"a": shares({"a0": 1, "a1": 1}, {}), "b": shares({"b0": 1, "b1": 3}, {})}
    rules = Rules(Space("", axes, ({"a": frozenset(["a0"]), "b": frozenset(["b1"])},), ()))
    stuck = Stuck("b", range(50), {"b0"})
    stuck.beside = {"a": {"a0"}}
    assert complaint(rules, stuck, 100) == (
        "the quotas of b cannot be met without a forbidden combination: 50 of 100 rows "
        "(of a 'a0') can have only 'b0', and the quotas give 25 of these"
    )
