"""Copies of one axis's values change places within a block until no row has a barred value.

Pure, no files. A bipartite matching of copies to rows, mended along shortest alternating paths: the
rows with a barred value give their copies up and look for others, whose rows look on in turn. So an
order is found if there is one (Berge 1957), and, where there is none, the rows that compete for too
few copies are known (Hall 1935).
"""

import random
from collections.abc import Sequence

from generation.quotas import Copy


class Stuck(Exception):
    """These rows of a block may have only these values of the axis, and there are fewer.

    `beside` says what the rows have in the axes that forbid the others.
    """

    def __init__(self, axis: str, rows: Sequence[int], values: set[str]) -> None:
        super().__init__(axis)
        self.axis, self.rows, self.values = axis, rows, values
        self.beside: dict[str, set[str]] = {}


def moved(
    axis: str,
    copies: list[Copy[str]],
    barred: Sequence[frozenset[str]],
    start: int,
    slack: int,
    rng: random.Random,
) -> list[Copy[str]]:
    """The copies in an order in which no row has a barred value; as few as possible move.

    Raises:
        Stuck: there is no such order within the windows and this slack.
    """
    free = [row for row, copy in enumerate(copies) if copy.value in barred[row]]
    if not free:
        return copies
    fitting: list[list[int]] = [[] for _ in copies]
    for number, copy in enumerate(copies):
        low, high = copy.first - start - slack, copy.last - start + slack
        for row in range(max(0, low), min(len(copies), high + 1)):
            if copy.value not in barred[row]:
                fitting[row].append(number)
    holds: list[int | None] = list(range(len(copies)))
    held: list[int | None] = list(range(len(copies)))
    for row in free:
        holds[row] = held[row] = None
    for root in free:
        if not lengthen(root, fitting, holds, held, rng):
            reached = reachable(root, fitting, held)
            may = {copies[number].value for row in reached for number in fitting[row]}
            raise Stuck(axis, sorted(reached), may)
    return [copies[number] for number in holds if number is not None]


def lengthen(
    root: int,
    fitting: Sequence[Sequence[int]],
    holds: list[int | None],
    held: list[int | None],
    rng: random.Random,
) -> bool:
    """Give the row `root` a copy along a shortest alternating path, if there is one."""
    came: dict[int, int] = {}
    waiting = [root]
    for row in waiting:
        options = fitting[row]
        turn = int(rng.random() * len(options))
        for number in (*options[turn:], *options[:turn]):
            if number in came:
                continue
            came[number] = row
            owner = held[number]
            if owner is not None:
                waiting.append(owner)
                continue
            given: int | None = number
            while given is not None:
                taker = came[given]
                holds[taker], held[given], given = given, taker, holds[taker]
            return True
    return False


def reachable(root: int, fitting: Sequence[Sequence[int]], held: Sequence[int | None]) -> set[int]:
    """The rows that compete with `root`; they are one more than the copies that fit any of them."""
    rows, waiting = {root}, [root]
    for row in waiting:
        for number in fitting[row]:
            owner = held[number]
            if owner is not None and owner not in rows:
                rows.add(owner)
                waiting.append(owner)
    return rows
