"""Texts as vectors: what is sent, what is believed of an answer, and what is asked only once."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from fabricated import make_experiment
from fake_server import KEY, Behaviour, FakeServer, failure, fake_server
from rich.console import Console

from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.config import Experiment
from hybridtune.config.servers import EmbedderSettings, Limits
from hybridtune.domain import load_domain
from hybridtune.embedding.embedder import Embedded, Embedder, open_embedder
from hybridtune.embedding.parts import count_words, halves, parts_of
from hybridtune.embedding.store import VectorStore
from hybridtune.embedding.wire import read_vectors
from hybridtune.errors import CallError, ConfigError, ServerError
from hybridtune.progress import Reporter, silent
from hybridtune.runs import Run
from hybridtune.scripted.embedding import embedding
from hybridtune.scripted.server import Faults, scripted_server

HOME = Path(__file__).parent.parent
TEXTS = [f"This is text {number} of them." for number in range(10)]
LONG = " ".join(f"word{number}" for number in range(100))


def item(index: int, *numbers: float, **more: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": list(numbers), **more}


def answer(*items: Any) -> str:
    return json.dumps({"object": "list", "data": items})


def test_vectors_come_in_the_order_of_the_texts_and_with_length_1() -> None:
    rows = read_vectors(answer(item(1, 0, 2), item(0, 3, 4)), 2)
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    without = [{"embedding": [1, 0]}, {"embedding": [0, 1]}]
    assert read_vectors(json.dumps({"data": without}), 2) == pytest.approx(np.eye(2))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>", "not an answer with embeddings"),
        ('{"data": 3}', "not an answer with embeddings"),
        ('{"data": [3, 4]}', "not an answer with embeddings"),
        (answer(item(0, 1, 2)), "1 vectors for 2 texts"),
        (answer(item(0, 1), item(1, 1), item(2, 1)), "3 vectors for 2 texts"),
        (answer(item(0, 1), item(0, 2)), "each index from 0 to 1 must be there once"),
        (answer(item(1, 1), item(2, 2)), "each index from 0 to 1"),
        (answer(item(0, 1), {"index": "1", "embedding": [1]}), "each index"),
        (answer(item(0, 1, 2), item(1, 1)), "vectors of 1 and 2 numbers"),
        (answer(item(0, 1), item(1)), "no vector of numbers for text 1"),
        (answer(item(0, 1), {"index": 1, "embedding": "AACAPw=="}), "no vector of numbers"),
        (answer(item(0, 1, float("nan")), item(1, 1, 1)), "text 0 holds what is no finite"),
        (answer(item(0, 1, 1), item(1, float("inf"), 1)), "text 1 holds what is no finite"),
        (answer(item(0, 1, 1), item(1, True, 1)), "text 1 holds what is no finite"),
        (answer(item(0, 1, 1), item(1, 0, 0.0)), "the vector of text 1 is 0"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_not_believed(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_vectors(text, 2)


def test_parts_hold_every_word_and_end_with_sentences() -> None:
    text = "One two three. Four five!\nSix seven eight nine ten eleven twelve. Thirteen"
    assert parts_of(text, 99) == [text]
    assert parts_of(text, 5) == [
        "One two three. Four five!",
        "Six seven eight nine ten",
        "eleven twelve. Thirteen",
    ]
    for most in range(1, 15):
        found = parts_of(text, most)
        assert " ".join(found).split() == text.split()
        assert max(map(count_words, found)) <= most
    assert parts_of(" \n ", 5) == []
    assert halves("one two three") == ("one", "two three")
    assert halves("abcd") == ("ab", "cd")
    assert halves("a ") is None


async def embeds(request: web.Request, most_words: int = 10**6) -> web.StreamResponse:
    """As a model of three dimensions does that counts three letters; it refuses long texts."""
    body = await request.json()
    longest = max(len(text.split()) for text in body["input"])
    if longest > most_words:
        return failure(400, f"maximum context length is {most_words} tokens, not {longest}")
    found = [item(place, *counted(text)) for place, text in enumerate(body["input"])]
    return web.json_response({"data": found[::-1]})


def counted(text: str) -> tuple[float, ...]:
    return (*(1.0 + text.count(letter) for letter in "e0w"), float(len(text.split())))


def model(
    change: Callable[[web.StreamResponse, int], web.StreamResponse | Awaitable[Any]] | None = None,
    **told: Any,
) -> Behaviour:
    """That model behind a server; `change` may put something else in the place of an answer."""

    async def behave(request: web.Request, server: FakeServer) -> web.StreamResponse:
        reply = await embeds(request, **told)
        changed = change(reply, len(server.bodies)) if change else reply
        assert isinstance(changed, web.StreamResponse)
        return changed

    return behave


def first(*replies: web.Response | str) -> Behaviour:
    """These first, then what the model says."""
    left = list(replies)

    def change(reply: web.StreamResponse, _: int) -> web.StreamResponse:
        if not left:
            return reply
        instead = left.pop(0)
        return web.Response(text=instead) if isinstance(instead, str) else instead

    return model(change)


@asynccontextmanager
async def embedder_of(
    url: str, folder: Path, *, retries: int = 3, most: int = 8, kind: str = "attached", **told: Any
) -> AsyncIterator[Embedder]:
    endpoint = Endpoint(kind, url, "m", Limits(retries=retries, max_concurrency=most), api_key=KEY)
    settings = EmbedderSettings(server="one", **told)
    with CallStore(folder / "calls.sqlite") as calls, VectorStore(folder / "v.sqlite") as store:
        async with aiohttp.ClientSession() as http:
            client = Client(
                http, endpoint, calls, AdaptiveLimiter(most),
                stage="eval", role="embedder", backoff_s=0.01,
            )  # fmt: skip
            yield Embedder(client, store, settings, silent())


async def embedded(
    behave: Behaviour, folder: Path, texts: Sequence[str] = TEXTS, **told: Any
) -> tuple[Embedded, FakeServer]:
    async with (
        fake_server(behave) as server,
        embedder_of(server.url, folder, **told) as embedder,
    ):
        return await embedder.embed(texts), server


async def test_texts_go_in_batches_each_once_and_with_the_prefix(tmp_path: Path) -> None:
    texts = [*TEXTS, TEXTS[3], "", "  "]
    found, server = await embedded(model(), tmp_path, texts, batch_size=4, prefix="query: ")
    assert sorted(len(body["input"]) for body in server.bodies) == [2, 4, 4]
    sent = [text for body in server.bodies for text in body["input"]]
    assert sorted(sent) == sorted(f"query: {text}" for text in TEXTS)
    assert all(body["model"] == "m" for body in server.bodies)
    assert set(server.keys) == {f"Bearer {KEY}"}
    expected = np.array([counted(f"query: {text}") for text in TEXTS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found.rows[:10] == pytest.approx(expected, abs=1e-6)
    assert (found.rows[10] == found.rows[3]).all()
    assert not found.rows[11:].any()
    assert found.counts == {"texts": 12, "in_parts": 0, "halved": 0}


async def test_of_nothing_there_are_no_vectors(tmp_path: Path) -> None:
    found, server = await embedded(model(), tmp_path, [])
    assert found.rows.shape == (0, 1)
    found, server = await embedded(model(), tmp_path, ["", " "])
    assert not found.rows.any()
    assert len(found.rows) == 2
    assert server.bodies == []


async def test_a_resume_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    before, _ = await embedded(model(), tmp_path, TEXTS[:6])
    again, server = await embedded(model(), tmp_path, TEXTS[:6])
    # Another address is another model, for all we know.
    assert [len(body["input"]) for body in server.bodies] == [6]
    async with fake_server(model()) as server, embedder_of(server.url, tmp_path) as embedder:
        await embedder.embed(TEXTS[:6])
        rows = (await embedder.embed(TEXTS)).rows
    async with embedder_of(server.url, tmp_path) as embedder:  # nobody is there any more
        known = (await embedder.embed(TEXTS)).rows
    assert [len(body["input"]) for body in server.bodies] == [6, 4]
    assert (known == rows).all()
    assert (before.rows == again.rows).all()


async def test_what_was_answered_before_a_failure_is_kept(tmp_path: Path) -> None:
    def change(reply: web.StreamResponse, number: int) -> web.StreamResponse:
        return reply if number <= 3 else failure(400, "no such thing")

    async with fake_server(model(change)) as server:
        for _ in range(2):
            async with embedder_of(server.url, tmp_path, batch_size=2, most=1) as embedder:
                with pytest.raises(CallError, match="answered 400: no such thing"):
                    await embedder.embed(TEXTS)
    sent = [body["input"] for body in server.bodies]
    assert sent[:3] == [TEXTS[0:2], TEXTS[2:4], TEXTS[4:6]]
    asked_again = {text for batch in sent[3:] for text in batch}
    assert TEXTS[6] in asked_again
    assert not asked_again & set(TEXTS[:6])


@pytest.mark.parametrize(
    "reply",
    [
        failure(429, "slow down", **{"Retry-After": "0"}),
        failure(503),
        answer(*(item(place, 1.0, float("nan")) for place in range(10))),
        answer(*(item(place, 1.0) for place in range(9))),
        answer(*(item(place % 9, 1.0) for place in range(10))),
        "<html>busy</html>",
    ],
    ids=["429", "503", "nan", "missing", "twice", "html"],
)  # fmt: skip
async def test_what_may_pass_is_tried_again(tmp_path: Path, reply: web.Response | str) -> None:
    found, server = await embedded(first(reply), tmp_path)
    assert len(server.bodies) == 2
    good, _ = await embedded(model(), tmp_path / "good")
    assert (found.rows == good.rows).all()


async def test_a_fault_that_stays_is_one_line_and_keeps_nothing(tmp_path: Path) -> None:
    nothing = answer(*(item(place, 1.0, float("nan")) for place in range(10)))
    with pytest.raises(
        CallError, match=r"embeddings: the vector of text 0 .*after 4 tries"
    ) as told:
        await embedded(first(*[nothing] * 4), tmp_path)
    assert "\n" not in str(told.value)
    with VectorStore(tmp_path / "v.sqlite") as store:
        assert store.database.execute("SELECT COUNT(*) FROM vectors").fetchone() == (0,)


async def test_a_refused_key_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"answered 401: bad \[key\]"):
        await embedded(first(*[failure(401, f"bad {KEY}")] * 9), tmp_path, batch_size=1)


async def test_vectors_of_another_dimension_are_refused(tmp_path: Path) -> None:
    six = answer(*(item(place, *[1.0] * 6) for place in range(2)))
    with pytest.raises(ConfigError, match=r"m gives vectors of \d and of \d numbers"):
        await embedded(first(six), tmp_path, batch_size=2)


async def test_a_text_that_is_too_long_is_taken_in_halves_and_counted(tmp_path: Path) -> None:
    texts = [LONG, *TEXTS]
    found, server = await embedded(model(most_words=30), tmp_path, texts)
    assert found.counts == {"texts": 11, "in_parts": 0, "halved": 1}
    sent = {text for body in server.bodies for text in body["input"]}
    quarters = [" ".join(LONG.split()[start : start + 25]) for start in range(0, 100, 25)]
    assert set(quarters) < sent
    rows = np.array([counted(part) for part in quarters])
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    assert found.rows[0] @ (mean / np.linalg.norm(mean)) == pytest.approx(1, abs=1e-4)
    async with embedder_of(server.url, tmp_path) as embedder:  # the count is kept with the vector
        assert (await embedder.embed(texts)).counts == found.counts


async def test_a_long_text_goes_in_parts_of_our_own(tmp_path: Path) -> None:
    found, server = await embedded(model(), tmp_path, [LONG], max_words=40)
    assert found.counts == {"texts": 1, "in_parts": 1, "halved": 0}
    sent = [text for body in server.bodies for text in body["input"]]
    assert [count_words(text) for text in sent] == [40, 40, 20, 40]  # the last one is the test


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="maximum context length is 0 tokens"):
        await embedded(model(most_words=0), tmp_path, [LONG])


async def test_a_server_that_cuts_in_silence_is_found_out(tmp_path: Path) -> None:
    async def cutting(request: web.Request, _: FakeServer) -> web.StreamResponse:
        texts = (await request.json())["input"]
        cut = [" ".join(text.split()[:50]) for text in texts]
        return web.json_response({"data": [item(n, *counted(text)) for n, text in enumerate(cut)]})

    with pytest.raises(ConfigError, match=r"roles\.embedder\.max_words: m leaves out the end of a"):
        await embedded(cutting, tmp_path, [LONG])
    found, _ = await embedded(cutting, tmp_path / "short", [LONG], max_words=50)
    assert found.counts["in_parts"] == 1


async def test_a_text_with_the_other_end_of_its_own_is_not_cut(tmp_path: Path) -> None:
    found, server = await embedded(model(), tmp_path, ["the gears " * 9 + "slip 0 1"])
    assert found.rows.any()
    assert [len(body["input"]) for body in server.bodies] == [1]


async def test_the_text_with_most_letters_shows_whether_a_server_cuts(tmp_path: Path) -> None:
    async def cutting(request: web.Request, _: FakeServer) -> web.StreamResponse:
        texts = (await request.json())["input"]
        data = [item(n, *counted(text[:500])) for n, text in enumerate(texts)]
        return web.json_response({"data": data})

    short, long = "we go on " * 50, "responsibilities accumulate " * 40
    assert count_words(short) > count_words(long)
    with pytest.raises(ConfigError, match="leaves out the end of a text of 80 words"):
        await embedded(cutting, tmp_path, [short, long])
    found, _ = await embedded(cutting, tmp_path / "good", [short, long], max_words=20)
    assert found.counts["in_parts"] == 2


@pytest.mark.parametrize(
    "text", ["no " * 50, "I do not know. " * 30, "\u4e0d " * 25], ids=["word", "sentence", "sign"]
)
async def test_a_text_that_says_the_same_over_and_over_is_not_taken_for_cut(
    tmp_path: Path, text: str
) -> None:
    async with (
        scripted_server(load_domain("therapy")) as url,
        embedder_of(url, tmp_path, kind="scripted") as embedder,
    ):
        assert (await embedder.embed([text])).counts["halved"] == 0


async def test_a_cut_is_found_out_in_half_precision(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)

    async def cutting(request: web.Request, _: FakeServer) -> web.StreamResponse:
        texts = (await request.json())["input"]
        rows = [embedding(" ".join(text.split()[:50])) for text in texts]
        data = [item(n, *(row * noise.normal(1, 2**-9, 512))) for n, row in enumerate(rows)]
        return web.json_response({"data": data})

    with pytest.raises(ConfigError, match=r"delete vectors\.sqlite of the run folder"):
        await embedded(cutting, tmp_path, [LONG])


EMBED_ALL = """
import asyncio, sys
from pathlib import Path
sys.path.append("tests")
from test_embedding import TEXTS, embedder_of

