"""A real local HTTP server that behaves as badly as a test wants, and counts what it sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-SECRET/0123456789abcdefghij"


@dataclass
class FakeServer:
    """What a server saw: bodies and headers in order, and how many requests were open at once."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    open: int = 0
    most_open: int = 0


Behaviour = Callable[[web.Request, FakeServer], Awaitable[web.StreamResponse]]


def completion(text: Any, *, finish: str = "stop", **more: Any) -> web.Response:
    """A chat completion as OpenAI-compatible servers write it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    return web.json_response(
        {"choices": [choice | {"finish_reason": finish}], "usage": usage} | more
    )


def failure(status: int, message: str = "no", **headers: str) -> web.Response:
    """An error as OpenAI-compatible servers write it."""
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


async def answer(_: web.Request, server: FakeServer) -> web.StreamResponse:
    """Say how many requests came before this one."""
    return completion(f"answer {len(server.bodies)}")


def in_turn(*replies: web.StreamResponse | str) -> Behaviour:
    """The given replies in order, then plain answers; "drop" closes the connection."""
    left = list(replies)

    async def behave(request: web.Request, _: FakeServer) -> web.StreamResponse:
        reply = left.pop(0) if left else completion("fine")
        if reply == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return completion(reply) if isinstance(reply, str) else reply

    return behave


def slowly(seconds: float) -> Behaviour:
    """An answer after a while."""

    async def behave(request: web.Request, server: FakeServer) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await answer(request, server)

    return behave


@asynccontextmanager
async def fake_server(behave: Behaviour = answer) -> AsyncIterator[FakeServer]:
    """Serve `/v1/chat/completions` and everything else on a free port."""
    server = FakeServer()

    async def handle(request: web.Request) -> web.StreamResponse:
        server.bodies.append(await request.json() if request.can_read_body else {})
        server.keys.append(request.headers.get("Authorization"))
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        try:
            return await behave(request, server)
        finally:
            server.open -= 1

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()
