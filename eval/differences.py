"""One paired difference: what is estimated, what is tested, and the word that follows.

The path from scores to verdicts that `benchmarks/statistics.py` simulates. Takes one number per
scenario and variant, in the same order for both. Reads and writes no files.
"""

import math
from typing import Any

import numpy as np

from eval.statistics.arrays import Array, Interval
from eval.statistics.describe import t_interval
from eval.statistics.holm import holm
from eval.statistics.paired import (
    equivalence_p,
    minimum_detectable,
    paired_t,
    sign_flip_p,
    verdict,
)
from eval.statistics.resampling import bootstrap_t_interval
from hybridtune.config.evaluation import EvaluationSettings

ENOUGH = 20
"""From so many scenarios on the bootstrap's interval is used; Student's below."""


def difference(
    first: Array, second: Array, settings: EvaluationSettings, stream: np.random.Generator
) -> dict[str, Any]:
    """Everything about first - second that needs no other comparison."""
    differences = first - second
    alpha, n = settings.alpha, differences.size
    t, student = paired_t(differences), t_interval(differences, alpha)
    p = sign_flip_p(differences, stream, settings.resamples)
    limits = interval(differences, student, settings, stream)
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    return {
        "n": n,
        "mean_a": float(first.mean()) if n else math.nan,
        "mean_b": float(second.mean()) if n else math.nan,
        "difference": float(differences.mean()) if n else math.nan,
        "sd": sd, "planning_sd": sd, "low": limits.low, "high": limits.high,
        "t_low": student.low, "t_high": student.high, "t": t.t, "df": t.df, "p_t": t.p,
        "p": p, "p_equivalence": equivalence_p(differences, settings.margin),
        "p_holm": math.nan, "p_equivalence_holm": math.nan,
        "mdd_single": minimum_detectable(sd, n, alpha), "mdd": math.nan,
        "verdict": None, "withheld": None,
    }  # fmt: skip


def interval(
    differences: Array, student: Interval, settings: EvaluationSettings, stream: np.random.Generator
) -> Interval:
    """The bootstrap-t interval where there are scenarios enough to draw from, else Student's."""
    if differences.size < ENOUGH:
        return student
    limits = bootstrap_t_interval(
        differences, stream, alpha=settings.alpha, resamples=settings.resamples
    )
    return student if math.isnan(limits.low) else limits


def decide(family: list[dict[str, Any]], alpha: float) -> None:
    """Correct the declared family (Holm 1979), and give each comparison its word."""
    adjusted = holm([entry["p"] for entry in family])
    equivalence = holm([entry["p_equivalence"] for entry in family])
    for entry, p, p_equivalence in zip(family, adjusted, equivalence, strict=True):
        entry["p_holm"], entry["p_equivalence_holm"] = float(p), float(p_equivalence)
        entry["mdd"] = minimum_detectable(entry["planning_sd"], entry["n"], alpha / len(family))
        entry["verdict"] = verdict(entry["difference"], float(p), float(p_equivalence), alpha)
