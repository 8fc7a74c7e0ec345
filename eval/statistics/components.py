"""Where scores get their variance from, estimated from a run: the pilot of the next one.

Takes scores as an array [variant, scenario, repeat, judge, sample], `nan` where one is missing.
"""

import math
import warnings
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eval.statistics.arrays import Array
from eval.statistics.judges import mean_squares
from eval.statistics.power import Components

CONVERSATION, OF_VARIANT, OF_SCENARIO = (3, 4), (1, 2, 4), (0, 2, 4)
"""Axes to average over: for a conversation, and for what a judge holds of a variant or scenario."""
ROUNDS = 20
"""Of taking means away in turn; one is exact where no judgment is missing."""


def pooled_variance(values: Array) -> float:
    """Variance inside the rows of a table, pooled; `nan` where no row has two numbers."""
    counts = np.sum(~np.isnan(values), axis=1)
    rows = values[counts > 1]
    freedom = int(np.sum(counts[counts > 1] - 1))
    if freedom < 1:
        return math.nan
    return float(np.nansum((rows - np.nanmean(rows, axis=1, keepdims=True)) ** 2)) / freedom


def held_throughout(scores: Array) -> Array:
    """What each judge holds of a variant or a scenario, beyond the conversation's mean.

    The first is a source of its own; the second, the same whoever is the counselor, cancels in
    differences. Least squares, by taking means away in turn.
    """
    rest, held = scores, np.zeros_like(scores)
    for _ in range(ROUNDS):
        rest = rest - np.nanmean(rest, axis=CONVERSATION, keepdims=True)
        for axes in (OF_VARIANT, OF_SCENARIO):
            means = np.nanmean(rest, axis=axes, keepdims=True)
            rest, held = rest - means, held + means
    return held


def judgment_variance(scores: Array) -> float:
    """Variance between judgments of the same conversation; `scores` without what judges hold.

    `nan` without degrees of freedom.
    """
    rest = scores - np.nanmean(scores, axis=CONVERSATION, keepdims=True)
    known = ~np.isnan(scores)
    spent = int(known.any(axis=CONVERSATION).sum()) - beyond_one(known, (0, 1, 2, 4))
    spent += beyond_one(known, OF_VARIANT) + beyond_one(known, OF_SCENARIO)
    freedom = int(known.sum()) - spent
    return float(np.nansum(rest**2)) / freedom if freedom > 0 else math.nan


def beyond_one(known: NDArray[np.bool_], axes: tuple[int, ...]) -> int:
    """How many judges there are beyond the first, in all rows together."""
    judges = np.asarray(known.any(axis=axes)).sum(axis=-1)
    return int(np.maximum(judges - 1, 0).sum())


def components(scores: Array) -> Components:
    """Each source's standard deviation by the method of moments (Searle, Casella, McCulloch 1992).

    From the inside outwards, each level's variance less what the level below leaves in it; below
    0 counts as 0. A level with one member (no repeats, one judge and sample) is folded into the
    level above it.
    """
    variants, _, repeats, judges, samples = scores.shape
    with warnings.catch_warnings():  # a conversation without any score is missing, not an error
        warnings.simplefilter("ignore", RuntimeWarning)
        fair = scores - held_throughout(scores)
        noise = judgment_variance(fair)
        conversations = np.nanmean(fair, axis=CONVERSATION)
        cells = np.nanmean(conversations, axis=2)
    known_noise = 0.0 if math.isnan(noise) else noise
    inside = pooled_variance(conversations.reshape(-1, repeats))
    rerun = 0.0 if math.isnan(inside) else max(inside - known_noise / (judges * samples), 0.0)
    pairs = [cells[a] - cells[b] for a, b in combinations(range(variants), 2)]
    known = [pair[~np.isnan(pair)] for pair in pairs]
    between = [float(pair.var(ddof=1)) / 2 for pair in known if pair.size > 1]
    if not between:
        return Components(*[math.nan] * 4)
    below = rerun / repeats + known_noise / (repeats * judges * samples)
    return Components(
        math.sqrt(max(float(np.mean(between)) - below, 0.0)),
        math.sqrt(rerun),
        math.sqrt(known_noise),
        math.sqrt(judge_variant(scores)),
    )


def judge_variant(scores: Array) -> float:
    """Variance of what judges hold for one variant against another; 0 below two judges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        tables = np.nanmean(scores, axis=(2, 4))
    found = []
    for a, b in combinations(range(scores.shape[0]), 2):
        table = tables[a] - tables[b]
        table = table[~np.isnan(table).any(axis=1)]
        if table.shape[0] > 1 and table.shape[1] > 1:
            squares = mean_squares(table)
            found.append((squares.judges - squares.residual) / table.shape[0] / 2)
    return max(float(np.mean(found)), 0.0) if found else 0.0
