"""The same function over many transcripts, in several processes, in order, a few at a time."""

import ctypes
import itertools
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from hybridtune.errors import StageError

Item = TypeVar("Item")
Answer = TypeVar("Answer")
PR_SET_PDEATHSIG = 1
FEW = 64
"""Below this, starting processes takes longer than the work."""
CHUNK = 8


def map_in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], processes: int | None = None
) -> Iterator[Answer]:
    """Yield `function(item)` for every item, in their order, holding but a few at once.

    Args:
        function: picklable.
        items: may be endless; taken as answers are.
        processes: how many; by default one a core, up to eight. With one, or few items, none are
            started.
    """
    processes = processes or min(8, len(os.sched_getaffinity(0)))
    items = iter(items)
    first = list(itertools.islice(items, FEW))
    if processes == 1 or len(first) < FEW:
        yield from map(function, itertools.chain(first, items))
        return
    everything = itertools.chain(first, items)
    chunks = iter(lambda: list(itertools.islice(everything, CHUNK)), [])
    # Not forked: threads of the libraries that are loaded here would not survive it.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, context, initializer=end_with_parent) as pool:
            waiting: deque[Future[list[Answer]]] = deque()
            for chunk in chunks:
                waiting.append(pool.submit(work, function, chunk))
                if len(waiting) > 2 * processes:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise StageError(
            "a worker process was ended from outside, for want of memory as a rule; nothing was "
            "written (free some memory and start again)"
        ) from None


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def work(function: Callable[[Item], Answer], chunk: list[Item]) -> list[Answer]:
    """What one process does at a time."""
    return [function(item) for item in chunk]
