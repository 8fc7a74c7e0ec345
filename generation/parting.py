"""Rows of one block change values until all are on their side of a split.

Pure, no files. Which side a combination is on is a hash's to say, so no rule tells which values
would do; but nearly every exchange of a value between two rows gives both a new draw. So rows on
the wrong side, drawn at random, exchange values with others, one axis at a time, until none is
wrong: a local search by the fewest conflicts (Minton, Johnston, Philips and Laird 1992, "Minimizing
conflicts"), which takes a step that brings nothing where none brings more. Exchanges keep every
count of the block; they keep the windows of the copies, and so the quota at every length, as far as
the slack says; and they make no forbidden combination.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod
from typing import NamedTuple

from generation.quotas import Copy
from generation.space import Combination, Space, has
from hybridtune.errors import DomainError

Fits = Callable[[Mapping[str, str]], bool]
"""Whether a row may have this combination: axis -> value, the theme among them."""
Laid = dict[str, list[Copy[str]]]
"""Axis -> its copies, row by row."""

PATIENCE = 600
"""Steps that may bring nothing before the search ends."""
LOOKED_AT = 500
"""Exchanges that a step looks at, at most; where there are any that help, few will do."""
LISTED = 20_000
"""Spaces of at most so many combinations are small: all are looked at before rows are made."""


class Crossed(Exception):
    """So many rows of a block are left on the wrong side."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


class Exchange(NamedTuple):
    """Two rows that change their values of one axis."""

    axis: str
    one: int
    other: int


class Parting:
    """One block on its way to its side.

    Args:
        laid: the block; left as it is.
        axes: the axes that the split knows, the only ones whose values are exchanged.
        forbidden: what no row may have, of these and of further axes in `laid`.
        fits: whether a row is on the right side.
        start: the number of the block's first row.
        slack: places that a copy may stand outside its window.
    """

    def __init__(
        self,
        laid: Laid,
        axes: Sequence[str],
        forbidden: Sequence[Combination],
        fits: Fits,
        start: int,
        slack: int,
    ) -> None:
        self.laid = {axis: list(copies) for axis, copies in laid.items()}
        self.axes, self.start, self.slack = list(axes), start, slack
        self.naming = {axis: [each for each in forbidden if axis in each] for axis in axes}
        self.fits = fits
        self.known: dict[tuple[str, ...], bool] = {}
        self.size = len(self.laid[self.axes[0]])
        self.wrong = {row for row in range(self.size) if not self.right(self.values(row))}

    def parted(self, rng: random.Random) -> Laid:
        """The block with every row on its side.

        Raises:
            Crossed: the search came to no end.
        """
        left = PATIENCE
        while self.wrong:
            if not left:
                raise Crossed(len(self.wrong))
            before = len(self.wrong)
            step = self.step(rng.choice(sorted(self.wrong)), rng)
            if step:
                self.exchange(step)
            left = PATIENCE if len(self.wrong) < before else left - 1
        return self.laid

    def step(self, row: int, rng: random.Random) -> Exchange | None:
        """An exchange of this row that helps; where none does, one of those that do no harm."""
        harmless = []
        for each in islice(self.exchanges(row, rng), LOOKED_AT):
            gain = self.gain(each)
            if gain > 0:
                return each
            if gain == 0:
                harmless.append(each)
        return rng.choice(harmless) if harmless else None

    def exchanges(self, row: int, rng: random.Random) -> Iterator[Exchange]:
        """The exchanges that this row may make, in an order drawn anew."""
        for axis in rng.sample(self.axes, len(self.axes)):
            copies = self.laid[axis]
            own = copies[row]
            rows = [each for each in self.window(own) if copies[each].value != own.value]
            for other in rng.sample(rows, len(rows)):
                each = Exchange(axis, row, other)
                if row in self.window(copies[other]) and self.allowed(each):
                    yield each

    def window(self, copy: Copy[str]) -> range:
        """The rows of the block where a copy may stand."""
        low = max(0, copy.first - self.start - self.slack)
        return range(low, min(self.size, copy.last - self.start + self.slack + 1))

    def allowed(self, each: Exchange) -> bool:
        """Whether neither row gets a forbidden combination."""
        rules = self.naming[each.axis]
        return not rules or not any(has(row, rule) for row in self.after(each) for rule in rules)

    def gain(self, each: Exchange) -> int:
        """How many fewer rows are on the wrong side afterwards."""
        before = (each.one in self.wrong) + (each.other in self.wrong)
        return before - sum(not self.right(row) for row in self.after(each))

    def exchange(self, each: Exchange) -> None:
        """Do it."""
        copies = self.laid[each.axis]
        copies[each.one], copies[each.other] = copies[each.other], copies[each.one]
        for row in (each.one, each.other):
            (self.wrong.discard if self.right(self.values(row)) else self.wrong.add)(row)

    def after(self, each: Exchange) -> tuple[dict[str, str], dict[str, str]]:
        """The values of both rows after an exchange."""
        one, other = self.values(each.one), self.values(each.other)
        one[each.axis], other[each.axis] = other[each.axis], one[each.axis]
        return one, other

    def values(self, row: int) -> dict[str, str]:
        """What a row has of every axis."""
        return {axis: copies[row].value for axis, copies in self.laid.items()}

    def right(self, values: Mapping[str, str]) -> bool:
        """Whether a combination is on the right side; asked once for each."""
        key = tuple(values[axis] for axis in self.axes)
        if key not in self.known:
            self.known[key] = self.fits(dict(zip(self.axes, key, strict=True)))
        return self.known[key]


def is_small(space: Space) -> bool:
    """Whether a side may lack something; a larger space has every value on both, or as good as."""
    return prod(map(len, space.axes.values())) <= LISTED


def check_side(space: Space, fits: Fits) -> None:
    """Refuse a small space in which some value has no combination on one side.

    Raises:
        DomainError: names the value.
    """
    if not is_small(space):
        return
    found: dict[str, set[str]] = {axis: set() for axis in space.axes}
    for values in product(*space.axes.values()):
        row = dict(zip(space.axes, values, strict=True))
        if fits(row) and not any(has(row, each) for each in space.forbidden):
            for axis, value in row.items():
                found[axis].add(value)
    for axis, parts in space.axes.items():
        for value in parts:
            if value not in found[axis]:
                raise too_small(space, f"nobody with {axis} {value!r} is left on one side")


def too_small(space: Space, what: str) -> DomainError:
    """The error for a space in which the two sides cannot both keep their quotas."""
    count = prod(map(len, space.axes.values()))
    return DomainError(
        f"{count:,} combinations of theme and axes cannot be split between training and"
        f" evaluation: {what}",
        where=space.where,
        fix="give the pack more axes or values, or evaluation.generated.share another value; "
        "scenarios of a file claim nothing where their provenance names no theme",
    )
