"""The stand-ins behind HTTP: answers, refusals, faults on purpose."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hybridtune.domain import load_domain
from hybridtune.scripted.answer import answer
from hybridtune.scripted.server import Faults, scripted_server

ROOT = Path(__file__).resolve().parent.parent
THERAPY = load_domain("therapy")
TALK = [
    {"role": "user", "content": "I have an exam on Friday and I cannot sit down to study."},
    {"role": "assistant", "content": "So the exam is close. What makes it hard to study?"},
]


async def post(url: str, body: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/chat/completions", json=body) as response,
    ):
        return response.status, await response.json()


def request(task: str = "judge", **inputs: Any) -> dict[str, Any]:
    return {
        "model": "scripted",
        "messages": [{"role": "system", "content": "two words"}],
        "seed": 5,
        "hybridtune": {"task": task, "inputs": inputs},
    }


async def test_server_answers_a_real_client() -> None:
    inputs = {"rubric": "empathy_relevance", "messages": TALK}
    async with scripted_server(THERAPY) as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/models") as response:
            assert (await response.json())["data"][0]["id"] == "scripted"
        async with client.get(url.removesuffix("/v1") + "/health") as response:
            assert response.status == 200
        status, reply = await post(url, request(**inputs))
    assert status == 200
    choice = reply["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == answer(THERAPY, "judge", inputs, [], 5)
    assert reply["usage"]["prompt_tokens"] == 2
    assert reply["usage"]["total_tokens"] == 2 + reply["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (request("sing"), "unknown task 'sing'"),
        (request("persona"), "lacks the input 'theme'"),
        (request("persona") | {"hybridtune": {"task": "persona", "inputs": 3}}, "not a request"),
        (request(rubric="absent", messages=[]), "no such file"),
        ({"messages": []}, "not a request for a scripted model"),
        ([1], "not a request for a scripted model"),
    ],
)
async def test_server_refuses_what_it_cannot_answer(body: Any, reason: str) -> None:
    async with scripted_server(THERAPY) as url:
        status, reply = await post(url, body)
    assert status == 400
    assert reason in reply["error"]["message"]


async def test_server_faults() -> None:
    inputs = {"rubric": "ranking", "messages": TALK}
    async with scripted_server(THERAPY, faults=Faults(error_rate=1.0)) as url:
        assert (await post(url, request(**inputs)))[0] == 500
    async with scripted_server(THERAPY, faults=Faults(garble_rate=1.0, latency_ms=1)) as url:
        _, reply = await post(url, request(**inputs))
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply["choices"][0]["message"]["content"])
    outcomes = []
    async with scripted_server(THERAPY, faults=Faults(error_rate=0.5, seed=1)) as url:
        outcomes = [(await post(url, request(**inputs)))[0] for _ in range(12)]
    assert set(outcomes) == {200, 500}


def test_command_says_that_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "hybridtune.scripted", "--domain", "therapy", "--port", port],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
