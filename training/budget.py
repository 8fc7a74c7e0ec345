"""A budget in trained tokens as shares of the sessions: whole sessions, as near as they come to it.

Oversampling is the same: a budget above what there is takes whole copies, and a sample once more.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from hybridtune.errors import DataError
from hybridtune.records import Session
from training.sampling import in_order, parts

Shares = dict[str, float]
Sessions = Mapping[str, Sequence[Session]]
Sizes = Mapping[str, Mapping[str, int]]
"""The trained tokens of every session, by source and id."""


def spend(wanted: float, shares: Shares, sessions: Sessions, sizes: Sizes, seed: int) -> Shares:
    """The shares that together come nearest to a number of trained tokens.

    The tokens of the sources stay in the proportion that the given shares have; what rounding to
    whole sessions leaves of one source, the next makes up for. So all is off by half of the last
    source's session at most.

    Raises:
        DataError: there is no token to train.
    """
    weights = {source: share * sum(sizes[source].values()) for source, share in shares.items()}
    if not any(weights.values()):
        raise DataError(
            "no session that may be trained has a token to train",
            where=f"variants with a share of {' and '.join(shares)}",
            fix="add sessions whose counselor says more, or lower training.held_out",
        )
    left, weight_left, found = wanted, sum(weights.values()), {}
    for source, weight in weights.items():
        if not weight:
            continue
        part = max(left, 0.0) * weight / weight_left
        found[source] = nearest(part, sessions[source], sizes[source], seed)
        left -= tokens_of({source: found[source]}, sessions, sizes, seed)
        weight_left -= weight
    return found


def nearest(
    wanted: float, sessions: Sequence[Session], sizes: Mapping[str, int], seed: int
) -> float:
    """The share of sessions whose trained tokens come nearest to a number."""
    copies, rest = divmod(wanted, sum(sizes.values()))
    order = in_order(sessions, seed, "sample")
    sums = list(accumulate((sizes[session.id] for session in order), initial=0))
    more = min(range(len(sums)), key=lambda number: abs(sums[number] - rest))
    return copies + more / len(sessions)


def tokens_of(shares: Shares, sessions: Sessions, sizes: Sizes, seed: int) -> int:
    """The trained tokens in the sessions that shares take."""
    total = 0
    for source, share in shares.items():
        copies, sample = parts(sessions[source], share, seed)
        total += copies * sum(sizes[source].values())
        total += sum(sizes[source][session.id] for session in sample)
    return total
