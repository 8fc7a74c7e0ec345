"""An OpenAI-compatible server with every fault that a long run meets, and a count of each.

    python tests/fault_server.py --port 8999 [--latency-ms 50] [--tail-rate 0.02 --tail-ms 1000]

Answers are valid by the request's JSON Schema and depend on the request alone, so that a dataset
does not depend on the faults. Which request is hit depends on the request and on how often it came,
never on the order of arrival. `GET /counts` tells what happened.
"""

import argparse
import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Faults:
    """What goes wrong: rates are shares of the requests."""

    latency_ms: float = 0.0
    tail_rate: float = 0.0
    tail_ms: float = 0.0
    error_rate: float = 0.0
    broken_rate: float = 0.0
    reset_rate: float = 0.0
    most_in_flight: int = 10**9
    retry_after_s: float = 0.2
    hang_at: int = -1


class FaultServer:
    """The server, and what it has seen.

    Attributes:
        counts: requests, answers, faults by kind, `repeated`: requests answered in vain, since
            they had been answered well before, and `busy_us`: microseconds from a request's arrival
            to its answer, over all requests.
        times: when, in seconds of a clock, the first request came and the last answer went, since
            they were last asked for.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.counts: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.answered: set[str] = set()
        self.in_flight = 0
        self.times: tuple[float, float] | None = None

    @property
    def injected(self) -> int:
        """How many faults there were of all kinds; a slow answer is none."""
        return sum(self.counts[kind] for kind in ("error", "broken", "reset", "busy", "hung"))

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """One chat completion, or what comes instead."""
        raw = await request.read()
        number = self.counts["requests"]
        self.counts["requests"] += 1
        self.in_flight += 1
        came = time.perf_counter()
        self.counts["most_in_flight"] = max(self.counts["most_in_flight"], self.in_flight)
        try:
            if self.in_flight > self.faults.most_in_flight:
                self.counts["busy"] += 1
                return refusal(429, {"Retry-After": str(self.faults.retry_after_s)})
            return await self.reply(request, raw, number)
        finally:
            self.in_flight -= 1
            went = time.perf_counter()
            self.times = (self.times[0] if self.times else came, went)
            self.counts["busy_us"] += round(1e6 * (went - came))

    async def reply(self, request: web.Request, raw: bytes, number: int) -> web.StreamResponse:
        """An answer after its latency, unless the dice say otherwise."""
        faults = self.faults
        key = hashlib.sha256(raw).hexdigest()
        self.seen[key] += 1
        drawn = random.Random(f"{key} {self.seen[key]}")
        if number == faults.hang_at:
            self.counts["hung"] += 1
            await asyncio.sleep(3600)
        slow = drawn.random() < faults.tail_rate
        await asyncio.sleep((faults.tail_ms if slow else faults.latency_ms) / 1000)
        fate = drawn.random()
        if fate < faults.error_rate:
            self.counts["error"] += 1
            return refusal(500, {})
        fate -= faults.error_rate
        if fate < faults.reset_rate:
            self.counts["reset"] += 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        fate -= faults.reset_rate
        body = json.loads(raw)
        text, tokens = answer(body, key)
        if fate < faults.broken_rate and "response_format" in body:
            self.counts["broken"] += 1
            text = text[: len(text) // 2] if fate < faults.broken_rate / 2 else '{"other": 1}'
        else:
            self.counts["repeated"] += key in self.answered
            self.answered.add(key)
        self.counts["answers"] += 1
        return completion(text, tokens)


def answer(body: Mapping[str, Any], key: str) -> tuple[str, int]:
    """Nonsense in the asked form, always the same for the same request; and its words."""
    drawn = random.Random(key)
    asked = body.get("response_format")
    if asked is None:
        text = words(drawn)
    else:
        text = json.dumps(instance(asked["json_schema"]["schema"], drawn))
    return text, text.count(" ") + 1


def instance(schema: Mapping[str, Any], drawn: random.Random, place: int = 0) -> Any:
    """Something that satisfies a simple JSON Schema; values of an `enum` in turn in a list."""
    if "enum" in schema:
        return schema["enum"][place % len(schema["enum"])]
    kind = schema.get("type")
    if kind == "object":
        parts = schema.get("properties", {})
        return {name: instance(part, drawn, place) for name, part in parts.items()}
    if kind == "array":
        size = max(schema.get("minItems", 1), schema.get("maxItems", 2) // 2)
        return [instance(schema["items"], drawn, place) for place in range(size)]
    if kind == "integer":
        # A rank that most rubrics would accept.
        return max(schema.get("minimum", 1), schema.get("maximum", 10) - drawn.randrange(3))
    return words(drawn)


def words(drawn: random.Random) -> str:
    """A sentence that nobody has said before."""
    return " ".join(f"w{drawn.randrange(10**6)}" for _ in range(10)) + "."


def completion(text: str, tokens: int) -> web.Response:
    """An answer in the OpenAI API's form."""
    message = {"role": "assistant", "content": text}
    return web.json_response(
        {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": tokens},
        }
    )


def refusal(status: int, headers: dict[str, str]) -> web.Response:
    """An error in the OpenAI API's form."""
    return web.json_response({"error": {"message": "on purpose"}}, status=status, headers=headers)


def application(server: FaultServer) -> web.Application:
    """The routes."""

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "nonsense", "owned_by": "tests"}]})

    async def counts(_: web.Request) -> web.Response:
        first, last = server.times or (0.0, 0.0)
        server.times = None
        return web.json_response({**server.counts, "span_us": round(1e6 * (last - first))})

    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/counts", counts)
    app.router.add_get("/health", models)
    return app


@asynccontextmanager
async def fault_server(faults: Faults) -> AsyncIterator[tuple[FaultServer, str]]:
    """Serve in the running loop, on a free port; yields the server and its base URL."""
    server = FaultServer(faults)
    runner = web.AppRunner(application(server), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for each in fields(Faults):
        kind = type(each.default)
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=kind, default=each.default)
    told = vars(parser.parse_args())
    port = told.pop("port")
    app = application(FaultServer(Faults(**told)))
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
