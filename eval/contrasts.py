"""All pairwise comparisons of variants: differences, effect sizes, spread, and the verdicts.

The declared family is every pair of variants on every dimension; Holm's correction runs over it,
for the tests of a difference and for those of equivalence. The combined score is exploratory: it
gets numbers and no verdict. Reads and writes no files.
"""

import math
from typing import Any

import numpy as np
from scipy import stats

from eval.cells import COMBINED, Cells
from eval.statistics import effects
from eval.statistics.arrays import complete_pairs, constant, generator
from eval.statistics.describe import exact_share, t_interval
from eval.statistics.holm import holm
from eval.statistics.paired import (
    equivalence_p,
    minimum_detectable,
    paired_t,
    sign_flip_p,
    verdict,
)
from eval.statistics.resampling import bca_interval
from eval.statistics.spread import mcnemar_p, paired_brown_forsythe, rerun_sd, sd_ratio
from hybridtune.config.evaluation import EvaluationSettings

MOST_MISSING = 0.02
"""Above this share of missing judgments a variant gets no verdict."""
EFFECTS = {"dz": effects.dz, "d_av": effects.d_av, "cliffs_delta": effects.cliffs_delta}


def pairs(variants: list[str], reference: str) -> list[tuple[str, str]]:
    """All pairs (a, b), read as a - b; those against the reference first."""
    order = [reference, *(name for name in variants if name != reference)]
    return [(a, b) for place, b in enumerate(order) for a in order[place + 1 :]]


def contrasts(
    cells: Cells, couples: list[tuple[str, str]], settings: EvaluationSettings, seed: int
) -> list[dict[str, Any]]:
    """One entry per pair and measure; those of the declared family with a verdict or a reason."""
    entries = [
        contrast(cells, a, b, measure, settings, seed)
        for measure in cells.measures
        for a, b in couples
    ]
    family = [entry for entry in entries if entry["declared"]]
    adjusted = holm([entry["p"] for entry in family])
    equivalence = holm([entry["p_equivalence"] for entry in family])
    for entry, p, p_equivalence in zip(family, adjusted, equivalence, strict=True):
        entry["p_holm"], entry["p_equivalence_holm"] = float(p), float(p_equivalence)
        entry["mdd"] = minimum_detectable(entry["sd"], entry["n"], settings.alpha / len(family))
        entry["withheld"] = why_withheld(cells, entry, settings.alpha)
        if not entry["withheld"]:
            entry["verdict"] = verdict(
                entry["difference"], float(p), float(p_equivalence), settings.alpha
            )
    return entries


def contrast(
    cells: Cells, a: str, b: str, measure: str, settings: EvaluationSettings, seed: int
) -> dict[str, Any]:
    """Everything about a - b on one measure but what needs the whole family."""
    first, second = complete_pairs(cells.values(a, measure), cells.values(b, measure))
    differences = first - second
    alpha, n = settings.alpha, differences.size
    stream = generator(seed, "contrast", a, b, measure)
    interval = t_interval(differences, alpha)
    t = paired_t(differences)
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    entry: dict[str, Any] = {
        "a": a, "b": b, "measure": measure, "declared": measure != COMBINED, "n": n,
        "mean_a": float(first.mean()) if n else math.nan,
        "mean_b": float(second.mean()) if n else math.nan,
        "difference": float(differences.mean()) if n else math.nan,
        "sd": sd, "low": interval.low, "high": interval.high,
        "t": t.t, "df": t.df, "p_t": t.p,
        "p": sign_flip_p(differences, stream, settings.resamples),
        "p_equivalence": equivalence_p(differences, settings.margin),
        "p_holm": math.nan, "p_equivalence_holm": math.nan,
        "mdd_single": minimum_detectable(sd, n, alpha), "mdd": math.nan,
        "verdict": None, "withheld": None,
    }  # fmt: skip
    entry["wins"] = effects.wins(first, second, alpha)._asdict()
    entry["effects"] = {
        "mean_difference": effect(effects.mean_difference, first, second, stream, settings)
    }
    for name, statistic in EFFECTS.items():
        entry["effects"][name] = effect(statistic, first, second, stream, settings)
    return entry


def effect(
    statistic: Any,
    first: Any,
    second: Any,
    stream: np.random.Generator,
    settings: EvaluationSettings,
) -> dict[str, float]:
    """An effect size with its BCa interval; no value where the differences do not vary."""
    limits = bca_interval(
        statistic, first, second, stream, alpha=settings.alpha, resamples=settings.resamples
    )
    known = first.size > 1 and not constant(first - second)
    value = float(statistic(first, second)) if known else math.nan
    return {"value": value, "low": limits.low, "high": limits.high}


def why_withheld(cells: Cells, entry: dict[str, Any], alpha: float) -> str | None:
    """Why this pair gets no verdict, or None: missing judgments, or too few scenarios."""
    names = (entry["a"], entry["b"])
    for name in names:
        share = cells.missing_share(name)
        if share > MOST_MISSING:
            return (
                f"{100 * share:.1f} % of the judgments of {name} are missing"
                f" (limit {100 * MOST_MISSING:.0f} %)"
            )
    table = [[cells.missing[name].total(), cells.present[name]] for name in names]
    if float(stats.fisher_exact(np.array(table)).pvalue) < alpha:
        counts = ", ".join(f"{cells.missing[name].total()} of {name}" for name in names)
        return f"judgments are missing unequally: {counts}"
    return "too few scenarios" if entry["n"] < 2 else None


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
    cells: Cells, couples: list[tuple[str, str]], fails_at: float, alpha: float
) -> list[dict[str, Any]]:
    """For every pair and measure: SD ratio a / b, its test, and the exact test of failures."""
    entries = []
    for measure in cells.measures:
        for a, b in couples:
            first, second = cells.values(a, measure), cells.values(b, measure)
            ratio, test = sd_ratio(first, second, alpha), paired_brown_forsythe(first, second)
            both = scored(cells, a, measure) & scored(cells, b, measure)
            failed = [failing(cells, name, measure, fails_at) & both for name in (a, b)]
            entries.append(
                {
                    "a": a, "b": b, "measure": measure,
                    "ratio": ratio.value, "low": ratio.low, "high": ratio.high, "p": test.p,
                    "p_failures": mcnemar_p(len(failed[0] - failed[1]), len(failed[1] - failed[0])),
                }
            )  # fmt: skip
    return entries


def failing(cells: Cells, variant: str, measure: str, fails_at: float) -> set[str]:
    """The scenarios in which at least one of the variant's conversations failed."""
    groups = cells.scores[variant][measure]
    return {name for name, group in groups.items() if any(score <= fails_at for score in group)}


def scored(cells: Cells, variant: str, measure: str) -> set[str]:
    """The scenarios in which the variant has at least one score."""
    return {name for name, group in cells.scores[variant][measure].items() if group}
