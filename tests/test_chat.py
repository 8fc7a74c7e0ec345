"""The chat client against a real server that answers, refuses, breaks and lies."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fake_server import (
    KEY,
    Behaviour,
    FakeServer,
    answer,
    completion,
    failure,
    fake_server,
    in_turn,
    slowly,
)

from generation.meter import Meter
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.chat.structured import first_json, parse_json
from hybridtune.chat.wire import error_text, read_answer, seconds_of
from hybridtune.config.servers import Limits, Sampling
from hybridtune.errors import AnswerError, CallError, ServerError
from hybridtune.records import Message
from hybridtune.serving.process import free_port

SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 10}},
    "required": ["score"],
    "additionalProperties": False,
}
GOOD = '{"score": 7}'


@asynccontextmanager
async def client_of(
    server: FakeServer, folder: Path, *, most: int = 8, role: str = "judge", **limits: Any
) -> AsyncIterator[Client]:
    """A client with pauses of milliseconds between its tries."""
    settings = Limits(max_concurrency=most, **{"retries": 3, "timeout_s": 10, **limits})
    endpoint = Endpoint("attached", server.url, "m", settings, api_key=KEY)
    limiter = AdaptiveLimiter(most)
    with CallStore(folder / "calls.sqlite") as calls:
        async with aiohttp.ClientSession() as http:
            yield Client(http, endpoint, calls, limiter, stage="eval", role=role, backoff_s=0.01)


def asking(text: str = "Hello.", **more: Any) -> ChatRequest:
    sampling = Sampling(temperature=0.5, max_tokens=20)
    return ChatRequest((Message(role="user", content=text),), sampling, "judge", **more)


async def ask_once(
    behave: Behaviour, folder: Path, request: ChatRequest | None = None, **limits: Any
) -> tuple[ChatReply | BaseException, FakeServer]:
    """One request to a server of this behaviour; what came of it, and what the server saw."""
    async with fake_server(behave) as server, client_of(server, folder, **limits) as client:
        (outcome,) = await asyncio.gather(
            client.complete(request or asking()), return_exceptions=True
        )
        return outcome, server


async def test_replicas_share_the_requests(tmp_path: Path) -> None:
    async with fake_server(slowly(0.02)) as one, fake_server(slowly(0.02)) as two:
        async with client_of(one, tmp_path, most=8) as client:
            endpoint = replace(client.endpoint, replicas=(two.url,))
            assert endpoint.most == 16
            assert endpoint.identity("m") == client.endpoint.identity("m")
            several = Client(
                client.http, endpoint, client.calls, AdaptiveLimiter(16), stage="eval", role="judge"
            )
            await asyncio.gather(*(several.complete(asking(str(n))) for n in range(64)))
            assert (await client.complete(asking("5"))).cached
        assert min(len(one.bodies), len(two.bodies)) >= 24
        assert len(one.bodies) + len(two.bodies) == 64


async def test_a_replica_that_is_down_costs_retries_and_no_request(tmp_path: Path) -> None:
    async with fake_server() as server, client_of(server, tmp_path) as client:
        endpoint = replace(client.endpoint, replicas=(f"http://127.0.0.1:{free_port()}/v1",))
        several = Client(
            client.http,
            endpoint,
            client.calls,
            AdaptiveLimiter(8),
            stage="eval",
            role="judge",
            backoff_s=0.01,
        )
        replies = await asyncio.gather(*(several.complete(asking(str(n))) for n in range(40)))
    assert len(replies) == len(server.bodies) == 40


async def test_an_answer_and_what_was_sent(tmp_path: Path) -> None:
    request = asking(seed=3, schema=SCHEMA, inputs={"secret": "notes"})
    reply, server = await ask_once(in_turn(GOOD), tmp_path, request)
    assert isinstance(reply, ChatReply)
    assert (reply.data, reply.finish_reason, reply.cached) == ({"score": 7}, "stop", False)
    assert (reply.prompt_tokens, reply.completion_tokens) == (10, 3)
    (body,) = server.bodies
    assert body["messages"] == [{"role": "user", "content": "Hello."}]
    assert (body["model"], body["seed"], body["max_tokens"]) == ("m", 3, 20)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "hybridtune" not in body
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 529])
async def test_what_may_pass_is_tried_again(tmp_path: Path, status: int) -> None:
    reply, server = await ask_once(in_turn(failure(status), failure(status)), tmp_path)
    assert isinstance(reply, ChatReply)
    assert reply.text == "fine"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    "bad",
    [
        "drop",
        web.Response(text="<html>Bad gateway</html>", content_type="text/html"),
        web.Response(text='{"choices": [{"mess', content_type="application/json"),
        web.json_response({"error": {"message": "overloaded"}}),
        web.json_response({"choices": []}),
        web.json_response([1]),
        web.Response(body=b"\xff\xfe\xfa", content_type="application/json", charset="utf-8"),
        completion([{"type": "text", "text": "parts"}]),
        completion("x", usage={"prompt_tokens": "many"}),
    ],
    ids=["drop", "html", "half", "error", "empty", "list", "bytes", "parts", "usage"],
)
async def test_broken_answers_are_tried_again(
    tmp_path: Path, bad: web.StreamResponse | str
) -> None:
    reply, server = await ask_once(in_turn(bad), tmp_path)
    assert isinstance(reply, ChatReply), reply
    assert reply.text == "fine"
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallError),
        (422, CallError),
        (401, ServerError),
        (402, ServerError),
        (403, ServerError),
        (404, ServerError),
    ],
)
async def test_what_cannot_pass_is_not_tried_again(
    tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    outcome, server = await ask_once(in_turn(failure(status, "too\nlong")), tmp_path)
    assert type(outcome) is kind
    assert f"answered {status}: too long" in str(outcome)
    assert len(server.bodies) == 1


async def test_a_request_refused_among_others_is_one_request(tmp_path: Path) -> None:
    behave = in_turn(GOOD, failure(403, "content policy"), GOOD)
    async with fake_server(behave) as server, client_of(server, tmp_path) as client:
        await client.complete(asking("one"))
        with pytest.raises(CallError, match="403: content policy") as caught:
            await client.complete(asking("two"))
        assert not isinstance(caught.value, ServerError)
        await client.complete(asking("three"))
    assert len(server.bodies) == 3


async def test_no_credit_is_not_waited_for(tmp_path: Path) -> None:
    outcome, server = await ask_once(in_turn(failure(429, "insufficient_quota")), tmp_path)
    assert type(outcome) is ServerError
    assert len(server.bodies) == 1


async def test_tries_are_bounded(tmp_path: Path) -> None:
    outcome, server = await ask_once(in_turn(*(failure(500) for _ in range(9))), tmp_path)
    assert type(outcome) is CallError
    assert "answered 500: no, after 4 tries" in str(outcome)
    assert len(server.bodies) == 4
    outcome, server = await ask_once(in_turn(*["drop"] * 9), tmp_path)
    assert type(outcome) is ServerError
    assert len(server.bodies) == 4


async def test_nobody_there(tmp_path: Path) -> None:
    server = FakeServer(url="http://127.0.0.1:9/v1")
    async with client_of(server, tmp_path) as client:
        with pytest.raises(ServerError, match=r"127\.0\.0\.1:9.*after 4 tries"):
            await client.complete(asking())


async def test_slow_answers_time_out(tmp_path: Path) -> None:
    outcome, server = await ask_once(slowly(5), tmp_path, timeout_s=0.05, retries=1)
    assert type(outcome) is CallError
    assert "no answer in 0.05 s, after 2 tries" in str(outcome)
    assert len(server.bodies) == 2


async def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    times: list[float] = []

    async def behave(_: web.Request, __: FakeServer) -> web.StreamResponse:
        times.append(asyncio.get_running_loop().time())
        return failure(429, **{"Retry-After": "0.3"}) if len(times) == 1 else completion("fine")

    reply, _ = await ask_once(behave, tmp_path)
    assert isinstance(reply, ChatReply)
    assert times[1] - times[0] >= 0.3


def test_retry_after_in_all_its_forms() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    assert 25 < (seconds_of(soon) or 0) <= 30
    assert seconds_of(past) == 0
    assert [seconds_of(text) for text in ("2", "-1", "soon", "", None)] == [2, 0, None, None, None]


async def test_concurrency_is_bounded(tmp_path: Path) -> None:
    async with fake_server(slowly(0.01)) as server, client_of(server, tmp_path, most=5) as client:
        replies = await asyncio.gather(*(client.complete(asking(f"{i}")) for i in range(60)))
    assert len(replies) == len(server.bodies) == 60
    assert server.most_open == 5


async def test_concurrency_goes_down_when_the_server_complains(tmp_path: Path) -> None:
    """A server that takes 3 at once and answers 429 beyond: everything is answered in the end."""

    async def behave(request: web.Request, server: FakeServer) -> web.StreamResponse:
        if server.open > 3:
            return failure(429)
        await asyncio.sleep(0.01)
        return await answer(request, server)

    async with (
        fake_server(behave) as server,
        client_of(server, tmp_path, most=64, retries=30) as client,
    ):
        await asyncio.gather(*(client.complete(asking(f"{i}")) for i in range(80)))
        assert client.limiter.size < 8
    assert len(server.bodies) < 80 * 3


async def test_the_limiter_halves_once_per_round_and_recovers() -> None:
    limiter = AdaptiveLimiter(64)
    for _ in range(100):
        limiter.succeed()
    assert limiter.size == 64
    async with limiter as first, limiter as second:
        limiter.back_off(first)
        limiter.back_off(second)
    assert limiter.size == 32
    for _ in range(33):
        limiter.succeed()
    assert 32.9 < limiter.size < 33.1
    for _ in range(20):
        async with limiter as later:
            limiter.back_off(later)
    assert limiter.size == 1


async def test_cancelled_waiters_leave_the_limiter_usable() -> None:
    limiter = AdaptiveLimiter(1)
    reached = asyncio.Event()

    async def hold() -> None:
        async with limiter:
            reached.set()
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hold()) for _ in range(4)]
    await reached.wait()
    for task in tasks[1:]:
        task.cancel()
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5), limiter:
        assert limiter.running == 1
    assert limiter.running == 0


async def test_a_waiter_cancelled_at_its_turn_passes_the_turn_on() -> None:
    limiter = AdaptiveLimiter(1)
    done: list[str] = []

    async def use(name: str) -> None:
        async with limiter:
            done.append(name)

    async with limiter:
        first, second = asyncio.create_task(use("first")), asyncio.create_task(use("second"))
        await asyncio.sleep(0)
    first.cancel()  # it was admitted this very moment
    async with asyncio.timeout(5):
        await asyncio.gather(first, second, return_exceptions=True)
    assert done == ["second"]
    assert limiter.running == 0


async def test_json_is_asked_for_again_with_the_error(tmp_path: Path) -> None:
    behave = in_turn("I think a 7.", '{"score": 70}', completion(GOOD, finish="length"), GOOD)
    reply, server = await ask_once(behave, tmp_path, asking(schema=SCHEMA, reasks=3))
    assert isinstance(reply, ChatReply)
    assert reply.data == {"score": 7}
    told = [body["messages"][-1]["content"] for body in server.bodies[1:]]
    assert "no JSON object" in told[0]
    assert "70 is greater than the maximum of 10" in told[1]
    assert "cut off at the token limit" in told[2]
    assert server.bodies[2]["messages"][-2]["content"] == '{"score": 70}'
    assert [len(body["messages"]) for body in server.bodies] == [1, 3, 3, 3]
    assert (reply.tries, reply.prompt_tokens, reply.completion_tokens) == (4, 40, 12)


async def test_reasks_are_bounded_and_usage_counts_each(tmp_path: Path) -> None:
    async with fake_server(in_turn(*["nonsense"] * 9)) as server:
        async with client_of(server, tmp_path) as client:
            meter = Meter(client)
            with pytest.raises(AnswerError, match=r"judge: no usable answer in 3 tries: .*no JSON"):
                await meter.complete(asking(schema=SCHEMA, seed=5))
            spent = {"calls": 3, "prompt_tokens": 30, "completion_tokens": 9}
            assert meter.spent.counts() == {"judge": spent}
        async with client_of(server, tmp_path, role="patient") as client:
            await client.complete(asking("other"))
            await client.complete(asking("other"))
            usage = {(row.stage, row.role): row for row in client.calls.usage()}
    assert len(server.bodies) == 4
    assert len({body.get("seed") for body in server.bodies}) == 4
    assert usage["eval", "judge"].calls == 3
    assert usage["eval", "judge"].prompt_tokens == 30
    assert usage["eval", "patient"].completion_tokens == 3


@pytest.mark.parametrize(
    "text",
    [GOOD, f"Sure! Here it is:\n```json\n{GOOD}\n```", f"{GOOD}\nI hope that helps.", f" {GOOD}\n"],
)
def test_prose_around_json_is_forgiven(text: str) -> None:
    assert parse_json(text, SCHEMA) == {"score": 7}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("{", "broken"),
        ('{"score": NaN}', "NaN is not a JSON number"),
        ('{"text": "\\ud83d"}', "half a character"),
        ('Score: {"score": Infinity}', "Infinity is not"),
        ('{"score": 11}', "at score: 11 is greater"),
        ('{"score": true}', "not of type 'integer'"),
        ('{"score": 5, "x": 1}', "Additional properties"),
        ("7", "not of type 'object'"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_unusable_json_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text, SCHEMA)


def test_first_json_takes_the_first_object() -> None:
    assert first_json('first {"a": 1} then {"b": 2}') == {"a": 1}


def test_half_a_surrogate_pair_is_replaced() -> None:
    kept = read_answer('{"choices": [{"message": {"content": "so \\ud83d sad"}}]}')
    assert kept is not None
    assert kept.text == "so ? sad"


async def test_the_key_reaches_no_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for status, repeat in ((400, 1), (401, 1), (500, 9), (200, 9)):

        async def echo(
            request: web.Request, _: FakeServer, status: int = status
        ) -> web.StreamResponse:
            header = request.headers["Authorization"]
            plain = web.Response(text=f"{'.' * 280} {header}", status=status)
            as_json = failure(status, f"you sent {header}")
            return plain if status in {200, 400} else as_json

        outcome, server = await ask_once(echo, tmp_path)
        assert isinstance(outcome, CallError | ServerError)
        assert server.keys[0] == f"Bearer {KEY}"
        assert len(server.bodies) == min(repeat, 4)
        told += [str(outcome), repr(outcome)]
    reply, _ = await ask_once(in_turn("fine"), tmp_path, asking("one that is kept"))
    assert isinstance(reply, ChatReply)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"one that is kept" in files
    endpoint = Endpoint("attached", "http://x", "m", Limits(), api_key=KEY)
    said = "".join([*told, caplog.text, *capfd.readouterr(), repr(endpoint)])
    for start in range(0, len(KEY) - 8):
        assert KEY[start : start + 8] not in said
        assert KEY[start : start + 8].encode() not in files


def test_an_escaped_key_is_cut_out_too() -> None:
    assert 'quo"te' not in error_text('oops: {"header": "Bearer quo\\"te"}', 'quo"te')
    assert "quo\\" not in error_text('oops: {"header": "Bearer quo\\"te"}', 'quo"te')


async def test_extra_sampling_and_scripted_inputs_are_sent(tmp_path: Path) -> None:
    async with fake_server() as server, client_of(server, tmp_path) as client:
        client.endpoint.kind = "scripted"
        sampling = Sampling(stop=("END",), extra={"repetition_penalty": 1.1})
        request = ChatRequest(
            (Message(role="user", content="x"),), sampling, "patient", model="hybrid",
            inputs={"persona": {"age": 30}},
        )  # fmt: skip
        await client.complete(request)
    (body,) = server.bodies
    assert body["hybridtune"] == {"task": "patient", "inputs": {"persona": {"age": 30}}}
    assert (body["model"], body["stop"], body["repetition_penalty"]) == ("hybrid", ["END"], 1.1)
