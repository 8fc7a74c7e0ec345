"""The request cache: nothing that was answered is asked again, whatever happens in between."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fake_server import FakeServer, completion, fake_server, slowly

from hybridtune.calls import Answer, Call, CallStore, call_key, content_of, written
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config.servers import Limits, Sampling
from hybridtune.errors import RunError
from hybridtune.records import Message

HOME = Path(__file__).parent.parent
BODY = {"model": "real", "messages": [{"role": "user", "content": "Grüße \U0001f600"}], "seed": 3}
CALL = Call("eval", "judge", "judge", "m", written(BODY))


def client_of(server: FakeServer, http: aiohttp.ClientSession, calls: CallStore) -> Client:
    endpoint = Endpoint("attached", server.url, "m", Limits(retries=0))
    return Client(http, endpoint, calls, AdaptiveLimiter(4), stage="eval", role="patient")


def asking(text: str, **more: Any) -> ChatRequest:
    return ChatRequest((Message(role="user", content=text),), Sampling(), "patient", **more)


def test_the_key_is_the_same_in_every_process() -> None:
    script = (
        "import json, sys; from hybridtune.calls import call_key, content_of, written\n"
        "identity = {'dtype': 'float32', 'adapter': 'a1'}\n"
        "print(call_key(content_of(identity), written(json.loads(sys.argv[1])), 2))"
    )
    identity = {"adapter": "a1", "dtype": "float32"}
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, json.dumps(BODY)],
            cwd=HOME,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == call_key(content_of(identity), written(BODY), 2)


def test_the_key_covers_what_matters() -> None:
    keys = {
        call_key(content_of({"adapter": "a1"}), written(BODY), 0),
        call_key(content_of({"adapter": "a2"}), written(BODY), 0),
        call_key(content_of({"adapter": "a1"}), written(BODY), 1),
        call_key(content_of({"adapter": "a1"}), written(BODY), 0, reask=1),
        call_key(content_of({"adapter": "a1"}), written({**BODY, "seed": 4}), 0),
        call_key(content_of({"adapter": "a1"}), written({**BODY, "model": "hybrid"}), 0),
    }
    assert len(keys) == 6


def test_the_key_tells_the_order_of_a_schema_apart() -> None:
    # Under structured output a model writes the properties in this order: the answer differs.
    asked = [{"schema": {"properties": {a: {}, b: {}}}} for a, b in (("x", "y"), ("y", "x"))]
    one, other = (call_key(content_of({}), written(body), 0) for body in asked)
    assert one != other


def test_the_key_covers_the_content_behind_a_name() -> None:
    def identity(digest: str) -> object:
        served = {"real": {"model": "b", "adapter": digest}, "base": {"model": "b"}}
        return Endpoint("managed", "http://x/v1", "base", Limits(), served).identity("real")

    assert identity("a1") != identity("a2")
    elsewhere = Endpoint("managed", "http://y/v1", "base", Limits(), {"base": {"model": "b"}})
    here = Endpoint("managed", "http://x/v1", "base", Limits(), {"base": {"model": "b"}})
    assert here.identity("base") == elsewhere.identity("base")


async def test_the_first_answer_is_kept(tmp_path: Path) -> None:
    first, second = Answer("first", "stop", 1, 2), Answer("second", "stop", 1, 2)
    with CallStore(tmp_path / "calls.sqlite") as one, CallStore(tmp_path / "calls.sqlite") as two:
        assert one.get("k") is None
        assert await one.keep("k", first, CALL, 0.5) == first
        assert await two.keep("k", second, CALL, 0.5) == first
        assert two.get("k") == first
        assert [(row.calls, row.seconds) for row in two.usage()] == [(1, 0.5)]


async def test_what_was_kept_is_found_at_once_and_by_whoever_opens_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    answers = {
        call_key("{}", str(number), 0): Answer(str(number), "", 1, 2) for number in range(50)
    }
    with CallStore(path) as new:
        assert new.sieve is not None
        for key, answer in answers.items():
            assert await new.find(key) is None
            await new.keep(key, answer, CALL, 0.5)
            assert await new.find(key) == answer
        with CallStore(path) as beside:
            assert [await beside.find(key) for key in answers] == list(answers.values())
    with CallStore(path) as again:
        assert [await again.find(key) for key in answers] == list(answers.values())
        assert await again.find("nobody's") is None


async def test_one_who_opened_the_empty_file_gets_what_others_kept_meanwhile(
    tmp_path: Path,
) -> None:
    first, second = Answer("first", "stop", 1, 2), Answer("second", "stop", 1, 2)
    with CallStore(tmp_path / "calls.sqlite") as one, CallStore(tmp_path / "calls.sqlite") as two:
        await one.keep("k", first, CALL, 0.5)
        # It may ask once more in vain, and from then on knows.
        assert await two.find("k") in {None, first}
        assert await two.keep("k", second, CALL, 0.5) == first
        assert await two.find("k") == first


async def test_answers_of_one_turn_are_committed_together(tmp_path: Path) -> None:
    answers = {f"k{number}": Answer(str(number), "stop", 1, 2) for number in range(5)}
    with CallStore(tmp_path / "calls.sqlite") as one, CallStore(tmp_path / "calls.sqlite") as two:
        commits: list[str] = []
        one.database.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        keeping = [one.keep(key, answer, CALL, 0.5) for key, answer in answers.items()]
        same = one.keep("k0", answers["k1"], CALL, 0.5)
        assert await asyncio.gather(*keeping, same) == [*answers.values(), answers["k0"]]
        assert {key: two.get(key) for key in answers} == answers
        assert len(commits) == 1


async def test_what_waits_for_its_commit_is_written_when_the_cache_closes(tmp_path: Path) -> None:
    with CallStore(tmp_path / "calls.sqlite") as calls:
        keeping = asyncio.ensure_future(calls.keep("k", Answer("a", "stop", 1, 2), CALL, 0.5))
        while not calls.waiting:
            await asyncio.sleep(0)
    assert await keeping == Answer("a", "stop", 1, 2)
    with CallStore(tmp_path / "calls.sqlite") as calls:
        assert calls.get("k") == Answer("a", "stop", 1, 2)


async def test_equal_requests_at_once_get_one_answer(tmp_path: Path) -> None:
    async with fake_server(slowly(0.05)) as server, aiohttp.ClientSession() as http:
        with CallStore(tmp_path / "calls.sqlite") as calls:
            client = client_of(server, http, calls)
            replies = await asyncio.gather(*(client.complete(asking("same")) for _ in range(3)))
            again = await client.complete(asking("same"))
            other = await client.complete(asking("same", sample=1))
    assert len({reply.text for reply in [*replies, again]}) == 1
    assert again.cached
    assert not other.cached
    assert other.text != again.text


async def test_odd_texts_come_back_as_they_were(tmp_path: Path) -> None:
    odd = "Grüße \u2028 \x00 \U0001f600 'quoted'; DROP TABLE calls"

    async def behave(_: web.Request, __: FakeServer) -> web.StreamResponse:
        return completion(odd)

    texts: list[ChatReply] = []
    for _ in range(2):
        async with fake_server(behave) as server, aiohttp.ClientSession() as http:
            server.url = "http://stable/v1" if texts else server.url
            with CallStore(tmp_path / "calls.sqlite") as calls:
                client = client_of(server, http, calls)
                client.endpoint.identities = {"m": {"digest": "d"}}
                texts.append(await client.complete(asking(odd)))
    assert [reply.text for reply in texts] == [odd, odd]
    assert texts[1].cached


def test_what_is_no_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    path.write_text("This is a text file, and surely no database of anybody's." * 20)
    with pytest.raises(RunError, match=r"calls\.sqlite: cannot be used .*not a database"):
        CallStore(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match="unable to open"):
        CallStore(path)


ASK_ALL = """
import asyncio, sys
from pathlib import Path
import aiohttp
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatRequest
from hybridtune.config.servers import Limits, Sampling
from hybridtune.records import Message

