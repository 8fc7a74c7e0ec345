"""Where scores get their variance from, estimated from a run: the pilot of the next one.

Takes scores as an array [variant, scenario, repeat, judge, sample], `nan` where one is missing.
"""

import math
import warnings
from itertools import combinations

import numpy as np

from eval.statistics.arrays import Array
from eval.statistics.judges import mean_squares
from eval.statistics.power import Components


def pooled_variance(values: Array, lost: int = 0) -> float:
    """Variance inside the rows of a table, pooled; `lost` degrees of freedom were used before.

    `nan` where no row has two numbers.
    """
    counts = np.sum(~np.isnan(values), axis=1)
    rows = values[counts > 1]
    freedom = int(np.sum(counts[counts > 1] - 1)) - lost
    if freedom < 1:
        return math.nan
    return float(np.nansum((rows - np.nanmean(rows, axis=1, keepdims=True)) ** 2)) / freedom


def components(scores: Array) -> Components:
    """Each source's standard deviation by the method of moments (Searle, Casella, McCulloch 1992).

    From the inside outwards, each level's variance less what the level below leaves in it; below
    0 counts as 0. A level with one member (no repeats, one judge and sample) is folded into the
    level above it.
    """
    variants, _, repeats, judges, samples = scores.shape
    with warnings.catch_warnings():  # a conversation without any score is missing, not an error
        warnings.simplefilter("ignore", RuntimeWarning)
        # What a judge holds of a variant throughout is no noise between judgments.
        mild = scores - np.nanmean(scores, axis=(1, 2, 4), keepdims=True)
        noise = pooled_variance(mild.reshape(-1, judges * samples), variants * (judges - 1))
        conversations = np.nanmean(scores, axis=(3, 4))
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
