"""Sessions as vectors of what words they use, and what vectors tell: likeness, spread, topics.

Nothing is downloaded: a session is its words by TF-IDF (Salton and Buckley 1988, with 1 + log of
the count), brought down to a few dimensions by latent semantic analysis (Deerwester et al. 1990).
That sees which words go together, and not what they mean: a paraphrase in other words is far away.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from generation.sample import Turns

DIMENSIONS = 50
MOST_TERMS = 20_000
DENSE = 300
"""A matrix with a side no longer than this is decomposed whole."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Vectors:
    """Sessions by their words.

    Attributes:
        terms: the words that count, in the order of the columns.
        weights: TF-IDF, a row for each session, of length 1 or, without any term, 0.
        places: LSA, likewise.
    """

    terms: tuple[str, ...]
    weights: csr_array
    places: Array


def vectors(sample: Sequence[Turns], seed: int) -> Vectors | None:
    """The vectors of some sessions, or None where no word tells any apart."""
    counts = [Counter(word for turn in turns for word in turn) for turns in sample]
    terms = chosen_terms(counts)
    if not terms:
        return None
    weights = tfidf(counts, terms)
    return Vectors(terms, weights, lsa(weights, seed))


def chosen_terms(counts: Sequence[Counter[str]]) -> tuple[str, ...]:
    """Words in two sessions or more and in at most half of them, the most frequent ones."""
    found = Counter(word for count in counts for word in count)
    usable = [word for word, sessions in found.items() if 2 <= sessions <= len(counts) / 2]
    return tuple(sorted(sorted(usable, key=lambda word: (-found[word], word))[:MOST_TERMS]))


def tfidf(counts: Sequence[Counter[str]], terms: Sequence[str]) -> csr_array:
    """(1 + log count) times (1 + log((1 + N) / (1 + sessions with the word))), rows of length 1."""
    column = {term: place for place, term in enumerate(terms)}
    entries = [
        (row, column[word], 1 + np.log(count))
        for row, words in enumerate(counts)
        for word, count in sorted(words.items())
        if word in column
    ]
    rows, columns, values = (np.array(each) for each in zip(*entries, strict=True))
    shape = (len(counts), len(terms))
    matrix = csr_array((values.astype(np.float64), (rows, columns)), shape=shape)
    sessions = np.bincount(columns, minlength=len(terms))
    inverse = 1 + np.log((1 + len(counts)) / (1 + sessions))
    matrix = csr_array(matrix.multiply(inverse[None, :]))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).reshape(-1, 1)
    return csr_array(matrix.multiply(1 / np.where(lengths > 0, lengths, 1)))


def lsa(weights: csr_array, seed: int, dimensions: int = DIMENSIONS) -> Array:
    """The rows in the space of the largest singular values, each of length 1 (or 0)."""
    smaller = min(weights.shape)
    if smaller <= max(DENSE, dimensions):
        left, values, right = np.linalg.svd(weights.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(seed).standard_normal(smaller)
        left, values, right = svds(weights, k=dimensions, v0=start)
    order = np.argsort(-values, kind="stable")[:dimensions]
    order = order[values[order] > 1e-9 * values.max()]
    left, values, right = left[:, order], values[order], right[order]
    largest = right[np.arange(len(order)), np.abs(right).argmax(axis=1)]
    return unit(left * values * np.sign(largest))


def unit(rows: Array) -> Array:
    """Rows of length 1; one that is next to nothing becomes 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Array = np.where(lengths > 1e-9, rows / np.where(lengths > 1e-9, lengths, 1), 0.0)
    return made


def nearest(one: csr_array, other: csr_array | None = None, at_once: int = 256) -> Array:
    """The cosine of each row's nearest neighbour: among the other side, or its own but itself."""
    found = []
    others = (one if other is None else other).T.tocsr()
    for start in range(0, one.shape[0], at_once):
        part = (one[start : start + at_once] @ others).toarray()
        if other is None:
            rows = np.arange(part.shape[0])
            part[rows, start + rows] = -1.0
        found.append(part.max(axis=1))
    cosines: Array = np.minimum(np.concatenate(found), 1.0)
    return cosines


def vendi(places: Array, times: Array | None = None) -> float:
    """The effective number of different sessions: Vendi score (Friedman and Dieng 2023).

    The exponential of the entropy of the eigenvalues of the cosines over n; taken from the smaller
    matrix that has the same ones, so it is at most the number of dimensions.

    Args:
        places: rows of length 1.
        times: how often each row counts.
    """
    weights = np.ones(len(places)) if times is None else times
    eigenvalues = np.linalg.eigvalsh((places * weights[:, None]).T @ places / weights.sum())
    some = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(some * np.log(some)).sum()))


def from_centre(places: Array, times: Array | None = None) -> float:
    """The mean distance to the centre."""
    centre = np.average(places, axis=0, weights=times)
    return float(np.average(np.linalg.norm(places - centre, axis=1), weights=times))
