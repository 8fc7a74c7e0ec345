"""The stand-in for an embedding model: hashed runs of characters. It sees letters, not meaning.

Texts that share word stems come out near to each other, and a copy with a few words changed nearer
still; the same thing said in other words does not. No domain pack is needed.
"""

import math
import zlib
from collections import Counter

from hybridtune.scripted.text import words

DIMENSIONS = 512
SIZES = (3, 4, 5)


def embedding(text: str) -> list[float]:
    """A vector of length 1; of a text without words, one that leans towards none.

    Runs of 3 to 5 characters inside padded words, counted as 1 + log, each at a place and with a
    sign by its hash (Weinberger et al. 2009).
    """
    counts = Counter(run for word in words(text) for run in runs(f" {word} "))
    vector = [0.0] * DIMENSIONS
    for run, count in counts.items():
        code = zlib.crc32(run.encode())
        vector[code % DIMENSIONS] += (1 + math.log(count)) * (1 if code >> 31 else -1)
    length = math.sqrt(sum(each * each for each in vector))
    if length == 0:
        return [1 / math.sqrt(DIMENSIONS)] * DIMENSIONS
    return [each / length for each in vector]


def runs(word: str) -> list[str]:
    """The runs of characters in a padded word."""
    return [word[at : at + size] for size in SIZES for at in range(len(word) - size + 1)]
