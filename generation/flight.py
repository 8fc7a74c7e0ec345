"""Rows under way at once: a bounded window of them, as many as keep the server busy."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from generation.rows import together
from hybridtune.config.servers import AttachedServer
from hybridtune.runs import Run

AnyItem = TypeVar("AnyItem")


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
