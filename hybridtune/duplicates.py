"""When two sessions say the same: by the sequences of five words that they share, hashed.

Two sessions are compared by containment: the share of the smaller one's sequences that the other
has too. The import drops such duplicates; the training keeps them off the held-out sessions.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

GRAM = 5
"""Words in a sequence."""
LEAST_SHARED = 4
"""Fewer common sequences say nothing, however short the sessions are."""
LONG_SHARED = 12
"""Fewer than these can be a single phrase ("you may be able to gain insight into"); they count
where they make up `SHORT_SHARE` of a session. On the answers of CounselChat this halves the false
alarms, and a copy of 60 words with 15 % word errors still shares about 25."""
SHORT_SHARE = 0.15

WORD = re.compile(r"\w+")
APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")


def fingerprints(texts: str | Iterable[str]) -> Hashes:
    """The hashes of all 5-word sequences of a session, sorted, each once.

    Turns are read as one text, since two transcripts of a session cut it differently. Of questions
    and answers give the answer alone: what answers one question has the question in common. A text
    of fewer than five words is one sequence.
    """
    text = texts if isinstance(texts, str) else " ".join(texts)
    words = WORD.findall(APOSTROPHES.sub("", text.casefold()))
    if not words:
        return np.empty(0, np.uint64)
    hashes = np.array([word_hash(word) for word in words], np.uint64)
    size = min(GRAM, len(words))
    grams = np.zeros(len(words) - size + 1, np.uint64)
    for at in range(size):
        grams = scramble(grams + hashes[at : at + len(grams)])
    return np.unique(grams)


def near(shared: NDArray[Any], smaller: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Which pairs share enough to be duplicates. Sessions too short for it can only be equal.

    Args:
        shared: sequences that both sessions of a pair have.
        smaller: how many the smaller one has.
        threshold: the least containment.
    """
    containment = shared / np.maximum(smaller, 1)
    no_phrase = (shared >= LONG_SHARED) | (containment >= SHORT_SHARE)
    enough: NDArray[np.bool_] = (shared >= LEAST_SHARED) & no_phrase & (containment >= threshold)
    return enough


@lru_cache(maxsize=1 << 17)
def word_hash(word: str) -> int:
    """64 bits for a word, the same in every process."""
    digest = blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def scramble(values: Hashes) -> Hashes:
    """Make every bit depend on every bit: the finaliser of SplitMix64 (Steele et al., 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