async def main(url: str, path: Path, count: int) -> None:
    with CallStore(path) as calls:
        async with aiohttp.ClientSession() as http:
            endpoint = Endpoint("attached", url, "m", Limits())
            client = Client(http, endpoint, calls, AdaptiveLimiter(4), stage="eval", role="judge")
            async def one(number: int) -> None:
                message = Message(role="user", content=f"question {number}")
                await client.complete(ChatRequest((message,), Sampling(), "judge"))
            await asyncio.gather(*(one(number) for number in range(count)))

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
"""


async def test_kill_9_repeats_at_most_what_was_in_flight(tmp_path: Path) -> None:
    """Killed three times at different moments; each kill may cost up to 4 requests, no more."""
    path, count = tmp_path / "calls.sqlite", 60

    async with fake_server(slowly(0.02)) as server:
        command = [sys.executable, "-c", ASK_ALL, server.url, str(path), str(count)]
        for kill_at in (7, 22, 41):
            process = await asyncio.create_subprocess_exec(*command, cwd=HOME)
            while len(server.bodies) < kill_at:
                assert process.returncode is None
                await asyncio.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
            await asyncio.sleep(0.05)
        process = await asyncio.create_subprocess_exec(*command, cwd=HOME)
        assert await process.wait() == 0
        repeated = len(server.bodies) - count
        assert 0 <= repeated <= 3 * 4
        process = await asyncio.create_subprocess_exec(*command, cwd=HOME)
        assert await process.wait() == 0
        assert len(server.bodies) - count == repeated
    database = sqlite3.connect(path)
    assert database.execute("SELECT COUNT(*) FROM calls").fetchone() == (count,)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
