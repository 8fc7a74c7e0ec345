"""Transcripts without speakers, put to a configured model, a few at a time.

The model sees de-identified words only, and what it says is never used before a person approves.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from corpus.attribution import attribute_by_model
from corpus.marks import Attempt
from corpus.prepare import Prepared
from hybridtune.chat.model import ChatModel
from hybridtune.config.servers import Sampling
from hybridtune.domain import Domain
from hybridtune.errors import CallError
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.serving.models import open_models

AT_ONCE = 16
Take = Callable[[Prepared, Attempt | str], None]
Attribute = Callable[[Iterable[Prepared], Take], None]
"""Asks a model who speaks; hands each back with the attempt, or why there is none."""


def asking(run: Run, domain: Domain, role: str, reporter: Reporter) -> Attribute:
    """How a role's model is asked; its server starts when the first question comes."""
    sampling: Sampling = getattr(run.experiment.roles, role).sampling

    async def ask(waiting: Iterable[Prepared], take: Take) -> None:
        async with open_models(run, domain, [role], stage="corpus", reporter=reporter) as models:
            asker = Asker(models[role], domain, sampling, run.experiment.seed)
            await asker.ask_all(waiting, take)

    return lambda waiting, take: asyncio.run(ask(waiting, take))


class Asker:
    """One model and how it is asked."""

    def __init__(self, model: ChatModel, domain: Domain, sampling: Sampling, seed: int) -> None:
        self.model, self.domain = model, domain
        self.sampling, self.seed = sampling, seed

    async def ask_all(self, waiting: Iterable[Prepared], take: Take) -> None:
        """Ask about each, in order, holding no more than a few at once."""
        asked: deque[tuple[Prepared, asyncio.Task[Attempt | str]]] = deque()
        async with asyncio.TaskGroup() as group:
            for each in waiting:
                asked.append((each, group.create_task(self.ask(each))))
                if len(asked) >= AT_ONCE:
                    first, task = asked.popleft()
                    take(first, await task)
            for each, task in asked:
                take(each, await task)

    async def ask(self, waiting: Prepared) -> Attempt | str:
        """One transcript's attempt, or why there is none."""
        assert waiting.pending is not None
        try:
            return await attribute_by_model(
                self.model,
                self.domain,
                waiting.pending.utterances,
                sampling=self.sampling,
                seed=self.seed,
            )
        except CallError as error:
            return f"no speakers, and the model gave no answer: {error}"
