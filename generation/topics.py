"""What sessions are about, by the words they use: clusters with their terms, and a map of two axes.

Both sides are clustered together, as many sessions of each, so that a topic that one of them lacks
shows as a share of nil.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import ClusterError, kmeans2, vq

from generation.vectors import Array, Vectors

MOST_TOPICS, MOST_POINTS, TERMS = 12, 300, 6


def topics(found: Vectors, is_real: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    """Topics by size with each side's share, and where some sessions of each side lie."""
    labels = clusters(found.places, found.fitted, seed)
    overall = np.asarray(found.weights.mean(axis=0)).reshape(-1)
    entries: list[dict[str, Any]] = []
    for label in np.unique(labels):
        inside = labels == label
        weights = np.asarray(found.weights[np.flatnonzero(inside)].mean(axis=0)).reshape(-1)
        order = np.argsort(-np.round(weights - overall, 9), kind="stable")[:TERMS]
        real, synthetic = int((inside & is_real).sum()), int((inside & ~is_real).sum())
        entries.append(
            {
                "terms": [found.terms[place] for place in order],
                "real": real,
                "synthetic": synthetic,
                "real_share": share(real, int(is_real.sum())),
                "synthetic_share": share(synthetic, int((~is_real).sum())),
            }
        )
    by_size = sorted(range(len(entries)), key=lambda at: (-entries[at]["synthetic"], at))
    number = {int(np.unique(labels)[at]): place for place, at in enumerate(by_size)}
    flat = plane(found.places, found.fitted)
    points = {
        name: [
            [round(float(flat[at, 0]), 3), round(float(flat[at, 1]), 3), number[int(labels[at])]]
            for at in np.flatnonzero(side)[:MOST_POINTS]
        ]
        for name, side in (("real", is_real), ("synthetic", ~is_real))
    }
    return {"topics": [entries[at] for at in by_size], "points": points}


def share(part: int, whole: int) -> float | None:
    """A part of a side, or None of a side that is not there."""
    return round(part / whole, 4) if whole else None


def clusters(places: Array, fitted: NDArray[np.int64], seed: int) -> NDArray[Any]:
    """The cluster of each row: k-means from k-means++ (Arthur and Vassilvitskii 2007).

    The root of half as many clusters as fitted rows, as far as there are so many different ones and
    none of the clusters falls empty. The fitted rows decide on the centres.
    """
    known = places[fitted]
    different = len(np.unique(np.round(known, 6), axis=0))
    most = min(MOST_TOPICS, different, max(2, round(math.sqrt(len(known) / 2))))
    for count in range(most, 1, -1):
        drawn = np.random.default_rng([seed, count])
        try:
            centres, _ = kmeans2(known, count, iter=50, minit="++", missing="raise", rng=drawn)
            return vq(places, centres)[0]
        except ClusterError:
            continue
    return np.zeros(len(places), np.int64)


def plane(places: Array, fitted: NDArray[np.int64]) -> Array:
    """The rows on the fitted ones' first two principal axes; a missing axis is 0."""
    centre = places[fitted].mean(axis=0)
    right = np.linalg.svd(places[fitted] - centre, full_matrices=False)[2][:2]
    largest = right[np.arange(len(right)), np.abs(right).argmax(axis=1)]
    flat = np.zeros((len(places), 2))
    flat[:, : len(right)] = (places - centre) @ (right * np.where(largest < 0, -1, 1)[:, None]).T
    return flat
