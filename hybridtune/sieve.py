"""What was surely never met: a filter in fixed memory, before a question to a file on disk.

A Bloom filter (Bloom 1970) of one bit per number: as it fills up it says "perhaps" more often, and
never "no" of a number that was met.
"""

from collections.abc import Iterable


class Sieve:
    """Numbers that were met; they must be spread evenly over their low bits, as hashes are.

    Args:
        bits: the filter has 2 to this power places; 23 are 1 MiB, and hold a million numbers with
            one in nine strangers let through.
    """

    def __init__(self, bits: int) -> None:
        self.mask = (1 << bits) - 1
        self.places = bytearray((1 << bits) >> 3)

    def add(self, numbers: Iterable[int]) -> None:
        """These have been met."""
        places, mask = self.places, self.mask
        for number in numbers:
            place = number & mask
            places[place >> 3] |= 1 << (place & 7)

    def perhaps(self, numbers: Iterable[int]) -> bool:
        """False where none of these has been met."""
        places, mask = self.places, self.mask
        for number in numbers:
            place = number & mask
            if places[place >> 3] >> (place & 7) & 1:
                return True
        return False
