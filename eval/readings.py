"""All scores of a run as one block of numbers, and how severe each judge is.

A judge that scores low throughout must not weigh on the variant whose other verdicts failed: where
a judgment is missing, those present are read as if every judge had the panel's severity. Reads and
writes no files.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eval.statistics.arrays import Array
from hybridtune.records import Judgment

COMBINED = "combined"
"""The mean of all dimensions of one judgment, a measure beside them."""
Place = tuple[int, int, int]
"""Variant, scenario and repeat of a conversation, as numbers."""


@dataclass(frozen=True)
class Readings:
    """Scores by measure as [variant, scenario, repeat, judge, sample]; `nan` where one is missing.

    Attributes:
        judges: their names, in alphabetical order.
        scores: the block of every measure.
    """

    judges: list[str]
    scores: dict[str, Array]

    def conversations(self, measure: str) -> Array:
        """One number per conversation: judges' means over samples, averaged at equal severity."""
        means = average(self.scores[measure], 4)
        return average(means - severity(means), 3)

    def by_judge(self, measure: str) -> Array:
        """One number per variant, scenario and judge, averaged over repeats and samples."""
        return average(average(self.scores[measure], 4), 2)


def readings(
    judged: Iterable[tuple[Place, list[Judgment]]], shape: tuple[int, int], dimensions: list[str]
) -> Readings:
    """Put every usable judgment at its place.

    Args:
        judged: the judgments of every conversation that came about.
        shape: how many variants and scenarios there are.
        dimensions: of the rubric; a judgment that lacks one is not usable.
    """
    found = [
        (place, one, scores)
        for place, many in judged
        for one in many
        if (scores := scores_of(one, dimensions)) is not None
    ]
    judges = sorted({one.judge for _, one, _ in found})
    repeats = 1 + max((place[2] for place, _, _ in found), default=0)
    samples = 1 + max((one.sample for _, one, _ in found), default=0)
    size = (*shape, repeats, max(len(judges), 1), samples)
    blocks = {measure: np.full(size, np.nan) for measure in (*dimensions, COMBINED)}
    for place, one, scores in found:
        for measure, score in scores.items():
            blocks[measure][(*place, judges.index(one.judge), one.sample)] = score
    return Readings(judges, blocks)


def scores_of(judgment: Judgment, dimensions: list[str]) -> dict[str, float] | None:
    """A judgment's scores with their mean; None where one is missing."""
    if judgment.scores is None or any(name not in judgment.scores for name in dimensions):
        return None
    scores = {name: float(judgment.scores[name].score) for name in dimensions}
    return {**scores, COMBINED: sum(scores.values()) / len(scores)}


def severity(means: Array) -> Array:
    """How far each judge is above the panel, over the conversations that all have scored."""
    whole = means[~np.isnan(means).any(axis=-1)]
    if not len(whole):
        return np.zeros(means.shape[-1])
    return np.asarray(whole.mean(axis=0) - whole.mean(), dtype=np.float64)


def average(values: Array, axis: int) -> Array:
    """The mean of what is there; `nan` where nothing is."""
    with warnings.catch_warnings():  # numpy warns of means of nothing, which here is no accident
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=axis), dtype=np.float64)
