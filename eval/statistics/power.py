"""How small a difference a plan can find, and how many scenarios one needs.

A paired difference varies by four sources: what a scenario does to one variant and not to another,
what one conversation has over its rerun, what one judgment has over another of the same
conversation, and what judges hold for or against a variant throughout.
"""

import math
from typing import NamedTuple

from scipy import stats

from eval.statistics.paired import minimum_detectable

MOST_SCENARIOS = 1_000_000


class Components(NamedTuple):
    """Standard deviations in points, each of one variant; 0 where a source is folded into another.

    A pilot without repeats cannot tell a rerun from its scenario: both are `scenario_variant` then,
    which more repeats do not shrink, so that a plan built on it promises too little, not too much.
    """

    scenario_variant: float
    rerun: float
    judge_noise: float
    judge_variant: float


ASSUMED = Components(0.4, 0.5, 0.5, 0.0)
"""Without a pilot: gives paired differences of one conversation and judge an SD of 1.15 points."""


def sd_of_differences(parts: Components, repeats: int, judges: int, samples: int = 1) -> float:
    """SD over scenarios of the difference between two variants, averaged before it is taken."""
    conversation = parts.scenario_variant**2 + parts.rerun**2 / repeats
    return math.sqrt(2 * (conversation + parts.judge_noise**2 / (repeats * judges * samples)))


def detectable(
    parts: Components,
    n: int,
    repeats: int,
    judges: int,
    samples: int = 1,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """The smallest true difference that the plan finds with this power (see `paired`).

    What judges hold for a variant does not shrink with more scenarios, only with more judges
    (a facet's part in the error of generalization, Brennan 2001).
    """
    sd = sd_of_differences(parts, repeats, judges, samples)
    shared = 2 * parts.judge_variant**2 / judges
    return minimum_detectable(math.sqrt(sd**2 + n * shared), n, alpha, power)


def scenarios_needed(
    difference: float, sd: float, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The fewest scenarios that find this difference, by bisection; None above a million."""
    if not (difference > 0 and sd > 0):
        return None
    low, high = 1, 2
    while minimum_detectable(sd, high, alpha, power) > difference:
        low, high = high, high * 2
        if high > MOST_SCENARIOS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = minimum_detectable(sd, middle, alpha, power) <= difference
        low, high = (low, middle) if enough else (middle, high)
    return high


def widest_significant(difference: float, n: int, alpha: float = 0.05) -> float:
    """The largest SD of paired differences at which a t test still calls this mean significant."""
    return float(difference * math.sqrt(n) / stats.t.ppf(1 - alpha / 2, n - 1))
