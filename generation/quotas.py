"""Exact shares: apportionment, floors, and an endless series that keeps its quota at every length.

Pure arithmetic, no files. A series with shares w gives each value, among its first N places,
floor(N w) or ceil(N w) times, for every N: exactly N w where that is whole. That is the quota rule
of apportionment. More is not to be had: the largest-remainder counts of N and of N + 1 may differ
by more than one added value (the Alabama paradox), so no series that only grows can have them at
every N. Where all N w are whole, and at 0, the two are the same.

The i-th copy of a value must stand within the window of places [floor((i-1)/w), ceil(i/w) - 1].
Copies within their windows are the quota rule, and that copies of all values fit into their windows
is known from scheduling (the windows of Pfair scheduling: Baruah, Cohen, Plaxton and Varvel 1996).
"""

import random
from collections.abc import Hashable, Iterator, Mapping
from fractions import Fraction
from math import floor, gcd, lcm
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value", bound=Hashable)

FINEST = 100_000
"""Largest number of places after which a series may begin again; weights finer than it are refused,
since no data set of that kind would ever meet them."""

DRAWN = 5_000
"""Places that are drawn anew; later periods repeat one of these, at random, for speed."""


class Copy(NamedTuple, Generic[Value]):
    """One copy of a value, and the places of the series that it may stand at."""

    value: Value
    first: int
    last: int


def apportion(
    count: int, weights: Mapping[Value, Fraction | int], least: int = 0
) -> dict[Value, int]:
    """`count` divided by the method of largest remainders, each value at least `least` times.

    Of equal remainders the value that stands first has the better right.
    """
    parts = {value: Fraction(weight) for value, weight in weights.items()}
    given = dict.fromkeys(parts, 0)
    while True:
        left = count - least * (len(given) - len(parts))
        total = sum(parts.values())
        ideal = {value: left * part / total for value, part in parts.items()}
        short = [value for value, part in ideal.items() if part < least]
        if not short:
            break
        for value in short:
            given[value] = least
            del parts[value]
    whole = {value: floor(part) for value, part in ideal.items()}
    order = sorted(ideal, key=lambda value: whole[value] - ideal[value])
    for value in order[: left - sum(whole.values())]:
        whole[value] += 1
    return {value: whole.get(value, given[value]) for value in weights}


def shares(
    weights: Mapping[Value, Fraction | int], floors: Mapping[Value, Fraction]
) -> dict[Value, Fraction]:
    """The weights as shares of one; values below their floors are raised, and the others make way.

    Raises:
        ValueError: the floors ask for more than there is.
    """
    raised: dict[Value, Fraction] = {}
    while True:
        others = {
            value: Fraction(weight) for value, weight in weights.items() if value not in raised
        }
        rest, total = 1 - sum(raised.values(), Fraction()), sum(others.values(), Fraction())
        if rest < 0 or (others and rest == 0):
            raise ValueError("the floors leave nothing for the other values")
        low = {
            value: floors[value]
            for value, weight in others.items()
            if value in floors and floors[value] * total > weight * rest
        }
        if not low:
            break
        raised |= low
    part = {value: weight / total * rest for value, weight in others.items()}
    return {value: raised[value] if value in raised else part[value] for value in weights}


def period(parts: Mapping[Value, Fraction]) -> int:
    """After how many places every count is whole: the shares' common denominator."""
    return lcm(*(part.denominator for part in parts.values()))


def rounded(weights: Mapping[Value, int], most: int) -> dict[Value, int]:
    """Counts in smaller numbers: by their common divisor, or, above `most` in all, nearly so."""
    kept = {value: weight for value, weight in weights.items() if weight > 0}
    divisor = gcd(*kept.values())
    kept = {value: weight // divisor for value, weight in kept.items()}
    if sum(kept.values()) <= most:
        return kept
    return {value: part for value, part in apportion(most, kept).items() if part}


def series(parts: Mapping[Value, Fraction], rng: random.Random) -> Iterator[Copy[Value]]:
    """Copies for the places 0, 1, 2, ... without end, at random within their windows."""
    cycle: Cycle[Value] = Cycle(parts)
    drawn: list[list[Copy[Value]]] = []
    start = 0
    while True:
        if not drawn or len(drawn) * cycle.length < DRAWN:
            drawn.append(list(cycle.drawn(rng)))
            copies = drawn[-1]
        else:
            copies = rng.choice(drawn)
        for value, first, last in copies:
            yield Copy(value, first + start, last + start)
        start += cycle.length


class Cycle(Generic[Value]):
    """One period of a series, drawn anew each time.

    A place may take any copy whose window has begun, as long as the copies that are still to come
    keep their windows. They do if and only if, for every place p, the copies placed so far whose
    window ends after p are no more than the places up to p that no window's end asks for. So a
    place is filled at random from the copies that end no later than the first p where the two
    numbers are equal; the nearer its window's end, the likelier a copy.
    """

    def __init__(self, parts: Mapping[Value, Fraction]) -> None:
        self.length = period(parts)
        if self.length > FINEST:
            raise ValueError(f"shares in steps of 1/{self.length} are too fine to be met")
        self.values = list(parts)
        self.weights = [int(part * self.length) for part in parts.values()]
        ends = [0] * self.length
        for weight in self.weights:
            for number in range(1, weight + 1):
                ends[-(-number * self.length // weight) - 1] += 1
        self.room, left = [], 0
        for end in ends:
            left += 1 - end
            self.room.append(left)

    def drawn(self, rng: random.Random) -> Iterator[Copy[Value]]:
        """The copies of one period in the order of their places."""
        length, weights, room = self.length, self.weights, self.room[:]
        number = [0] * len(weights)
        first = [0] * len(weights)
        last = [-(-length // weight) - 1 for weight in weights]
        for place in range(length):
            limit = place
            while room[limit]:
                limit += 1
            ready = [at for at, end in enumerate(last) if end <= limit and first[at] <= place]
            chosen = pick(ready, [1 / (last[at] - place + 1) for at in ready], rng)
            end, weight = last[chosen], weights[chosen]
            yield Copy(self.values[chosen], first[chosen], end)
            for passed in range(place, end):
                room[passed] -= 1
            number[chosen] = done = number[chosen] + 1
            first[chosen] = done * length // weight if done < weight else length
            last[chosen] = -(-(done + 1) * length // weight) - 1


def pick(options: list[int], chances: list[float], rng: random.Random) -> int:
    """One of the options, by their chances."""
    drawn = rng.random() * sum(chances)
    for option, chance in zip(options, chances, strict=True):
        drawn -= chance
        if drawn < 0:
            return option
    return options[-1]
