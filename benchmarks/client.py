"""What our client costs over a bare aiohttp loop, against the same server in the same run.

    python -m benchmarks.client [--requests 2000] [--latency-ms 20]

Writes `benchmarks/results/client.json`: requests per second and CPU milliseconds per request of
both, and their ratios. The server is the scripted stand-in in a process of its own.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatRequest
from hybridtune.config.servers import Limits, Sampling
from hybridtune.records import Message
from hybridtune.serving.process import answers, free_port

HOME = Path(__file__).parent.parent
IN_FLIGHT = 64
MESSAGE = Message(role="user", content="I am worried about my exam, and I cannot sleep.")


async def bare(http: aiohttp.ClientSession, url: str, count: int) -> None:
    """The least that a program could do: a semaphore and a POST."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def ask(seed: int) -> None:
        body = {
            "model": "scripted",
            "messages": [MESSAGE.model_dump()],
            "seed": seed,
            "hybridtune": {"task": "counselor", "inputs": {}},
        }
        async with slots, http.post(f"{url}/chat/completions", json=body) as response:
            reply = await response.json()
            assert reply["choices"][0]["message"]["content"]

    await asyncio.gather(*(ask(seed) for seed in range(count)))


async def ours(http: aiohttp.ClientSession, url: str, count: int, folder: Path) -> None:
    """The same through the client: cache, limiter, accounting."""
    limits = Limits(max_concurrency=IN_FLIGHT)
    with CallStore(folder / "calls.sqlite") as calls:
        endpoint = Endpoint("scripted", url, "scripted", limits)
        limiter = AdaptiveLimiter(IN_FLIGHT)
        client = Client(http, endpoint, calls, limiter, stage="benchmark", role="counselor")
        requests = (
            ChatRequest((MESSAGE,), Sampling(), "counselor", seed=seed) for seed in range(count)
        )
        await asyncio.gather(*(client.complete(request) for request in requests))


async def measure(work: Callable[[], Awaitable[None]], count: int) -> dict[str, float]:
    """Wall and CPU time of this process over some work."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"requests_per_s": count / wall, "cpu_ms_per_request": 1000 * cpu / count}


async def compare(url: str, count: int) -> dict[str, dict[str, float]]:
    """Both loops, and what a resume costs, after a warm-up."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        while not await answers(http, url.removesuffix("/v1") + "/health"):
            await asyncio.sleep(0.1)
        await bare(http, url, 200)
        with tempfile.TemporaryDirectory() as name:
            return {
                "bare": await measure(lambda: bare(http, url, count), count),
                "client": await measure(lambda: ours(http, url, count, Path(name)), count),
                "client_resumed": await measure(lambda: ours(http, url, count, Path(name)), count),
            }


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=20)
    arguments = parser.parse_args()
    port = free_port()
    command = [sys.executable, "-m", "hybridtune.scripted", "--domain", "therapy"]
    command += ["--port", str(port), "--latency-ms", str(arguments.latency_ms)]
    server = subprocess.Popen(command, cwd=HOME, stdout=subprocess.DEVNULL)
    try:
        figures = asyncio.run(compare(f"http://127.0.0.1:{port}/v1", arguments.requests))
    finally:
        server.terminate()
        server.wait()
    result = {
        "command": " ".join(["python -m benchmarks.client", *sys.argv[1:]]),
        "hardware": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "in_flight": IN_FLIGHT,
        **figures,
        "wall_ratio": figures["bare"]["requests_per_s"] / figures["client"]["requests_per_s"],
        "cpu_ratio": figures["client"]["cpu_ms_per_request"]
        / figures["bare"]["cpu_ms_per_request"],
    }
    path = HOME / "benchmarks/results/client.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
