"""Rows out of the series of all axes, with no forbidden combination among them.

Pure, no files. Every axis has a series of its own that keeps its quota at every length (see
`generation.quotas`). Rows are made in blocks, which end where the counts of all axes that forbid
each other are whole, if they are so within `LONG` rows. In a block, one axis is laid after the
other, and where its values do not go with those laid before, they change places (see
`generation.matching`). A floor for a combination is one more axis, whose values are the rare
situations and `nothing`, and which forbids what is not the situation. Where a split keeps some
combinations from the rows, rows then exchange values until none has one (see `generation.parting`).

What holds, for any seed:
- no row has a forbidden combination, nor one that the split keeps from it;
- the first rows are the same however many are taken;
- axes that no forbidden combination and no floor names keep their quota at every length;
- the others keep it wherever a block ends. Within a block they keep it too, if an order is found in
  which all copies are within their windows, which is tried `TRIES` times; else they run ahead or
  behind by as little as was found.
A pack is refused if no order is found. For two axes, and for axes that forbid each other by twos
and in no circle, that means that there is none, where blocks end whole; circles, and floors that
close one, may need luck, and have it `TRIES` times at each slack. Rows of a split keep all this;
but in a block without an order within all windows, any axis may run ahead or behind.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from math import lcm

from generation.matching import Stuck, moved
from generation.parting import Crossed, Fits, Laid, Parting, check_side, too_small
from generation.quotas import FINEST, Copy, period, series
from generation.space import Combination, Space
from hybridtune.errors import DomainError
from hybridtune.seeds import derive

RARE = "\0rare"
RARE_NAME = "the floor"
NOTHING = "nothing"
SHORT, LONG = 100, 2_000
"""Rows of a block: no fewer than the one, and no more than the other if counts are never whole."""
TRIES = 8


class Rules:
    """The forbidden combinations, by the axis that is laid last."""

    def __init__(self, space: Space) -> None:
        self.axes = dict(space.axes)
        self.forbidden = forbidden = [*space.forbidden, *self.rare_rules(space)]
        self.order = laying_order(list(self.axes), forbidden)
        self.coupled = [axis for axis in self.order if any(axis in each for each in forbidden)]
        self.ending: dict[str, list[Combination]] = {axis: [] for axis in self.order}
        for each in forbidden:
            self.ending[max(each, key=self.order.index)].append(each)
        self.before = {
            axis: sorted({other for each in ending for other in each} - {axis})
            for axis, ending in self.ending.items()
        }
        self.cache: dict[tuple[str, ...], frozenset[str]] = {}

    def rare_rules(self, space: Space) -> list[Combination]:
        """What a rare situation excludes; adds the axis of rare situations."""
        if not space.rare:
            return []
        parts = {each.name: each.share for each in space.rare}
        rest = 1 - sum(parts.values(), Fraction())
        self.axes[RARE] = {**parts, **({NOTHING: rest} if rest else {})}
        return [
            {RARE: frozenset({each.name}), axis: frozenset(space.axes[axis]) - allowed}
            for each in space.rare
            for axis, allowed in each.when.items()
        ]

    def barred(self, axis: str, others: tuple[str, ...]) -> frozenset[str]:
        """The values of an axis that do not go with those of the axes in `before`, in order."""
        key = (axis, *others)
        if key not in self.cache:
            row = dict(zip(self.before[axis], others, strict=True))
            self.cache[key] = frozenset(
                value
                for each in self.ending[axis]
                if all(row[other] in each[other] for other in each if other != axis)
                for value in each[axis]
            )
        return self.cache[key]

    def block(self) -> int:
        """Rows of a block: a multiple of all periods concerned, if they have a small one."""
        whole = lcm(*(period(self.axes[axis]) for axis in self.coupled))
        return -(-SHORT // whole) * whole if whole <= LONG else LONG

    @property
    def exact_every(self) -> int | None:
        """The rows at whose multiples the counts of all axes are whole, if they are few."""
        whole = lcm(*(period(parts) for parts in self.axes.values()))
        return whole if whole <= FINEST else None


def laying_order(axes: Sequence[str], forbidden: Sequence[Combination]) -> list[str]:
    """Each axis after one that it is coupled with, so that no two laid apart meet in a third."""
    near: dict[str, set[str]] = {axis: set() for axis in axes}
    for each in forbidden:
        for axis in each:
            near[axis] |= set(each) - {axis}
    order: list[str] = []
    for root in sorted(axes, key=lambda axis: (axis != RARE, -len(near[axis]))):
        if root in order:
            continue
        waiting = [root]
        for axis in waiting:
            waiting += [other for other in axes if other in near[axis] and other not in waiting]
        order += waiting
    return order


def arranged(space: Space, seed: int, fits: Fits | None = None) -> Iterator[dict[str, str]]:
    """The values of all axes, row by row without end.

    Args:
        space: what the personas can be.
        seed: of this series.
        fits: the combinations that rows may have, beside what the space forbids; None for all.

    Raises:
        DomainError: the quotas cannot be met without a forbidden combination, or one that does not
            fit.
    """
    rules = Rules(space)
    if fits:
        check_side(space, fits)
    size, start, names = rules.block(), 0, list(space.axes)
    sources = {
        axis: series(parts, random.Random(derive(seed, "axis", axis)))
        for axis, parts in rules.axes.items()
    }
    while True:
        copies = {axis: list(islice(source, size)) for axis, source in sources.items()}
        laid = lay(rules, copies, start, random.Random(derive(seed, "block", start)), space, fits)
        for row in zip(*(laid[axis] for axis in names), strict=True):
            yield {axis: copy.value for axis, copy in zip(names, row, strict=True)}
        start += size


def lay(
    rules: Rules,
    copies: Laid,
    start: int,
    rng: random.Random,
    space: Space,
    fits: Fits | None,
) -> Laid:
    """One block: first within all windows, and with ever more slack if need be."""
    size = len(copies[rules.order[0]])
    drawn = dict(copies)
    stuck: Stuck | Crossed
    for slack in (0, 1, 4, 16, size):
        for _ in range(TRIES):
            try:
                laid = attempt(rules, drawn, start, slack, rng)
                if fits is None:
                    return laid
                block = Parting(laid, list(space.axes), rules.forbidden, fits, start, slack)
                return block.parted(rng)
            except Crossed as error:
                stuck = error
                break
            except Stuck as error:
                stuck = error
            for axis in rules.coupled:
                drawn[axis] = redrawn(rules.axes[axis], drawn[axis], start, rng)
    if isinstance(stuck, Crossed):
        raise too_small(space, f"{stuck.rows} of {size} rows find none on their side")
    raise DomainError(
        complaint(rules, stuck, size), where=space.where, fix="change weights or forbidden"
    )


def attempt(rules: Rules, copies: Laid, start: int, slack: int, rng: random.Random) -> Laid:
    """Lay one axis after the other, each so that it goes with those before."""
    laid: Laid = {}
    for axis in rules.order:
        own = copies[axis]
        if rules.ending[axis]:
            before = [[copy.value for copy in laid[other]] for other in rules.before[axis]]
            barred = [rules.barred(axis, values) for values in zip(*before, strict=True)]
            try:
                own = moved(axis, own, barred, start, slack, rng)
            except Stuck as error:
                for other, values in zip(rules.before[axis], before, strict=True):
                    error.beside[other] = {values[row] for row in error.rows}
                raise
        laid[axis] = own
    return laid


def redrawn(
    parts: Mapping[str, Fraction], copies: list[Copy[str]], start: int, rng: random.Random
) -> list[Copy[str]]:
    """The copies in another order, each within its window."""
    if len(copies) % period(parts) == 0:
        anew = islice(series(parts, rng), len(copies))
        return [Copy(value, first + start, last + start) for value, first, last in anew]
    order = list(copies)
    for row in range(len(order)):
        high = min(order[row].last - start, len(order) - 1)
        other = row + int(rng.random() * (high - row + 1)) if high > row else row
        if order[other].first - start <= row:
            order[row], order[other] = order[other], order[row]
    return order


def complaint(rules: Rules, stuck: Stuck, size: int) -> str:
    """Which quotas contradict which, in one line."""
    parts = rules.axes[stuck.axis]
    have = size * sum((parts[value] for value in stuck.values), Fraction())
    beside = [
        f"{RARE_NAME if axis == RARE else axis} {few(values)}"
        for axis, values in sorted(stuck.beside.items())
        if len(values) <= 3 and values != {NOTHING}
    ]
    having = f" (of {'; '.join(beside)})" if beside else ""
    return (
        f"the quotas of {stuck.axis} cannot be met without a forbidden combination: "
        f"{len(stuck.rows)} of {size} rows{having} can have only {few(stuck.values)}, "
        f"and the quotas give {float(have):g} of these"
    )


def few(values: set[str]) -> str:
    """Some values in words."""
    named = sorted(values)
    return " / ".join(map(repr, named[:3])) + (" / ..." if len(named) > 3 else "") or "nothing"
