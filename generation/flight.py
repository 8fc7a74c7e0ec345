"""What is under way at once: rows in a bounded window, as many as keep the server busy."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from hybridtune.config.servers import AttachedServer
from hybridtune.errors import HybridtuneError
from hybridtune.runs import Run

AnyItem = TypeVar("AnyItem")
AnyResult = TypeVar("AnyResult")


def width_of(run: Run) -> int:
    """Rows under way at once: twice what the server takes, so that it never waits for one."""
    server = run.experiment.server_of("teacher")
    replicas = server.replicas if isinstance(server, AttachedServer) else ()
    return 2 * server.limits.max_concurrency * (1 + len(replicas))


async def in_flight(
    items: Iterator[AnyItem], work: Callable[[AnyItem], Awaitable[None]], width: int
) -> None:
    """Do some work on all items, on `width` of them at a time, each begun as another one ends."""

    async def worker() -> None:
        for item in items:
            await work(item)

    await together(worker() for _ in range(width))


async def together(works: Iterable[Coroutine[Any, Any, AnyResult]]) -> list[AnyResult]:
    """All at once, the results in order; a single one costs no task of its own.

    Raises:
        HybridtuneError: the first of the errors that stop everything, on its own.
    """
    works = list(works)
    if len(works) == 1:
        return [await works[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in works]
    except BaseExceptionGroup as errors:
        # One error that stops all rows is one line for the user, not a tree of tracebacks.
        known = [each for each in errors.exceptions if isinstance(each, HybridtuneError)]
        if not known:
            raise
        raise known[0] from None
    return [task.result() for task in tasks]
