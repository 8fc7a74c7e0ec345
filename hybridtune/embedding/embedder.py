"""Texts in, vectors out: from the cache, else from the server that answers for `roles.embedder`.

Reads and writes `vectors.sqlite` of the run folder. Requests pass through the same client as chat
completions do, with its retries and its adaptive concurrency.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json
from rich.markup import escape

from hybridtune.calls import content_of
from hybridtune.chat.client import Client
from hybridtune.config.experiment import EMBEDDER
from hybridtune.config.servers import AttachedServer, EmbedderSettings
from hybridtune.domain import Domain
from hybridtune.embedding.parts import WORD, count_words, halves, parts_of
from hybridtune.embedding.store import Kept, VectorStore, vector_key
from hybridtune.embedding.wire import read_vectors
from hybridtune.errors import CallError, ConfigError
from hybridtune.progress import Reporter, Task
from hybridtune.runs import Run
from hybridtune.serving.models import open_models

Array = NDArray[np.float64]
REFUSING = frozenset({400, 413, 422})
"""Statuses by which servers refuse a text that is longer than their model takes."""
TOO_LONG = re.compile(r"too (long|large|many)|maximum|max_|context|exceed|length", re.IGNORECASE)
LEAST_LETTERS = 16
"""A server that refuses even this little refuses for another reason."""
TELLING_WORDS = 20
"""A text must have so many words for the test whether the server reads it to its end."""
UNREAD = 1e-5
"""Two vectors whose cosine is nearer to 1 than this are of the same words. Measured on a BERT of
six layers: in half precision the same words in another batch are up to 1e-5 from it, and a last
tenth of other words is 2e-5 and more even with random weights."""
NOTHING = 1e-6
"""A mean of vectors shorter than this has no direction."""


@dataclass(frozen=True)
class Embedded:
    """The vectors of some texts.

    Attributes:
        rows: one for each text, of length 1; 0 for a text without words.
        counts: different `texts`; those embedded in parts, as they have more than `max_words`
            (`in_parts`); parts that the model found too long and were halved (`halved`).
    """

    rows: Array
    counts: dict[str, int]


class Embedder:
    """Embeds texts of any length; a model is asked once for each text."""

    def __init__(
        self, client: Client, store: VectorStore, settings: EmbedderSettings, reporter: Reporter
    ) -> None:
        self.client, self.store, self.settings, self.reporter = client, store, settings, reporter
        self.model = client.endpoint.model
        self.dimensions: int | None = None

    @property
    def description(self) -> dict[str, Any]:
        """What records say of the model: its kind, name and identity."""
        return self.client.description

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of these texts.

        A text of several parts has the mean of their vectors, weighted by their words.

        Raises:
            CallError: the server could not embed a text for good; names the reason.
            ServerError: it cannot be reached or refuses us.
            ConfigError: it cuts long texts in silence, or its vectors do not fit each other.
        """
        taken = {text: parts_of(text, self.settings.max_words) for text in dict.fromkeys(texts)}
        parts = list(dict.fromkeys(part for each in taken.values() for part in each))
        longest = telling(parts)
        other = with_another_end(longest)
        vectors = await self._vectors(list(dict.fromkeys(filter(None, [*parts, other]))))
        # A text that ends as the other one does, by chance, would look like one that is cut.
        if other != longest and vectors[longest].parts == 1:
            self._check_reads_to_the_end(longest, vectors[longest], vectors[other])
        rows = {text: mean_of(each, vectors) for text, each in taken.items() if each}
        nothing = np.zeros(self.dimensions or 1)
        counts = {
            "texts": len(taken),
            "in_parts": sum(len(each) > 1 for each in taken.values()),
            "halved": sum(vectors[part].parts > 1 for part in parts),
        }
        whole = np.array([rows.get(text, nothing) for text in texts])
        return Embedded(whole.reshape(len(texts), len(nothing)), counts)

    def _check_reads_to_the_end(self, text: str, whole: Kept, other: Kept) -> None:
        """A text and the same with another end must not look the same to the model."""
        if 1 - float(whole.vector @ other.vector) < UNREAD:
            count = count_words(text)
            raise ConfigError(
                f"{self.model} leaves out the end of a text of {count} words in silence",
                where="roles.embedder.max_words",
                fix=f"set it below {count}; or serve the model with a longer context, and delete"
                " vectors.sqlite of the run folder",
            )

    async def _vectors(self, parts: Sequence[str]) -> dict[str, Kept]:
        """The vector of each part, from the cache or, in batches, from the server."""
        content = content_of(self.client.endpoint.identity(self.model))
        keys = {part: vector_key(content, self.settings.prefix + part) for part in parts}
        known = self.store.find(keys.values())
        self._check_dimensions(known.values())
        missing = [part for part, key in keys.items() if key not in known]
        size = self.settings.batch_size
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        with self.reporter.task("embeddings", total=len(keys)) as task:
            task.skip(len(known))

            async def fill(batch: Sequence[str]) -> None:
                fresh = await self._fresh(batch)
                self._check_dimensions(fresh)
                named = [(keys[part], kept) for part, kept in zip(batch, fresh, strict=True)]
                await self.store.keep(self.model, named)
                known.update(named)
                advance(task, len(batch))

            await together([fill(batch) for batch in batches])
        return {part: known[key] for part, key in keys.items()}

    async def _fresh(self, texts: Sequence[str]) -> list[Kept]:
        """From the server; a text that is too long for the model is taken in halves."""
        sent = [self.settings.prefix + text for text in texts]
        body = {"model": self.model, "input": sent, "encoding_format": "float"}
        try:
            read = partial(read_vectors, count=len(texts))
            rows = await self.client.send("embeddings", to_json(body), read)
            return [Kept(row, 1) for row in rows]
        except CallError as error:
            if error.status not in REFUSING or not TOO_LONG.search(str(error)):
                raise
            middle = len(texts) // 2
            if middle:
                some = await together([self._fresh(texts[:middle]), self._fresh(texts[middle:])])
                return [kept for each in some for kept in each]
            two = halves(texts[0])
            if two is None or len(texts[0]) < LEAST_LETTERS:
                raise
        found = [kept for half in two for kept in await self._fresh([half])]
        weights = [max(1, count_words(half)) for half in two]
        whole = mean([kept.vector for kept in found], weights).astype(np.float32)
        return [Kept(whole, sum(kept.parts for kept in found))]

    def _check_dimensions(self, found: Iterable[Kept]) -> None:
        """All vectors of one model have as many numbers."""
        for kept in found:
            self.dimensions = self.dimensions or len(kept.vector)
            if len(kept.vector) != self.dimensions:
                raise ConfigError(
                    f"{self.model} gives vectors of {self.dimensions} and of {len(kept.vector)}"
                    " numbers",
                    where="roles.embedder",
                    fix="it serves another model than before, or another in each replica: give"
                    " each its name, and delete vectors.sqlite of the run folder",
                )


