"""Rows on many machines: the same row function, in the worker processes of a Ray cluster.

The driver hands rows out, a bounded number at a time, and keeps every outcome; so rows.sqlite and
all files have one writer. The request cache stays one file beside them: workers reach it through an
actor on the driver's machine, so what a worker was answered outlives the worker. A worker that dies
gives its rows to the others, and costs the requests that it had in flight.

Nothing leaves the cluster but requests to the configured servers: Ray's usage statistics are off, a
cluster of our own has no dashboard, and a key is read from the environment of the worker, on its
machine, and is in no argument, log or file of Ray's.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

from generation.coverage import Row
from generation.meter import Meter
from generation.outcomes import Heard, Outcome
from generation.worker import NAMESPACE, ROW, Cache, Done, Told, Worker
from hybridtune.chat.client import Client
from hybridtune.config.servers import AttachedServer
from hybridtune.domain import Domain
from hybridtune.errors import ServerError, StageError
from hybridtune.runs import Run
from hybridtune.scenarios import read_held_out

MOST_DEATHS = 5
"""A row whose worker died so often is likely to be why."""
FIX = "pip install 'hybridtune[ray]', on every machine of the cluster"


class Crew:
    """The workers of a run, as the row function of the stage."""

    def __init__(self, workers: list[Any], heard: Heard, meter: Meter) -> None:
        self.workers, self.heard, self.meter = workers, heard, meter
        self.busy = Counter[int]()

    async def write(self, row: Row, tries: int = 1) -> Outcome:
        """One row, by the least busy worker, and by another one where that one dies.

        Raises:
            ServerError: the teacher cannot be used at all.
            StageError: workers die of this row, or fail before they can begin.
        """
        from ray.exceptions import RayActorError  # noqa: PLC0415

        asked = ROW.dump_json(row).decode()
        for deaths in count(1):
            number = min(range(len(self.workers)), key=lambda each: self.busy[each])
            self.busy[number] += 1
            try:
                done: Done = await self.workers[number].write.remote(asked, tries)
            except RayActorError as error:
                if deaths == MOST_DEATHS:
                    what = f"row {row.index}: its worker died {deaths} times: {error}"
                    raise StageError(what) from None
                await asyncio.sleep(0.2 * deaths)  # Ray starts another in its place
                continue
            finally:
                self.busy[number] -= 1
            return self.taken(done)
        raise AssertionError("unreachable")

    def taken(self, done: Done) -> Outcome:
        """The outcome, once the bars have heard of it."""
        if done.error:
            kind, what = done.error
            raise (ServerError if kind == "ServerError" else StageError)(what)
        for kind, end in done.heard:
            self.heard(kind, end)
        self.meter.fresh_tokens += done.fresh_tokens
        return Outcome.model_validate_json(done.outcome)


@asynccontextmanager
async def crew(
    run: Run, domain: Domain, teacher: Client, heard: Heard, meter: Meter
) -> AsyncIterator[Crew]:
    """Start the workers on the cluster that `generation.ray` names, and stop them afterwards.

    Raises:
        StageError: Ray is not installed, or there is no such cluster.
    """
    settings = run.experiment.generation.ray
    with cluster(settings.address, settings.workers * settings.cpus_per_worker) as ray:
        from ray.util.scheduling_strategies import (  # noqa: PLC0415
            NodeAffinitySchedulingStrategy,
        )

        name = f"request cache {uuid4().hex}"
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        cache = (
            ray.remote(Cache)
            .options(
                name=name,
                namespace=NAMESPACE,
                num_cpus=0,
                max_concurrency=1000,
                max_restarts=-1,
                max_task_retries=-1,
                scheduling_strategy=here,
            )
            .remote(run.calls.resolve())
        )
        told = told_of(run, domain, teacher, name)
        options = {
            "num_cpus": settings.cpus_per_worker,
            "max_concurrency": 1000,
            "max_restarts": -1,
        }
        workers = [
            ray.remote(Worker).options(**options).remote(told) for _ in range(settings.workers)
        ]
        try:
            yield Crew(workers, heard, meter)
        finally:
            for actor in (*workers, cache):
                ray.kill(actor)


def told_of(run: Run, domain: Domain, teacher: Client, cache: str) -> Told:
    """What each worker is told: the teacher's limit is shared out among them."""
    workers = run.experiment.generation.ray.workers
    server = run.experiment.server_of("teacher")
    return Told(
        experiment=run.experiment.model_dump_json(),
        pack=domain.path,
        held_out=tuple(each.line() for each in read_held_out(run, domain)),
        endpoint=replace(teacher.endpoint, api_key=None),
        key_variable=server.api_key_env if isinstance(server, AttachedServer) else None,
        structured=teacher.structured,
        most=max(1, teacher.limiter.most // workers),
        cache=cache,
    )


@contextmanager
def cluster(address: str | None, cpus: float) -> Iterator[Any]:
    """Ray, connected: to a running cluster, or to one of this machine that ends with the block.

    Raises:
        StageError: it is not installed, there is no such cluster, or this is not one of its nodes.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: PLC0415
    except ImportError:
        raise StageError(f"generation.engine: ray is not installed ({FIX})") from None
    if address and address.startswith("ray://"):
        raise StageError(
            "generation.ray.address: run this on a machine of the cluster, with address `auto`: "
            "the request cache is a file beside the run"
        )
    own = {} if address else {"num_cpus": max(1, int(cpus + 0.999)), "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, RuntimeError) as error:
        told = " ".join(str(error).split())
        raise StageError(f"generation.ray.address: no cluster at {address}: {told}") from None
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray's would end us without stopping our servers
    try:
        yield ray
    finally:
        ray.shutdown()
