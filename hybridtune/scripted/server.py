"""An OpenAI-compatible server in front of the stand-ins, with faults on demand.

    POST /v1/chat/completions   body as in the OpenAI API, with `"hybridtune": {"task", "inputs"}`
    POST /v1/embeddings         body as in the OpenAI API, `input` a text or a list of texts
    GET  /v1/models             the one model, "scripted"
    GET  /health                200

Faults are for tests and drills: answers of HTTP 500, broken JSON, and latency; all seeded.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.records import Message
from hybridtune.scripted.answer import answer
from hybridtune.scripted.embedding import embedding
from hybridtune.scripted.text import seeded

MODEL = "scripted"
MAX_BODY_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Faults:
    """What goes wrong on purpose."""

    error_rate: float = 0.0
    """Share of requests answered with HTTP 500."""
    garble_rate: float = 0.0
    """Share of answers whose text is cut in the middle."""
    latency_ms: float = 0.0
    """Mean wait before an answer, in milliseconds; each waits between half and one and a half."""
    seed: int = 0
    """Seeds the choice of requests, which follows their order of arrival."""


def make_app(domain: Domain, faults: Faults | None = None) -> web.Application:
    """The application, for any aiohttp runner."""
    faults = faults or Faults()
    rng = seeded("faults", faults.seed)

    async def completions(request: web.Request) -> web.Response:
        return await complete(request, domain, faults, rng)

    async def embeddings(request: web.Request) -> web.Response:
        return await embed(request, faults, rng)

    async def models(_: web.Request) -> web.Response:
        listed = [{"id": MODEL, "object": "model", "owned_by": "hybridtune"}]
        return web.json_response({"object": "list", "data": listed})

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/v1/chat/completions", completions)
    app.router.add_post("/v1/embeddings", embeddings)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/health", health)
    return app


async def complete(
    request: web.Request, domain: Domain, faults: Faults, rng: random.Random
) -> web.Response:
    """Answer one chat completion."""
    failed, garbled = await fault(faults, rng)
    if failed:
        return failed
    try:
        body = await request.json()
        extra = body["hybridtune"]
        messages = [Message.model_validate(message) for message in body["messages"]]
        text = answer(domain, extra["task"], extra.get("inputs", {}), messages, body.get("seed"))
    except DataError as problem:
        return refusal(str(problem), 400)
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return refusal(f"not a request for a scripted model: {what}", 400)
    if garbled:
        text = text[: len(text) // 2]
    return web.json_response(completion(text, messages))


async def embed(request: web.Request, faults: Faults, rng: random.Random) -> web.Response:
    """Answer one request for embeddings."""
    failed, garbled = await fault(faults, rng)
    if failed:
        return failed
    try:
        asked = (await request.json())["input"]
    except (KeyError, TypeError, ValueError) as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return refusal(f"not a request for embeddings: {what}", 400)
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return refusal("not a request for embeddings: input is no text and no list of texts", 400)
    count = sum(len(text.split()) for text in texts)
    data = [
        {"object": "embedding", "index": place, "embedding": embedding(text)}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": count, "total_tokens": count}
    text = json.dumps({"object": "list", "model": MODEL, "data": data, "usage": usage})
    return web.Response(
        text=text[: len(text) // 2] if garbled else text, content_type="application/json"
    )


async def fault(faults: Faults, rng: random.Random) -> tuple[web.Response | None, bool]:
    """Wait as long as a request must; its failure, if one is due, and whether to garble it."""
    error, garble, wait = rng.random(), rng.random(), rng.uniform(0.5, 1.5)
    if faults.latency_ms:
        await asyncio.sleep(faults.latency_ms / 1000 * wait)
    failed = error < faults.error_rate
    return (
        refusal("an error on purpose", 500, "server_error") if failed else None,
        garble < faults.garble_rate,
    )


def completion(text: str, messages: list[Message]) -> dict[str, Any]:
    """The answer in the OpenAI API's form; words count as tokens."""
    prompt, answered = sum(len(each.content.split()) for each in messages), len(text.split())
    message = {"role": "assistant", "content": text}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answered,
            "total_tokens": prompt + answered,
        },
    }


def refusal(what: str, status: int, kind: str = "invalid_request_error") -> web.Response:
    """An error in the OpenAI API's form."""
    error = {"message": what, "type": kind, "code": status}
    return web.json_response({"error": error}, status=status)


@asynccontextmanager
async def scripted_server(
    domain: Domain, port: int = 0, *, faults: Faults | None = None
) -> AsyncIterator[str]:
    """Serve within the running event loop; yields the base URL, up to and including `/v1`.

    Args:
        domain: the pack that the stand-ins speak from.
        port: port on 127.0.0.1; 0 for a free one.
        faults: what goes wrong on purpose.
    """
    runner = web.AppRunner(make_app(domain, faults), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        bound = runner.addresses[0][1]
        yield f"http://127.0.0.1:{bound}/v1"
    finally:
        await runner.cleanup()
