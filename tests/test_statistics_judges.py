"""Reliability, wins and agreement against published examples, by hand, and under simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from eval.statistics.agreement import (
    isotonic_map,
    kendall,
    mean_absolute_error,
    ridge,
    spearman,
    weighted_kappa,
)
from eval.statistics.arrays import generator
from eval.statistics.reliability import bootstrapped, icc, krippendorff_alpha
from eval.statistics.wins import bradley_terry, strengths, wilson, win_rate

# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
NAN = math.nan
# Krippendorff 2011: four observers, twelve units, missing values.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


def test_iccs_are_those_of_shrout_and_fleiss() -> None:
    one, two = icc(SHROUT_FLEISS)
    assert (round(one, 2), round(two, 2)) == (0.17, 0.29)


def test_alpha_is_krippendorffs() -> None:
    assert krippendorff_alpha(KRIPPENDORFF) == pytest.approx(0.849, abs=5e-4)


def test_what_does_not_vary_has_no_reliability() -> None:
    assert all(math.isnan(value) for value in icc(np.full((5, 3), 8.0)))
    assert math.isnan(krippendorff_alpha(np.full((5, 3), 8.0)))
    assert math.isnan(krippendorff_alpha([[1.0, NAN], [NAN, 2.0]]))
    assert icc([[1, 1], [2, 2], [5, 5]]) == (pytest.approx(1), pytest.approx(1))


def test_a_constant_difference_between_readings_costs_agreement() -> None:
    table = np.array([[1, 3], [2, 4], [5, 7], [8, 10]], dtype=float)
    one, two = icc(table)
    assert one < two < 1


def test_the_bootstrap_covers_the_value() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(60, 1))
    table = truth + rng.normal(scale=0.5, size=(60, 3))
    found = bootstrapped(lambda rows: icc(rows)[0], table, generator("b"), resamples=300)
    assert found.low < 0.8 < found.high
    assert found.low < found.value < found.high
    assert math.isnan(bootstrapped(krippendorff_alpha, table[:4], generator("b")).low)


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert math.isnan(wilson(0, 0).low)


def test_scenarios_are_won_once_however_often_they_are_played() -> None:
    found = win_rate([1, 0.75, 0.5, 0.25, 1])
    assert (found.n, found.wins, found.ties, found.losses, found.rate) == (5, 3, 1, 1, 0.6)


def test_bradley_terry_of_two_is_the_log_odds() -> None:
    first, second = bradley_terry(np.array([[0.0, 30], [10, 0]]))
    assert first - second == pytest.approx(math.log(3))


def test_bradley_terry_is_where_the_likelihood_is_flat() -> None:
    won = np.array([[0, 7.0, 9], [3, 0, 6], [1, 4, 0]])
    theta = bradley_terry(won)
    chance = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
    expected = ((won + won.T) * chance * (1 - np.eye(3))).sum(axis=1)
    assert expected == pytest.approx(won.sum(axis=1), abs=1e-6)
    assert theta.sum() == pytest.approx(0, abs=1e-9)


def test_whoever_never_loses_has_no_finite_strength() -> None:
    assert np.isnan(bradley_terry(np.array([[0.0, 5], [0, 0]]))).all()


def test_strengths_have_limits_from_scenarios() -> None:
    rng = np.random.default_rng(1)
    outcomes = [
        {(0, 1): float(rng.random() < 0.7), (0, 2): float(rng.random() < 0.8), (1, 2): 0.5}
        for _ in range(40)
    ]
    found = strengths(outcomes, 3, generator("s"), resamples=200)
    assert [limits.low < value < limits.high for value, limits in found] == [True] * 3
    assert found[0][1].low > 0


def test_agreement_by_hand() -> None:
    assert weighted_kappa([1, 2, 3], [1, 2, 3]) == 1
    assert weighted_kappa([2, 2, 2], [1, 2, 3]) == pytest.approx(0)
    assert weighted_kappa([3, 2, 1], [1, 2, 3]) == pytest.approx(-1)
    # A 2 x 2 table, for which quadratic and plain kappa are the same: (0.7 - 0.5) / (1 - 0.5).
    x = [0] * 50 + [1] * 50
    y = [0] * 35 + [1] * 15 + [0] * 15 + [1] * 35
    assert weighted_kappa(x, y) == pytest.approx(0.4)
    assert mean_absolute_error([1, 2], [2, 4]) == 1.5


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, 60).astype(float), rng.integers(0, 3, 60).astype(float)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert math.isnan(spearman(np.full(60, 8.0), y))
    assert math.isnan(kendall(np.full(60, 8.0), y))


def test_the_isotonic_map_never_falls_and_pools() -> None:
    x, y = np.array([1.0, 2, 3, 4, 4]), np.array([0.0, 2, 1, 3, 5])
    mapped = isotonic_map(x, y, np.array([0.0, 1, 2, 2.5, 3, 4, 9]))
    assert mapped == pytest.approx([0, 0, 1.5, 1.5, 1.5, 4, 4])


def test_ridge_finds_the_weights() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 2))
    found = ridge(x, 3 + 2 * x[:, 0], np.array([[1.0, 5.0]]))
    assert found == pytest.approx([5], abs=0.05)
