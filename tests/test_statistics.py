"""The statistics against hand-made values, against scipy, and under simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from eval.statistics import effects
from eval.statistics.arrays import complete_pairs, generator, numbers
from eval.statistics.ceiling import Moments, expected_ratio, mean_behind, seen
from eval.statistics.describe import exact_share, summary, t_interval
from eval.statistics.holm import holm
from eval.statistics.length import length_adjusted
from eval.statistics.paired import (
    equivalence_p,
    every_pattern,
    minimum_detectable,
    paired_t,
    sign_flip_p,
    verdict,
)
from eval.statistics.power import ASSUMED, Components, detectable, sd_of_differences
from eval.statistics.resampling import bca_interval, bootstrap_t_interval
from eval.statistics.spread import mcnemar_p, paired_brown_forsythe, rerun_sd, sd_ratio

probabilities = st.lists(st.floats(1e-6, 1), min_size=1, max_size=12)
scores = st.lists(st.integers(-9, 9), min_size=2, max_size=25)
A = np.array([7.0, 6, 8, 5, 7, 9, 6, 7])
B = np.array([6.0, 6, 7, 5, 5, 7, 7, 6])


def test_a_summary_by_hand():
    found = summary([2, 4, 4, 6])
    assert (found.n, found.mean, found.median) == (4, 4.0, 4.0)
    assert found.sd == pytest.approx(math.sqrt(8 / 3))
    half = 3.182446305 * math.sqrt(8 / 3) / 2
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half))


@pytest.mark.parametrize("values", [[], [5.0]])
def test_too_few_values_give_no_interval(values):
    assert all(math.isnan(limit) for limit in t_interval(values))
    assert math.isnan(summary(values).sd)


def test_a_missing_value_is_refused_not_counted_as_zero():
    with pytest.raises(ValueError, match="missing"):
        numbers([1.0, math.nan])
    first, second = complete_pairs([1, math.nan, 3], [4, 5, math.nan])
    assert (first.tolist(), second.tolist()) == ([1.0], [4.0])


def test_the_paired_t_test_is_scipys():
    expected = stats.ttest_rel(A, B)
    found = paired_t(A - B)
    assert (found.t, found.p, found.df) == pytest.approx((expected.statistic, expected.pvalue, 7))
    low, high = expected.confidence_interval(0.95)
    assert t_interval(A - B) == pytest.approx((low, high))


def test_differences_without_variation_have_no_t_test():
    assert math.isnan(paired_t([1, 1, 1, 1]).p)
    assert math.isnan(equivalence_p([0, 0, 0, 0], 0.5))
    assert math.isnan(minimum_detectable(0.0, 4))


def test_the_sign_flip_test_counts_all_patterns():
    # Of the 8 patterns of (1, 2, 3), two reach |sum| = 6.
    assert sign_flip_p([1, 2, 3], generator(0)) == pytest.approx(2 / 8)
    assert sign_flip_p([1, -1], generator(0)) == 1.0


def test_random_sign_flips_come_close_to_all_patterns():
    differences = np.array([1, 2, 0, 1, -1, 2, 1, 0, 1, 1, -2, 1])
    exact = sign_flip_p(differences, generator(0), 2**12)
    assert sign_flip_p(differences, generator(0), 4000) == pytest.approx(exact, abs=0.02)


def test_exact_sign_flips_without_ties_agree_with_scipy():
    differences = np.array([0.31, 1.27, -0.55, 2.1, 0.93, 1.71])
    ordinary = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(differences, generator(0)) == pytest.approx(ordinary)


@pytest.mark.parametrize("n", [2, 5, 7, 12])
def test_few_differences_are_never_called_real_too_often(n):
    sizes = np.sqrt(np.arange(1, n + 1))
    rows = every_pattern(n) * sizes
    p = np.array([sign_flip_p(row, generator(0), 2**n) for row in rows[: 2 ** (n - 1)]])
    for alpha in (0.01, 0.05, 0.1):
        assert np.mean(p <= alpha) <= alpha


def test_half_of_the_ties_count_from_20_differences_on():
    ones = np.ones(20)
    assert sign_flip_p(ones, generator(0), 2**20) == pytest.approx(1 / 2**20)
    assert sign_flip_p(ones[1:], generator(0), 2**19) == pytest.approx(2 / 2**19)
    padded = np.append(ones[:5], np.zeros(6))  # scenarios without a difference add no evidence
    assert sign_flip_p(padded, generator(0)) == pytest.approx(2 / 2**5)


@settings(deadline=None, max_examples=60)
@given(scores)
def test_a_permutation_p_is_a_probability_and_has_no_sign(differences):
    values = np.array(differences, dtype=float)
    p = sign_flip_p(values, generator(1), 200)
    assert 0 < p <= 1
    if values.size <= 7:
        assert sign_flip_p(-values, generator(1), 200) == pytest.approx(p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_a_test_that_could_not_be_made_still_counts_in_the_family():
    adjusted = holm([0.01, math.nan, 0.03])
    assert adjusted[0] == pytest.approx(0.03)
    assert math.isnan(adjusted[1])


@given(probabilities)
def test_holm_is_monotone_and_never_below_the_raw_p(p_values):
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)
    assert np.all((adjusted >= np.array(p_values) - 1e-12) & (adjusted <= 1))


@given(scores, st.floats(0.1, 3))
def test_equivalence_is_symmetric(differences, margin):
    values = np.array(differences, dtype=float)
    mirrored = equivalence_p(-values, margin)
    assert equivalence_p(values, margin) == pytest.approx(mirrored, nan_ok=True)


def test_equivalence_and_the_matching_interval_say_the_same():
    differences = np.array([0.1, -0.2, 0.3, 0.0, -0.1, 0.2, 0.1, -0.3])
    low, high = t_interval(differences, alpha=0.10)  # two one-sided tests at 5 %
    widest = max(abs(low), abs(high))
    assert equivalence_p(differences, widest) == pytest.approx(0.05)


def test_verdicts():
    assert verdict(0.4, 0.01, 1.0, 0.05) == "superior"
    assert verdict(-0.4, 0.01, 1.0, 0.05) == "inferior"
    assert verdict(0.1, 0.2, 0.01, 0.05) == "equivalent"
    assert verdict(0.1, 0.2, 0.3, 0.05) == "inconclusive"
    assert verdict(0.1, 0.2, math.nan, 0.05) == "inconclusive"


def test_the_detectable_difference_has_the_power_it_promises():
    n, sd = 50, 1.1
    found = minimum_detectable(sd, n)
    assert found == pytest.approx(0.44, abs=0.01)
    critical = stats.t.ppf(0.975, n - 1)
    power = stats.nct.sf(critical, n - 1, found * math.sqrt(n) / sd)
    assert power == pytest.approx(0.8, abs=1e-4)
    assert minimum_detectable(sd, n, alpha=0.05 / 6) == pytest.approx(0.56, abs=0.01)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 400])
def test_the_detectable_difference_exists_for_every_n(n):
    assert 0 < minimum_detectable(1.0, n, 0.05 / 6) < 1000


def test_effect_sizes_by_hand():
    a, b = np.array([3.0, 5, 4]), np.array([2.0, 2, 2])
    assert effects.dz(a, b) == pytest.approx(2.0)
    assert effects.d_av(a, b) == pytest.approx(2 / 0.5)
    assert effects.cliffs_delta(a, b) == 1.0
    assert effects.cliffs_delta(np.array([1.0, 2]), np.array([1.0, 2])) == 0.0
    assert effects.wins([3, 2, 1, 2], [1, 2, 2, 1])[:4] == (2, 1, 1, 0.5)


def test_the_bootstrap_needs_scenarios_that_vary():
    assert all(math.isnan(x) for x in bca_interval(effects.dz, A[:4], B[:4], generator(0)))
    assert all(math.isnan(x) for x in bca_interval(effects.dz, A, A - 1, generator(0)))


def test_the_bootstrap_is_repeatable_and_holds_the_estimate():
    low, high = bca_interval(effects.dz, A, B, generator(3), resamples=500)
    assert low < effects.dz(A, B) < high
    assert bca_interval(effects.dz, A, B, generator(3), resamples=500) == (low, high)


def test_the_bootstrap_t_interval_follows_the_skew():
    differences = np.array([0.0] * 30 + [1.0] * 8 + [-6.0, -7.0])
    low, high = bootstrap_t_interval(differences, generator(4), resamples=4000)
    student = t_interval(differences)
    assert student.low - low > 0.3  # the long tail is below, and so is the longer arm
    assert 0 < student.high - high < 0.3
    mirrored = bootstrap_t_interval(-differences, generator(4), resamples=4000)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)
    assert math.isnan(bootstrap_t_interval([1, 1, 1, 1, 1, 1], generator(0)).low)
    assert math.isnan(bootstrap_t_interval([1, 2, 3, 4], generator(0)).low)


def test_the_bootstrap_t_interval_is_students_on_a_normal_sample():
    differences = stats.norm.ppf((np.arange(40) + 0.5) / 40, 0.3, 1)
    found = bootstrap_t_interval(differences, generator(5), resamples=20_000)
    assert found == pytest.approx(t_interval(differences), abs=0.04)


def test_quartiles():
    found = summary([1, 2, 3, 4, 5])
    assert (found.q1, found.median, found.q3) == (2, 3, 4)
    assert math.isnan(summary([]).q1)


def test_scores_at_the_end_of_the_scale_lie_close_by_themselves():
    assert seen(9.5, 1e-3, 1, 10).mean == pytest.approx(9.5)
    assert seen(mean_behind(9.2, 1.4, 1, 10), 1.4, 1, 10).mean == pytest.approx(9.2)
    # One spread before the cut, two means: drawn, cut, and told from what is left.
    stream = generator("ceiling")
    drawn = [np.clip(np.round(stream.normal(m, 1.4, 200_000)), 1, 10) for m in (9.8, 7.3)]
    high, middle = (Moments(float(one.mean()), float(one.std())) for one in drawn)
    assert high.sd / middle.sd < 0.8
    found = expected_ratio(high, middle, 1, 10)
    assert found == pytest.approx(high.sd / middle.sd, abs=0.01)
    assert expected_ratio(middle, high, 1, 10) == pytest.approx(1 / found)
    assert expected_ratio(Moments(5, 1), Moments(5, 2), 1, 10) == pytest.approx(1)


@pytest.mark.parametrize("moments", [Moments(10, 0), Moments(1, 0.5), Moments(5, 0)])
def test_a_scale_without_room_has_no_expected_ratio(moments):
    assert math.isnan(expected_ratio(moments, Moments(5, 0), 1, 10))


def test_length_is_taken_out_of_a_difference():
    """The interval at equal length holds in about 95 % of studies, with unequal variance too."""
    stream = generator("length")
    held = slopes = 0
    for _ in range(400):
        ratios = stream.normal(0.5, 0.5, 50)
        noise = stream.normal(0, 0.3 + np.abs(ratios), 50)
        found = length_adjusted(0.3 + 0.8 * ratios + noise, ratios)
        held += found.low < 0.3 < found.high
        slopes += found.per_doubling / 400
        assert (found.low + found.high) / 2 == pytest.approx(found.value)
    assert held / 400 == pytest.approx(0.95, abs=0.033)
    assert slopes == pytest.approx(0.8, abs=0.05)


def test_the_line_is_scipys_and_needs_lengths_that_vary():
    x = np.array([0.1, 0.5, 0.9, 0.2, 0.4, 0.7, 1.1, 0.0, 0.3, 0.8])
    y = np.array([1.0, 2, 2, 0, 1, 3, 2, 1, 0, 2])
    found, line = length_adjusted([*y, 5.0], [*x, math.nan]), stats.linregress(x, y)
    assert (found.value, found.per_doubling) == pytest.approx((line.intercept, line.slope))
    assert found.n == 10
    assert math.isnan(length_adjusted(y, np.ones(10)).value)
    assert math.isnan(length_adjusted(y[:5], x[:5]).low)


def test_plans_by_the_design_notes_numbers():
    """Reruns buy more than judges: one conversation and judge 0.46, three reruns 0.33."""
    assert sd_of_differences(ASSUMED, 1, 1) == pytest.approx(1.15, abs=0.005)
    assert detectable(ASSUMED, 50, 1, 1) == pytest.approx(0.46, abs=0.005)
    assert detectable(ASSUMED, 50, 1, 3) == pytest.approx(0.40, abs=0.005)
    assert detectable(ASSUMED, 50, 3, 1) == pytest.approx(0.33, abs=0.005)
    assert detectable(ASSUMED, 50, 3, 3) == pytest.approx(0.30, abs=0.005)


def test_what_judges_hold_for_a_variant_does_not_shrink_with_scenarios():
    parts = Components(0.4, 0.5, 0.5, 0.2)
    assert detectable(parts, 100_000, 1, 1) > 2.8 * math.sqrt(2) * 0.2
    assert detectable(parts, 50, 1, 3) < detectable(parts, 50, 1, 1)


def test_exact_limits_of_a_share():
    assert exact_share(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert exact_share(0, 10).low == 0.0
    assert math.isnan(exact_share(0, 0).low)


def test_spread_compares_deviations_not_means():
    wide, narrow = np.array([1.0, 9, 2, 8, 1, 9, 5, 5]), np.array([5.0, 6, 5, 6, 5, 6, 5, 6])
    test = paired_brown_forsythe(wide, narrow)
    assert test.t > 0
    assert test.p < 0.05
    assert paired_brown_forsythe(wide + 3, narrow).p == pytest.approx(test.p)
    ratio = sd_ratio(wide, narrow)
    assert ratio.low < ratio.value < ratio.high
    assert ratio.value == pytest.approx(wide.std(ddof=1) / narrow.std(ddof=1))
    assert math.isnan(sd_ratio(wide, np.ones(8)).value)


def test_spread_between_repeats_ignores_the_scenarios_means():
    assert rerun_sd([[1, 3], [7, 9]]) == pytest.approx(math.sqrt(2))
    assert math.isnan(rerun_sd([[1], [9], []]))


def test_failures_of_one_variant_alone():
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(6, 0) == pytest.approx(2 / 64)


def test_streams_of_different_names_differ_and_repeat():
    assert generator(1, "a").random() == generator(1, "a").random()
    assert generator(1, "a").random() != generator(1, "b").random()


def test_type_one_error_on_integer_scores_with_a_ceiling():
    """Under equal variants the tests reject in about 5 % of studies (SE of 400: 1.1 %)."""
    stream = generator("type one")
    rejected = np.zeros(2)
    for _ in range(400):
        latent = stream.normal(8.3, 0.6, 20)
        a, b = (np.clip(np.round(latent + stream.normal(0, 1, 20)), 1, 10) for _ in range(2))
        p = sign_flip_p(a - b, stream, 400), paired_t(a - b).p
        rejected += np.array(p) <= 0.05
    assert np.all(np.abs(rejected / 400 - 0.05) < 0.033)


def test_interval_coverage():
    """The t interval holds the true mean difference in about 95 % of studies."""
    stream = generator("coverage")
    held = 0
    for _ in range(400):
        low, high = t_interval(np.round(stream.normal(0.5, 1.2, 20) * 2) / 2)
        held += low <= 0.5 <= high
    assert held / 400 == pytest.approx(0.95, abs=0.033)


def test_the_figures_in_the_documents_are_the_benchmarks_and_good_enough():
    home = Path(__file__).parent.parent
    told = (home / "docs" / "statistics.md").read_text(encoding="utf-8")
    text = (home / "benchmarks" / "results" / "statistics.json").read_text(encoding="utf-8")
    results = json.loads(text)["results"]
    for name, found in results.items():
        if name.startswith("coverage"):
            assert 0.93 <= found["shipped"]["rate"] <= 0.97
            rates = (found[one]["rate"] for one in ("shipped", "student", "bca"))
            assert " | ".join(f"{100 * rate:.1f} %" for rate in rates) in told
    for name in ("error_complete_null", "error_partial_null", "error_7_scenarios"):
        assert results[name]["holm"]["rate"] <= 0.06
        assert f"{100 * results[name]['holm']['rate']:.1f} % (uncorrected" in told
    power = results["power_0.4"]
    assert power["sign_flip"]["rate"] >= 0.6 > 0.25 > power["no_overlap"]["rate"]
    for name in ("sign_flip", "no_overlap"):
        assert f"{100 * power[name]['rate']:.1f} %" in told