async def main(url: str, folder: Path) -> None:
    async with embedder_of(url, folder, batch_size=1, most=2) as embedder:
        print((await embedder.embed(TEXTS)).rows.tolist())

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


async def test_kill_9_repeats_at_most_what_was_in_flight(tmp_path: Path) -> None:
    async def slow(request: web.Request, _: FakeServer) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return await embeds(request)

    async with fake_server(slow) as server:
        command = [sys.executable, "-c", EMBED_ALL, server.url, str(tmp_path)]
        killed = await asyncio.create_subprocess_exec(*command, cwd=HOME)
        while len(server.bodies) < 6:
            assert killed.returncode is None
            await asyncio.sleep(0.001)
        killed.kill()
        assert await killed.wait() == -signal.SIGKILL
        again = await asyncio.create_subprocess_exec(
            *command, cwd=HOME, stdout=asyncio.subprocess.PIPE
        )
        rows, _ = await again.communicate()
    assert again.returncode == 0
    assert 0 <= len(server.bodies) - len(TEXTS) <= 2
    whole, _ = await embedded(model(), tmp_path / "whole")
    assert json.loads(rows) == whole.rows.tolist()


async def test_it_says_where_the_words_of_sessions_go(tmp_path: Path) -> None:
    values, domain = make_experiment().model_dump(), load_domain("therapy")
    async with fake_server() as server:
        attached: dict[str, Any] = {"base_url": server.url, "model": "m"}
        for embedder, said in ((attached, f"go to {server.url}"), ({"server": "scripted"}, "")):
            values["roles"]["embedder"] = embedder
            run = Run(tmp_path, Experiment.model_validate(values))
            told = Console(file=StringIO(), width=200)
            async with open_embedder(run, domain, stage="eval", reporter=Reporter(told)):
                assert isinstance(told.file, StringIO)
                assert ("real ones too" in told.file.getvalue()) == bool(said)
                assert said in told.file.getvalue()


