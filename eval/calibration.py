"""How well judges, indicators and mere length agree with people: figures, nulls and baselines.

Pure numbers over aligned arrays; `eval.calibrate` gets them, and writes what comes out. Rank
correlations of a judge need no fitting. Everything that is fitted (the mapping onto the ratings'
scale, the weights of the indicators) is fitted on other groups of conversations than it is tested
on, and its rank correlations are taken inside each fold: pooled over folds, those of a useless
predictor would come out negative.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.statistics.agreement import (
    isotonic_map,
    kendall,
    mean_absolute_error,
    ridge,
    spearman,
    weighted_kappa,
)
from eval.statistics.arrays import Array, constant
from eval.statistics.reliability import percentile_limits

FIGURES = ("spearman", "kendall", "kappa", "mae")
FOLDS = 5
FEWEST = 20
"""Below so many rated conversations nothing is said."""
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Predictor:
    """What predicts a rating: one column as it is, or several whose weights must be fitted."""

    columns: Array
    fitted: bool = False


@dataclass(frozen=True)
class HeldOut:
    """Predictions for every item by what was learned on the other folds."""

    ranks: Array
    """What is ranked: the column itself, or the fitted combination."""
    mapped: Array
    """The same on the ratings' scale."""
    constant: Array
    """The other folds' median rating, for everybody: the baseline of the error."""


def folds_of(groups: Sequence[str], stream: np.random.Generator, folds: int = FOLDS) -> Places:
    """A fold for every item, whole groups at a time, of about equal size."""
    names, places = np.unique(np.asarray(groups), return_inverse=True)
    order = stream.permutation(len(names))
    fold_of_group = np.empty(len(names), dtype=np.intp)
    fold_of_group[order] = np.arange(len(names)) % min(folds, len(names))
    return fold_of_group[places]


def held_out(predictor: Predictor, rated: Array, folds: Places) -> HeldOut:
    """Fit on all folds but one, predict that one, for each in turn."""
    ranks, mapped, baseline = (np.full(rated.size, np.nan) for _ in range(3))
    for fold in np.unique(folds):
        test, train = folds == fold, folds != fold
        if predictor.fitted:
            learned = ridge(predictor.columns[train], rated[train], predictor.columns, penalty=1.0)
        else:
            learned = predictor.columns[:, 0]
        ranks[test] = learned[test]
        mapped[test] = isotonic_map(learned[train], rated[train], learned[test])
        baseline[test] = np.median(rated[train])
    return HeldOut(ranks, mapped, baseline)


def figures(
    out: HeldOut, rated: Array, folds: Places, *, inside: bool, only: Places | None = None
) -> dict[str, float]:
    """All four figures of some items (all by default); `inside` ranks within folds."""
    chosen = np.arange(rated.size) if only is None else only
    ranks, truth, mapped = out.ranks[chosen], rated[chosen], out.mapped[chosen]
    place = folds[chosen] if inside else np.zeros(chosen.size, dtype=np.intp)
    return {
        "spearman": within(spearman, ranks, truth, place),
        "kendall": within(kendall, ranks, truth, place),
        "kappa": weighted_kappa(nearest_level(mapped, rated), truth),
        "mae": mean_absolute_error(mapped, truth),
    }


def within(
    correlation: Callable[[Array, Array], float], x: Array, y: Array, folds: Places
) -> float:
    """The mean of a correlation over folds, by size; folds in which nothing varies are left out."""
    values, sizes = [], []
    for fold in np.unique(folds):
        here = folds == fold
        value = correlation(x[here], y[here])
        if not np.isnan(value):
            values.append(value)
            sizes.append(int(here.sum()))
    return float(np.average(values, weights=sizes)) if values else float("nan")


def nearest_level(mapped: Array, rated: Array) -> Array:
    """Each prediction as the nearest rating that people gave."""
    levels = np.unique(rated)
    middles = (levels[1:] + levels[:-1]) / 2
    return levels[np.searchsorted(middles, mapped)]


def agreement(
    predictors: dict[str, Predictor],
    rated: Array,
    groups: Sequence[str],
    stream: np.random.Generator,
    *,
    resamples: int,
    permutations: int,
    alpha: float = 0.05,
    baseline: str = "length",
) -> dict[str, Any]:
    """Every predictor's figures with bootstrap limits, the null beside, and the lead over length.

    Groups are drawn with replacement, the same draws for all predictors, so that differences
    between two are paired. The null is the same procedure after the ratings were shuffled.
    """
    folds = folds_of(groups, stream)
    outs = {name: held_out(one, rated, folds) for name, one in predictors.items()}
    members = members_of(groups)
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in predictors}
    for _ in range(resamples):
        groups_drawn = stream.integers(len(members), size=len(members))
        picked = np.concatenate([members[group] for group in groups_drawn])
        for name, one in predictors.items():
            found = figures(outs[name], rated, folds, inside=one.fitted, only=picked)
            drawn[name].append(found)
    told = {}
    for name, one in predictors.items():
        null = shuffled(one, rated, folds, stream, permutations)
        estimate = figures(outs[name], rated, folds, inside=one.fitted)
        told[name] = {
            "n": int(rated.size),
            "constant": bool(constant(outs[name].ranks)),
            "mae_of_the_median": mean_absolute_error(outs[name].constant, rated),
            **{
                figure: with_limits(estimate[figure], drawn[name], null, figure, alpha)
                for figure in FIGURES
            },
        }
        if name != baseline:
            length = figures(outs[baseline], rated, folds, inside=False)
            both = zip(drawn[name], drawn[baseline], strict=True)
            leads = np.array([mine["spearman"] - its["spearman"] for mine, its in both])
            low, high = percentile_limits(leads, alpha)
            lead = estimate["spearman"] - length["spearman"]
            told[name]["beyond_length"] = {"value": lead, "low": low, "high": high}
    return told


def members_of(groups: Sequence[str]) -> list[Places]:
    """The places of every group's items."""
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(places, kind="stable")
    return np.split(order, np.cumsum(np.bincount(places))[:-1])


def shuffled(
    predictor: Predictor, rated: Array, folds: Places, stream: np.random.Generator, times: int
) -> list[dict[str, float]]:
    """The figures of the whole procedure on ratings in random order: what chance alone gives."""
    found = []
    for _ in range(times):
        labels = stream.permutation(rated)
        out = held_out(predictor, labels, folds)
        found.append(figures(out, labels, folds, inside=predictor.fitted))
    return found


def with_limits(
    value: float,
    drawn: Sequence[dict[str, float]],
    null: Sequence[dict[str, float]],
    figure: str,
    alpha: float,
) -> dict[str, Any]:
    """A figure with its interval, and the mean and range of its null."""
    low, high = percentile_limits(np.array([one[figure] for one in drawn]), alpha)
    chance = np.array([one[figure] for one in null], dtype=np.float64)
    known = chance[~np.isnan(chance)]
    chance_low, chance_high = percentile_limits(chance, alpha)
    mean = float(known.mean()) if known.size else float("nan")
    return {
        "value": value,
        "low": low,
        "high": high,
        "null": {"mean": mean, "low": chance_low, "high": chance_high},
    }
