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
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from pydantic import TypeAdapter

from generation.checks import load_standards
from generation.coverage import Row
from generation.meter import Meter
from generation.overlap import load_held_out
from generation.rows import End, Heard, Kind, Outcome, Work, write_row
from generation.writer import Writer
from hybridtune.calls import Answer, Call, CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.structured import Mode
from hybridtune.config import Experiment
from hybridtune.config.servers import AttachedServer
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, HybridtuneError, ServerError, StageError
from hybridtune.runs import Run

ROW = TypeAdapter(Row)
NAMESPACE = "hybridtune"
MOST_DEATHS = 5
"""A row whose worker died so often is likely to be why."""
FIX = "pip install 'hybridtune[ray]', on every machine of the cluster"


@dataclass(frozen=True)
class Told:
    """What a worker must know; all of it may be read by anybody on the cluster.

    Attributes:
        experiment: as JSON.
        pack: the folder of the domain pack, the same on every machine.
        endpoint: where the teacher is, without its key.
        key_variable: the environment variable that holds the key, where there is one.
        structured: how JSON is asked for.
        most: requests that this worker may have under way.
        cache: the name of the cache's actor.
    """

    experiment: str
    pack: Path
    endpoint: Endpoint
    key_variable: str | None
    structured: Mode
    most: int
    cache: str


@dataclass(frozen=True)
class Done:
    """What a worker made of a row, or the error that stops everything.

    Attributes:
        outcome: as JSON.
        heard: the records as they ended.
        fresh_tokens: written for this row, by the server and now.
        error: its class's name, and what it says.
    """

    outcome: str = ""
    heard: tuple[tuple[Kind, End], ...] = ()
    fresh_tokens: int = 0
    error: tuple[str, str] | None = None


class Cache:
    """The request cache, as an actor: one file, one process that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: CallStore | None = None

    def opened(self) -> CallStore:
        """The store; opened by the thread that uses it."""
        self.store = self.store or CallStore(self.path)
        return self.store

    async def find(self, key: str) -> Answer | None:
        """As `CallStore.find`."""
        return await self.opened().find(key)

    async def keep(self, key: str, answer: Answer, call: Call, seconds: float) -> Answer:
        """As `CallStore.keep`."""
        return await self.opened().keep(key, answer, call, seconds)


class RemoteCalls:
    """The cache as a worker sees it."""

    def __init__(self, name: str) -> None:
        import ray  # noqa: PLC0415

        self.cache = ray.get_actor(name, namespace=NAMESPACE)

    async def find(self, key: str) -> Answer | None:
        """The answer to a request that any worker made before."""
        found: Answer | None = await self.cache.find.remote(key)
        return found

    async def keep(self, key: str, answer: Answer, call: Call, seconds: float) -> Answer:
        """Keep an answer; it is in the file when this returns."""
        kept: Answer = await self.cache.keep.remote(key, answer, call, seconds)
        return kept


class Worker:
    """One process of the cluster, with a client of its own; an actor."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.work: Work | None = None

    async def write(self, row: str, tries: int) -> Done:
        """One row from persona to ranking."""
        heard: list[tuple[Kind, End]] = []
        try:
            self.work = self.work or self.prepared()
            meter = Meter(self.work.writer.teacher)
            work = replace(
                self.work,
                writer=replace(self.work.writer, teacher=meter),
                heard=lambda kind, end: heard.append((kind, end)),
            )
            outcome = await write_row(work, ROW.validate_json(row), tries)
        except HybridtuneError as error:
            return Done(error=(type(error).__name__, str(error)))
        return Done(outcome.model_dump_json(), tuple(heard), meter.fresh_tokens)

    def prepared(self) -> Work:
        """The pack, the checks, and the client; made where the event loop runs."""
        told = self.told
        experiment = Experiment.model_validate_json(told.experiment)
        domain = Domain(told.pack)
        standards = load_standards(domain, load_held_out(domain, experiment.evaluation.scenarios))
        key = os.environ.get(told.key_variable, "").strip() if told.key_variable else None
        if told.key_variable and not key:
            raise ConfigError(
                f"the environment variable {told.key_variable} is not set on a worker's machine",
                fix="set it before Ray is started there",
            )
        http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        client = Client(
            http,
            replace(told.endpoint, api_key=key),
            RemoteCalls(told.cache),
            AdaptiveLimiter(told.most),
            stage="generation",
            role="teacher",
            structured=told.structured,
        )
        settings, teacher = experiment.generation, experiment.roles.teacher
        writer = Writer(domain, settings, client, teacher.sampling, experiment.seed)
        return Work(writer, standards, lambda *_: None)


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