async def test_no_more_requests_at_once_than_allowed(tmp_path: Path) -> None:
    async def slow(request: web.Request, _: FakeServer) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        return await embeds(request)

    _, server = await embedded(slow, tmp_path, batch_size=1, most=2)
    assert len(server.bodies) == 10
    assert server.most_open == 2


def test_the_stand_in_sees_shared_letters() -> None:
    one = "I am afraid of losing my job at the bakery."
    copy = "I was afraid to lose my jobs at that bakery."
    other = "The chain jumps off whenever it rains."
    rows = np.array([embedding(text) for text in (one, copy, other, "")])
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(4))
    assert rows[0] @ rows[1] > 0.5 > 0.2 > rows[0] @ rows[2]
    assert embedding(one) == embedding(one.upper())


async def test_the_scripted_server_embeds_through_its_faults(tmp_path: Path) -> None:
    faults = Faults(error_rate=0.3, garble_rate=0.3)
    async with (
        scripted_server(load_domain("therapy"), faults=faults) as url,
        embedder_of(url, tmp_path, kind="scripted", batch_size=1, retries=40) as embedder,
    ):
        found = await embedder.embed(TEXTS)
        assert embedder.description["kind"] == "scripted"
    assert found.rows == pytest.approx(np.array([embedding(text) for text in TEXTS]), abs=1e-6)


@pytest.mark.parametrize(
    "body", [{}, {"input": 3}, {"input": ["a", 3]}, ["input"], {"input": {"a": 1}}]
)
async def test_the_scripted_server_refuses_what_it_cannot_embed(body: Any) -> None:
    async with scripted_server(load_domain("therapy")) as url, aiohttp.ClientSession() as http:
        async with http.post(f"{url}/embeddings", json=body) as response:
            assert response.status == 400
            assert "not a request for embeddings" in await response.text()
        async with http.post(f"{url}/embeddings", json={"input": "a text"}) as response:
            (only,) = (await response.json())["data"]
            assert only["embedding"] == embedding("a text")
