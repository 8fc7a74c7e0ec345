"""How steady variants are, apart from how good: spread, reruns, failures, and what the scale does.

A higher mean near the top of a scale makes scores lie closer together by itself; beside every ratio
of spreads stands the one that the means alone would give. Exploratory: no verdict rests on it.
Reads and writes no files.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from eval.cells import Cells
from eval.statistics.arrays import Array, complete_pairs, generator
from eval.statistics.ceiling import Moments, expected_ratio
from eval.statistics.describe import exact_share
from eval.statistics.paired import sign_flip_p
from eval.statistics.spread import mcnemar_p, paired_brown_forsythe, rerun_sd, sd_ratio
from hybridtune.config.evaluation import EvaluationSettings


class Scale(NamedTuple):
    """The ends of the rubric's scale, and the highest score that counts as a failure."""

    low: float
    high: float
    fails_at: float


def spread(
    cells: Cells, variants: list[str], fails_at: float, alpha: float
) -> dict[str, dict[str, dict[str, Any]]]:
    """By variant and measure: the SD between and inside scenarios, and the failures."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for variant in variants:
        result[variant] = {}
        for measure in cells.measures:
            values, every = cells.values(variant, measure), cells.every(variant, measure)
            values = values[~np.isnan(values)]
            failures = sum(score <= fails_at for score in every)
            result[variant][measure] = {
                "sd": float(values.std(ddof=1)) if values.size > 1 else math.nan,
                "rerun_sd": rerun_sd(list(cells.scores[variant][measure].values())),
                "conversations": len(every),
                "failures": failures,
                "failure_rate": failures / len(every) if every else math.nan,
                **exact_share(failures, len(every), alpha)._asdict(),
            }
    return result


def spread_contrasts(
    cells: Cells,
    couples: list[tuple[str, str]],
    scale: Scale,
    settings: EvaluationSettings,
    seed: int,
) -> list[dict[str, Any]]:
    """For every pair and measure: SD ratio a / b, its tests, and the exact test of failures."""
    return [
        spread_contrast(cells, a, b, measure, scale, settings, seed)
        for measure in cells.measures
        for a, b in couples
    ]


def spread_contrast(
    cells: Cells,
    a: str,
    b: str,
    measure: str,
    scale: Scale,
    settings: EvaluationSettings,
    seed: int,
) -> dict[str, Any]:
    """One pair on one measure."""
    first, second = complete_pairs(cells.values(a, measure), cells.values(b, measure))
    stream = generator(seed, "spread", a, b, measure)
    ratio = sd_ratio(first, second, settings.alpha)
    both = scored(cells, a, measure) & scored(cells, b, measure)
    failed = [failing(cells, name, measure, scale.fails_at) & both for name in (a, b)]
    return {
        "a": a, "b": b, "measure": measure, "n": first.size,
        "ratio": ratio.value, "low": ratio.low, "high": ratio.high,
        "ceiling_ratio": ceiling_ratio(first, second, scale),
        "p": paired_brown_forsythe(first, second).p,
        "p_flip": sign_flip_p(deviations(first, second), stream, settings.resamples),
        "rerun": rerun(cells, a, b, measure, settings, stream),
        "failed_a": len(failed[0]), "failed_b": len(failed[1]),
        "p_failures": mcnemar_p(len(failed[0] - failed[1]), len(failed[1] - failed[0])),
    }  # fmt: skip


def deviations(first: Array, second: Array) -> Array:
    """Per scenario, how much farther `first` is from its median than `second` from its own."""
    if not first.size:
        return first
    deviating = np.abs(first - np.median(first)) - np.abs(second - np.median(second))
    return np.asarray(deviating, dtype=np.float64)


def ceiling_ratio(first: Array, second: Array, scale: Scale) -> float:
    """The SD ratio that the two means give by themselves, were the variants equally steady."""
    if first.size < 2:
        return math.nan
    a, b = (Moments(float(one.mean()), float(one.std(ddof=1))) for one in (first, second))
    return expected_ratio(a, b, scale.low, scale.high)


def rerun(
    cells: Cells,
    a: str,
    b: str,
    measure: str,
    settings: EvaluationSettings,
    stream: np.random.Generator,
) -> dict[str, float] | None:
    """Spread between conversations of the same scenario, paired by scenario; None without repeats.

    The only one of these numbers that scenarios of unequal difficulty have no part in.
    """
    groups = [cells.scores[name][measure] for name in (a, b)]
    repeated = [name for name in groups[0] if all(len(group[name]) > 1 for group in groups)]
    if not repeated:
        return None
    spreads = np.array(
        [[np.std(group[name], ddof=1) for name in repeated] for group in groups], dtype=np.float64
    )
    p = sign_flip_p(spreads[0] - spreads[1], stream, settings.resamples)
    pooled = [rerun_sd([group[name] for name in repeated]) for group in groups]
    ratio = pooled[0] / pooled[1] if pooled[1] > 0 else math.nan
    return {"n": len(repeated), "ratio": ratio, "p": p}


def failing(cells: Cells, variant: str, measure: str, fails_at: float) -> set[str]:
    """The scenarios in which at least one of the variant's conversations failed."""
    groups = cells.scores[variant][measure]
    return {name for name, group in groups.items() if any(score <= fails_at for score in group)}


def scored(cells: Cells, variant: str, measure: str) -> set[str]:
    """The scenarios in which the variant has at least one score."""
    return {name for name, group in cells.scores[variant][measure].items() if group}
