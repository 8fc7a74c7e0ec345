"""What runs in the processes of a Ray cluster: the row function, and the request cache.

The row function of the stage with a client of its own in each worker, and, in one actor on the
driver's machine, the run's `calls.sqlite`: what a worker was answered outlives the worker.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from pydantic import TypeAdapter

from generation.checks import load_standards
from generation.coverage import Row
from generation.meter import Meter
from generation.outcomes import End, Kind
from generation.rows import Work, write_row
from generation.writer import Writer
from hybridtune.calls import Answer, Call, CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.structured import Mode
from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, HybridtuneError
from hybridtune.overlap import HeldOut
from hybridtune.records import Scenario

ROW = TypeAdapter(Row)
NAMESPACE = "hybridtune"


@dataclass(frozen=True)
class Told:
    """What a worker must know; all of it may be read by anybody on the cluster.

    Attributes:
        experiment: as JSON.
        pack: the folder of the domain pack, the same on every machine.
        held_out: the evaluation scenarios, each as JSON: their file may be on one machine only.
        endpoint: where the teacher is, without its key.
        key_variable: the environment variable that holds the key, where there is one.
        structured: how JSON is asked for.
        most: requests that this worker may have under way.
        cache: the name of the cache's actor.
    """

    experiment: str
    pack: Path
    held_out: tuple[str, ...]
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
        held_out = HeldOut(map(Scenario.model_validate_json, told.held_out))
        standards = load_standards(domain, held_out)
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
