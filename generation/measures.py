"""Measures over counted lengths and words: pure functions, each with its source.

Lengths come as length -> how often, so all of a file is measured whatever its size. `None` stands
for what nothing can be said about.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import ceil

from generation.sample import Turns

Lengths = Mapping[int, int]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 12


def summary(lengths: Lengths) -> dict[str, float | int] | None:
    """n, mean, extremes, and quantiles: the smallest length that so many do not exceed."""
    total = sum(lengths.values())
    if not total:
        return None
    mean = sum(length * count for length, count in lengths.items()) / total
    found = {f"q{round(100 * share):02d}": quantile(lengths, share) for share in QUANTILES}
    return {"n": total, "mean": round(mean, 3), "min": min(lengths), **found, "max": max(lengths)}


def quantile(lengths: Lengths, share: float) -> int:
    """The inverse of the empirical distribution (Hyndman and Fan 1996, definition 1)."""
    due = ceil(share * sum(lengths.values()) - 1e-9)
    ordered = sorted(lengths)
    for length, passed in zip(ordered, accumulate(lengths[n] for n in ordered), strict=True):
        if passed >= due:
            return length
    raise ValueError("no lengths")


def bins(sides: Iterable[Lengths]) -> list[int]:
    """Edges of at most twelve equal bins over all lengths of all sides; the last one is beyond."""
    found = [length for lengths in sides for length in lengths]
    if not found:
        return []
    low, high = min(found), max(found)
    width = ceil((high - low + 1) / BINS)
    return list(range(low, high + width + 1, width))


def histogram(lengths: Lengths, edges: Sequence[int]) -> list[int]:
    """How many lengths are in each bin, from its edge to just below the next."""
    width = edges[1] - edges[0] if len(edges) > 1 else 1
    counts = [0] * (len(edges) - 1)
    for length, count in lengths.items():
        counts[(length - edges[0]) // width] += count
    return counts


def distances(one: Lengths, other: Lengths) -> dict[str, float] | None:
    """How far two distributions are apart.

    `ks` is the two-sample Kolmogorov-Smirnov statistic, the largest distance between the two
    distribution functions (0 to 1); `wasserstein` the area between them, in the lengths' unit: how
    far the lengths of one must move on average to become those of the other.
    """
    total, its_total = sum(one.values()), sum(other.values())
    if not total or not its_total:
        return None
    ordered = sorted({*one, *other})
    gap, ks, area = 0.0, 0.0, 0.0
    for place, length in enumerate(ordered):
        gap += one.get(length, 0) / total - other.get(length, 0) / its_total
        ks = max(ks, abs(gap))
        if place + 1 < len(ordered):
            area += abs(gap) * (ordered[place + 1] - length)
    return {"ks": round(ks, 4), "wasserstein": round(area, 4)}


def distinct(sample: Iterable[Turns], size: int, tokens: int) -> dict[str, float | int]:
    """Distinct n-grams over all n-grams (Li et al. 2016) in the first `tokens` words of a sample.

    The share falls as a text grows, so that it compares only texts of as many words. No n-gram
    crosses from turn to turn.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for turn in cut(sample, tokens):
        grams = [turn[at : at + size] for at in range(len(turn) - size + 1)]
        seen.update(grams)
        total += len(grams)
    share = round(len(seen) / total, 4) if total else 0.0
    return {"distinct": share, "different": len(seen), "n": total}


def cut(sample: Iterable[Turns], tokens: int) -> Iterable[tuple[str, ...]]:
    """The turns of a sample, until so many words have gone by."""
    for turns in sample:
        for turn in turns:
            if tokens <= 0:
                return
            yield turn[:tokens]
            tokens -= len(turn)


def token_count(sample: Iterable[Turns]) -> int:
    """How many words a sample has."""
    return sum(len(turn) for turns in sample for turn in turns)