def telling(parts: Iterable[str]) -> str:
    """The part with the most letters, so perhaps the most tokens, of those with enough words."""
    enough = [part for part in parts if count_words(part) >= TELLING_WORDS]
    return max(enough, key=len, default="")


def with_another_end(text: str) -> str:
    """The text with numbers for the words of its last tenth: who reads so far sees another text.

    Without these words alone, a text that says the same over and over would often be the same.
    """
    words = WORD.findall(text)
    count = len(words) // 10
    return "".join(words[: len(words) - count]) + " ".join(map(str, range(count)))


def mean_of(parts: Sequence[str], vectors: Mapping[str, Kept]) -> Array:
    """The mean of the parts' vectors by their words."""
    return mean([vectors[part].vector for part in parts], [count_words(part) for part in parts])


def mean(vectors: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> Array:
    """The weighted mean of vectors of length 1, brought to length 1; 0 where they cancel out."""
    summed = np.average(np.array(vectors, dtype=np.float64), axis=0, weights=weights)
    length = float(np.linalg.norm(summed))
    made: Array = summed / length if length > NOTHING else np.zeros_like(summed)
    return made


def advance(task: Task, count: int) -> None:
    """Count some rows of a task."""
    for _ in range(count):
        task.advance()


async def together(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all of it at once; where one fails, the rest is ended and waited for."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_embedder(
    run: Run, domain: Domain, *, stage: str, reporter: Reporter
) -> AsyncIterator[Embedder]:
    """Start or reach the server behind `roles.embedder`, which must be there; stop it afterwards.

    Says where the words of sessions go, where that is an endpoint that is not ours.

    Raises:
        ServerError: it did not start or cannot be reached.
        ConfigError: its key's environment variable is not set.
    """
    tell_where(run, "the words of sessions, real ones too,", reporter)
    async with open_models(run, domain, [EMBEDDER], stage=stage, reporter=reporter) as models:
        with embedding(run, models[EMBEDDER], reporter) as embedder:
            yield embedder


@contextmanager
def embedding(run: Run, client: Client, reporter: Reporter) -> Iterator[Embedder]:
    """The embedder of a run, which must have one, by a client that is open beside others."""
    settings = run.experiment.roles.embedder
    assert settings is not None
    with VectorStore(run.vectors) as store:
        yield Embedder(client, store, settings, reporter)


def tell_where(run: Run, what: str, reporter: Reporter) -> None:
    """Say where texts go, where that is an endpoint that is not ours.

    Args:
        run: has an embedder.
        what: the texts, as the subject of "go".
        reporter: who is told.
    """
    server = run.experiment.server_of(EMBEDDER)
    if isinstance(server, AttachedServer):
        reporter.say(f"[yellow]embedder:[/] {what} go to {escape(server.base_url)}")
