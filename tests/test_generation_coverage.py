"""The plan of the rows: exact quotas, at any number and without disturbing earlier rows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.coverage import plan_rows, spread
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import load_domain
from hybridtune.seeds import derive

THERAPY = load_domain("therapy")


@given(kinds=st.integers(1, 12), count=st.integers(0, 80), seed=st.integers(0, 2**31 - 1))
def test_every_value_comes_as_often_as_any_other(kinds: int, count: int, seed: int) -> None:
    found = Counter(spread(range(kinds), count, seed))
    assert found.total() == count
    assert all(count // kinds <= found[value] <= -(-count // kinds) for value in range(kinds))


def test_more_rows_leave_the_earlier_ones_as_they_are() -> None:
    few = plan_rows(THERAPY, GenerationSettings(sessions=40), seed=3)
    many = plan_rows(THERAPY, GenerationSettings(sessions=90), seed=3)
    assert many[:40] == few
    assert plan_rows(THERAPY, GenerationSettings(sessions=40), seed=4) != few


def test_quotas_of_themes_axes_and_lengths_are_exact() -> None:
    settings = GenerationSettings(sessions=600, min_exchanges=4, max_exchanges=8)
    rows = plan_rows(THERAPY, settings, seed=0)
    themes = Counter(row.theme for row in rows)
    assert set(themes) == set(THERAPY.words("taxonomy/themes"))
    assert max(themes.values()) - min(themes.values()) <= 1
    assert Counter(n for row in rows for n in row.exchanges) == dict.fromkeys(range(4, 9), 120)
    for name, values in THERAPY.words("taxonomy/axes").items():
        found = Counter(row.axes[name] for row in rows)
        assert set(found) == set(values)
        assert max(found.values()) - min(found.values()) <= 1


@pytest.mark.parametrize(("sessions", "lengths"), [(7, [3, 3, 1]), (6, [3, 3]), (0, [])])
def test_sessions_share_personas(sessions: int, lengths: list[int]) -> None:
    settings = GenerationSettings(sessions=sessions, scenarios_per_persona=3)
    assert [len(row.exchanges) for row in plan_rows(THERAPY, settings, seed=0)] == lengths


def test_seeds_differ_by_purpose_and_are_stable() -> None:
    assert derive(0, "generation", 1, "persona") == 728262425
    seeds = {derive(0, "generation", row, step) for row in range(100) for step in ("a", "b")}
    assert len(seeds) == 200
    assert derive(0, "1", "23") != derive(0, "12", "3")
