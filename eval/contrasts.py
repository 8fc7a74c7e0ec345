"""All pairwise comparisons of variants: differences, effect sizes, and the verdicts.

The declared family is every pair of variants on every dimension; Holm's correction runs over it,
for the tests of a difference and for those of equivalence. The combined score is exploratory: it
gets numbers and no verdict. Reads and writes no files.
"""

import math
from typing import Any

import numpy as np
from scipy import stats

from eval.cells import Cells
from eval.differences import decide, difference
from eval.readings import COMBINED
from eval.statistics import effects
from eval.statistics.arrays import complete_pairs, constant, generator
from eval.statistics.judges import crossed, leave_one_out
from eval.statistics.length import length_adjusted
from eval.statistics.paired import minimum_detectable
from eval.statistics.resampling import bca_interval
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
    decide(family, settings.alpha)
    for entry in family:
        entry["withheld"] = why_withheld(cells, entry, settings.alpha)
        if entry["withheld"]:
            entry["verdict"] = None
    return entries


def contrast(
    cells: Cells, a: str, b: str, measure: str, settings: EvaluationSettings, seed: int
) -> dict[str, Any]:
    """Everything about a - b on one measure but what needs the whole family."""
    before, after = cells.values(a, measure), cells.values(b, measure)
    first, second = complete_pairs(before, after)
    stream = generator(seed, "contrast", a, b, measure)
    entry: dict[str, Any] = {"a": a, "b": b, "measure": measure, "declared": measure != COMBINED}
    entry |= difference(first, second, settings, stream)
    entry["judges"] = judges(cells, entry, settings)
    ratios = np.log2(cells.words[a] / cells.words[b])
    entry["length"] = length_adjusted(before - after, ratios, settings.alpha)._asdict()
    entry["wins"] = effects.wins(first, second, settings.alpha)._asdict()
    entry["effects"] = {
        "mean_difference": effect(effects.mean_difference, first, second, stream, settings)
    }
    for name, statistic in EFFECTS.items():
        entry["effects"][name] = effect(statistic, first, second, stream, settings)
    return entry


def judges(
    cells: Cells, entry: dict[str, Any], settings: EvaluationSettings
) -> dict[str, Any] | None:
    """With several judges, take them as a sample: the surer answer of one source never counts.

    The entry's p values become the larger ones and its interval the wider one of both analyses, by
    scenarios alone and by scenarios and judges. Returns what the judges add, None for one judge.
    """
    names, variants = cells.readings.judges, list(cells.scores)
    if len(names) < 2:
        return None
    block = cells.readings.by_judge(entry["measure"])
    table = block[variants.index(entry["a"])] - block[variants.index(entry["b"])]
    table = table[~np.isnan(table).any(axis=1)]
    both = crossed(table, settings.alpha, settings.margin)
    if not math.isnan(both.p):
        entry["p"] = max(entry["p"], both.p)
        entry["p_equivalence"] = max(entry["p_equivalence"], both.p_equivalence)
        entry["low"], entry["high"] = min(entry["low"], both.low), max(entry["high"], both.high)
        entry["planning_sd"] = max(entry["sd"], both.error * math.sqrt(len(table)))
        entry["mdd_single"] = minimum_detectable(entry["planning_sd"], len(table), settings.alpha)
    without = leave_one_out(table) if len(table) else [math.nan] * len(names)
    return {
        "n": len(table),
        **both._asdict(),
        "leave_one_out": dict(zip(names, without, strict=True)),
    }


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


def silence(entries: list[dict[str, Any]], why: str) -> None:
    """Take back every verdict; the numbers stay."""
    for entry in entries:
        if entry["verdict"] is not None:
            entry["verdict"], entry["withheld"] = None, why
