"""Sessions that say the same as another: exact copies, other transcripts of the same video, clips.

Two sessions are compared by containment: the share of the smaller one's 5-word sequences that the
other has too. Measured on transcripts with 15 % word errors and on half clips, it finds what
MinHash misses, since two captionings of one video differ in every second sequence; unrelated
conversations share few sequences that long. The sequences lie on disk (`corpus.buckets`), hashed.
"""

import shutil
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

import numpy as np

from corpus.buckets import Buckets
from corpus.pairing import (
    BUCKETS,
    COUNTS,
    Pair,
    count_pairs,
    equal_pairs,
    near_pairs,
    star_pairs,
)
from hybridtune.duplicates import LEAST_SHARED, Hashes, fingerprints

EXACT_UP_TO = 50_000
"""Sessions whose sequences are all compared; of more sessions' sequences, one in `SAMPLE`."""
SAMPLE = 8
PARTITIONS = 256

GRAMS = np.dtype([("hash", "<u8"), ("position", "<u4")])


@dataclass(frozen=True)
class Dropped:
    """Of which kept session a session is a duplicate, and by how much."""

    of: int
    containment: float


class DuplicateIndex:
    """Which sessions share how much; a context manager over a folder of its own.

    In memory lie a few numbers for each session, never its words. Above `exact_up_to` sessions one
    sequence in eight is kept, chosen by its hash (FracMinHash; Irber et al., 2022), the same ones
    for every session; `sampled` then says so.
    """

    def __init__(self, folder: Path, exact_up_to: int = EXACT_UP_TO) -> None:
        self.folder = folder
        self.exact_up_to = exact_up_to
        self.sampled = False
        self.grams = Buckets(folder / "grams", PARTITIONS, GRAMS)
        self.numbers = array("Q")
        self.sizes = array("Q")
        self.sample_sizes = array("Q")
        self.wholes = array("Q")

    def __enter__(self) -> "DuplicateIndex":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, number: int, session: str | Sequence[str] | Hashes) -> None:
        """Add a session by its texts, or by their `fingerprints` if another process made them."""
        hashes = session if isinstance(session, np.ndarray) else fingerprints(session)
        position = len(self.numbers)
        sample = hashes[partition(hashes) % SAMPLE == 0]
        self.numbers.append(number)
        self.sizes.append(len(hashes))
        self.sample_sizes.append(len(sample))
        whole = blake2b(hashes.tobytes(), digest_size=8).digest()
        self.wholes.append(int.from_bytes(whole, "little"))
        if len(self) > self.exact_up_to and not self.sampled:
            self.thin_out()
        kept = sample if self.sampled else hashes
        rows = np.empty(len(kept), GRAMS)
        rows["hash"], rows["position"] = kept, position
        self.grams.add(partition(kept), rows)

    def thin_out(self) -> None:
        """Go over to the sample."""
        self.sampled = True
        for bucket in range(PARTITIONS):
            if bucket % SAMPLE:
                self.grams.drop(bucket)

    def pairs(self, threshold: float) -> Iterator[Pair]:
        """All pairs that share at least `threshold` of the smaller one's sequences.

        In a large group of copies not each with each, but each with the longest (`star_pairs`).
        The result is the same in whatever order the sessions were added.
        """
        numbers, sizes = np.array(self.numbers), np.array(self.sizes)
        assert len(np.unique(numbers)) == len(numbers), "a number was added twice"
        by_length = np.lexsort((numbers, ~sizes))
        ranks = np.empty_like(numbers)
        ranks[by_length] = np.arange(len(numbers))
        counts = Buckets(self.folder / "pairs", BUCKETS, COUNTS)
        for bucket in range(0, PARTITIONS, SAMPLE if self.sampled else 1):
            rows = self.grams.read(bucket)
            count_pairs(star_pairs(rows["hash"], ranks[rows["position"]]), counts)
        numbers = numbers[by_length]
        compared = np.array(self.sample_sizes) if self.sampled else sizes
        for bucket in range(BUCKETS):
            yield from near_pairs(counts.read(bucket), numbers, compared[by_length], threshold)
        short = (compared < LEAST_SHARED) & (sizes > 0)
        yield from equal_pairs(np.array(self.wholes)[short], ranks[short], numbers)


def partition(hashes: Hashes) -> Hashes:
    """The bucket of a hash: its eight upper bits."""
    return hashes >> np.uint64(56)


def choose(
    pairs: Iterable[Pair], sizes: Mapping[int, int] | Sequence[int], threshold: float
) -> dict[int, Dropped]:
    """Which sessions go, of each group of duplicates all but the longest.

    From the longest session to the shortest, of equal ones the smaller number first: a session
    stays unless it is a duplicate of one that stays. So two sessions that have only a clip in
    common with a third do not count as one.

    Args:
        pairs: in any order.
        sizes: the length of each session, by number.
        threshold: from which containment on a pair is one of duplicates.
    """
    near: dict[int, list[tuple[float, int]]] = {}
    for pair in pairs:
        if pair.containment >= threshold:
            near.setdefault(pair.first, []).append((-pair.containment, pair.second))
            near.setdefault(pair.second, []).append((-pair.containment, pair.first))
    dropped: dict[int, Dropped] = {}
    kept: set[int] = set()
    for number in sorted(near, key=lambda each: (-sizes[each], each)):
        match = min((each for each in near[number] if each[1] in kept), default=None)
        if match:
            dropped[number] = Dropped(of=match[1], containment=-match[0])
        else:
            kept.add(number)
    return dropped
