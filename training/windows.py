"""Long sessions as windows: no counselor turn is lost at a length limit, and none counts twice.

A session is counted in exchanges: what the patient says, up to and with the counselor's answer. A
window holds some exchanges that are trained, and before them earlier ones as context.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

Measure = Callable[[int, int], int]
"""Tokens of a window from the first to the last exchange, both within, system prompt included."""


@dataclass(frozen=True)
class Window:
    """Exchanges `first..last`; those from `trained` on carry loss, those before are context."""

    first: int
    trained: int
    last: int


def plan_windows(
    exchanges: int, measure: Measure, *, max_length: int, context_tokens: int, most: int | None
) -> tuple[list[Window], list[int]]:
    """Cut a session into windows of at most `max_length` tokens.

    Every exchange is trained in exactly one window, apart from those that do not even fit alone.
    Context takes at most half a window, so that most of each window is new.

    Args:
        exchanges: how many there are.
        measure: the length of a window; must not shrink as a window grows.
        max_length: of a window, in tokens.
        context_tokens: the most that context may add to a window.
        most: exchanges trained in one window, or None for as many as fit.

    Returns:
        the windows in order, and the exchanges that are too long for any.
    """
    windows: list[Window] = []
    too_long: list[int] = []
    start = 0
    while start < exchanges:
        alone = measure(start, start)
        if alone > max_length:
            too_long.append(start)
            start += 1
            continue
        limit = min(max_length, alone + min(context_tokens, max_length // 2))
        first = earliest(start, measure, limit)
        stop = exchanges if most is None else min(exchanges, start + most)
        last = latest(first, start, stop, measure, max_length)
        windows.append(Window(first, start, last))
        start = last + 1
    return windows, too_long


def earliest(start: int, measure: Measure, limit: int) -> int:
    """The earliest exchange from which a window up to `start` stays within the limit."""
    return bisect_left(range(start), True, key=lambda first: measure(first, start) <= limit)


def latest(first: int, start: int, stop: int, measure: Measure, limit: int) -> int:
    """The last exchange before `stop` that still fits; `start` is known to."""
    if measure(first, stop - 1) <= limit:
        return stop - 1
    more = range(start + 1, stop)
    fitting = bisect_left(more, True, key=lambda last: measure(first, last) > limit)
    return start + fitting
