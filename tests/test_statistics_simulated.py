"""The quick version of `benchmarks/statistics.py`: the same code on fewer studies, seeded."""

from functools import partial

import pytest

import benchmarks.statistics as simulated
from benchmarks.statistics import (
    COMPLETE_NULL,
    PARTIAL_NULL,
    SHIFTED,
    World,
    covered,
    draw,
    family,
    found,
    rates,
    with_judges,
)
from eval.statistics.arrays import generator

pytestmark = pytest.mark.slow
STUDIES = 250


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    settings = simulated.SETTINGS.model_copy(update={"resamples": 400})
    monkeypatch.setattr(simulated, "SETTINGS", settings)


def rate(outcomes, name):
    """The rate, with twice its Monte Carlo error as the leeway that so few studies need."""
    return outcomes[name]["rate"], 2 * max(outcomes[name]["se"], 0.0138)


def test_scores_have_the_means_that_they_are_drawn_for():
    world = World((8.64, 7.32), (0.8, 1.3))
    (scores,) = draw(world, generator("means"), n=40_000)
    assert scores.mean(axis=1) == pytest.approx([8.64, 7.32], abs=0.03)
    assert set(scores.ravel()) <= set(range(1, 11))


@pytest.mark.parametrize("world", [
    World((8.5, 8.5), (0.8, 1.3)), World((8.5, 8.5), (1.0, 1.0), catastrophic=0.06),
], ids=["ceiling and unequal spread", "catastrophic replies"])  # fmt: skip
def test_intervals_hold_the_truth_in_93_to_97_percent(world):
    held, leeway = rate(rates(partial(covered, world, bca=False), STUDIES, 1), "shipped")
    assert 0.93 - leeway < held < 0.97 + leeway


@pytest.mark.parametrize("world", [COMPLETE_NULL, PARTIAL_NULL], ids=["complete", "partial"])
def test_at_most_6_percent_of_studies_find_what_is_not_there(world):
    outcomes = rates(partial(family, world), STUDIES, 1)
    wrong, leeway = rate(outcomes, "holm")
    assert wrong < 0.06 + leeway
    assert outcomes["uncorrected"]["rate"] > wrong
    assert outcomes["equivalent_though_apart"]["rate"] < 0.06


def test_seven_scenarios_find_no_more_than_fifty_what_is_not_there():
    outcomes = rates(partial(family, COMPLETE_NULL, n=7), STUDIES, 1)
    wrong, leeway = rate(outcomes, "holm")
    assert wrong < 0.05 + leeway


def test_a_difference_of_0_4_is_found_where_overlapping_intervals_miss_it():
    outcomes = rates(partial(found, SHIFTED), STUDIES, 1)
    assert outcomes["sd_d"]["rate"] == pytest.approx(1.15, abs=0.05)
    assert outcomes["sign_flip"]["rate"] > 0.6
    assert outcomes["no_overlap"]["rate"] == pytest.approx(0.22, abs=0.06)


def test_three_judges_who_differ_need_the_wider_interval():
    outcomes = rates(partial(with_judges, 0.2), STUDIES, 1)
    held, leeway = rate(outcomes, "two_way")
    assert 0.93 - leeway < held
    assert outcomes["scenarios_only"]["rate"] < 0.88
