"""Sessions as vectors of what words they use, and what vectors tell: likeness and spread.

Without an embedding model a session is its words by TF-IDF (Salton and Buckley 1988, with 1 + log
of the count), brought down to a few dimensions by latent semantic analysis (Deerwester et al.
1990). That sees which words go together, and not what they mean: a paraphrase in other words is far
away. Where a model has embedded the sessions, they are compared and placed by its vectors, and
words only name the topics.

Words, weights and dimensions come from equal numbers of each side: else the larger side would
decide what counts as a difference, and the smaller one would look as if it had none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from generation.sample import Turns

DIMENSIONS = 50
MOST_TERMS = 20_000
ALIKE = 1e-6
"""Vectors that are all nearer to their mean than this lie at one place."""
DENSE = 300
"""A matrix with a side no longer than this is decomposed whole."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Vectors:
    """Sessions by their words.

    Attributes:
        terms: the words that count, in the order of the columns.
        weights: TF-IDF, a row for each session, of length 1 or, without any term, 0.
        compared: the rows that cosines are taken of: the weights, or a model's vectors.
        places: where sessions lie, in a few dimensions: LSA of what is compared, likewise.
        fitted: the rows that decided on words, weights and dimensions.
    """

    terms: tuple[str, ...]
    weights: csr_array
    compared: csr_array | Array
    places: Array
    fitted: NDArray[np.int64]

    @property
    def placed(self) -> NDArray[np.bool_]:
        """The rows that have a direction: of no term, a session would be unlike everything."""
        if isinstance(self.compared, csr_array):
            return np.diff(self.compared.indptr) > 0
        return np.asarray(self.compared.any(axis=1))


def vectors(sides: Sequence[Sequence[Turns]], seed: int) -> Vectors | None:
    """The vectors of all sessions, side by side, or None where no word tells any apart."""
    counts = [
        [Counter(word for turn in turns for word in turn) for turns in side] for side in sides
    ]
    most = min((len(side) for side in counts if side), default=0)
    terms = chosen_terms([side[:most] for side in counts])
    if not terms:
        return None
    starts = accumulate((len(side) for side in counts), initial=0)
    fitted = np.array([
        start + place
        for start, side in zip(starts, counts, strict=False)
        for place in range(min(most, len(side)))
    ])  # fmt: skip
    weights = tfidf([count for side in counts for count in side], terms, fitted)
    return Vectors(terms, weights, weights, lsa(weights, fitted, seed), fitted)


def by_sentences(found: Vectors, rows: Array, seed: int) -> Vectors:
    """The same sessions, compared and placed by a model's vectors.

    All sentences of a language lean in one direction, which tells nothing apart: places are of the
    vectors less the fitted ones' mean.
    """
    apart = rows - rows[found.fitted].mean(axis=0)
    alike = np.linalg.norm(apart[found.fitted], axis=1).max() < ALIKE
    places = np.zeros((len(rows), 1)) if alike else lsa(apart, found.fitted, seed)
    return replace(found, compared=rows, places=places)


def chosen_terms(sides: Sequence[Sequence[Counter[str]]]) -> tuple[str, ...]:
    """Words in two sessions or more, but in at most half of either side's; the most frequent ones.

    What most sessions of a side say is its manner of speaking and not what it is about.
    """
    found = [Counter(word for count in side for word in count) for side in sides]
    common = {
        word
        for side, frequencies in zip(sides, found, strict=True)
        for word, sessions in frequencies.items()
        if sessions > len(side) / 2
    }
    total = sum(found, Counter[str]())
    usable = [word for word, sessions in total.items() if sessions >= 2 and word not in common]
    return tuple(sorted(sorted(usable, key=lambda word: (-total[word], word))[:MOST_TERMS]))


def tfidf(
    counts: Sequence[Counter[str]], terms: Sequence[str], fitted: NDArray[np.int64]
) -> csr_array:
    """(1 + log count) times (1 + log((1 + N) / (1 + sessions with the word))), rows of length 1.

    N are the rows in `fitted`, and of them the sessions with the word.
    """
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
    sessions = np.bincount(columns[np.isin(rows, fitted)], minlength=len(terms))
    inverse = 1 + np.log((1 + len(fitted)) / (1 + sessions))
    matrix = csr_array(matrix.multiply(inverse[None, :]))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).reshape(-1, 1)
    return csr_array(matrix.multiply(1 / np.where(lengths > 0, lengths, 1)))


def lsa(
    weights: csr_array | Array,
    fitted: NDArray[np.int64],
    seed: int,
    dimensions: int = DIMENSIONS,
) -> Array:
    """All rows in the space of the fitted rows' largest singular values, of length 1 (or 0)."""
    matrix = weights[fitted]
    smaller = min(matrix.shape)
    if smaller <= max(DENSE, dimensions):
        _, values, right = np.linalg.svd(dense(matrix), full_matrices=False)
    else:
        start = np.random.default_rng(seed).standard_normal(smaller)
        _, values, right = svds(matrix, k=dimensions, v0=start)
    order = np.argsort(-values, kind="stable")[:dimensions]
    right = right[order[values[order] > 1e-9 * values.max()]]
    largest = right[np.arange(len(right)), np.abs(right).argmax(axis=1)]
    return unit(weights @ (right * np.sign(largest)[:, None]).T)


def unit(rows: Array) -> Array:
    """Rows of length 1; one that is next to nothing becomes 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Array = np.where(lengths > 1e-9, rows / np.where(lengths > 1e-9, lengths, 1), 0.0)
    return made


def dense(matrix: Any) -> Array:
    """A matrix with all its zeros, sparse or not."""
    made: Array = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return made


def cosines_of(one: csr_array | Array, other: csr_array | Array) -> Array:
    """Of every row of the one with every row of the other."""
    return dense(one @ other.T)


def nearest(
    one: csr_array | Array, other: csr_array | Array | None = None, at_once: int = 256
) -> Array:
    """The cosine of each row's nearest neighbour: among the other side, or its own but itself."""
    found = []
    others = one if other is None else other
    for start in range(0, one.shape[0], at_once):
        part = cosines_of(one[start : start + at_once], others)
        if other is None:
            rows = np.arange(part.shape[0])
            part[rows, start + rows] = -1.0
        found.append(part.max(axis=1))
    cosines: Array = np.minimum(np.concatenate(found), 1.0)
    return cosines


def vendi(cosines: Array, times: Array | None = None) -> float:
    """The effective number of different sessions: Vendi score (Friedman and Dieng 2023).

    The exponential of the entropy of the eigenvalues of the cosines over n: 1 where all are the
    same, n where none has anything in common with another.

    Args:
        cosines: of every row with every row.
        times: how often each row counts.
    """
    roots = np.sqrt(np.ones(len(cosines)) if times is None else times)
    eigenvalues = np.linalg.eigvalsh(cosines * np.outer(roots, roots) / (roots**2).sum())
    some = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(some * np.log(some)).sum()))


def from_centre(cosines: Array, times: Array | None = None) -> float:
    """The mean distance of rows of length 1 to their centre."""
    shares = np.ones(len(cosines)) if times is None else times
    shares = shares / shares.sum()
    to_centre = cosines @ shares
    squares = np.diag(cosines) - 2 * to_centre + shares @ to_centre
    return float(shares @ np.sqrt(np.maximum(squares, 0)))
