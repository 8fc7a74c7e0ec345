"""A vLLM process that we own: started, watched until healthy, and stopped without a trace.

Writes the server's output to `runs/<name>/logs/<server>.log`.
"""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from hybridtune import guard
from hybridtune.errors import CallError, ServerError, StageError
from hybridtune.progress import Reporter
from hybridtune.serving.remedies import remedy, telling_lines

# Nothing that we start calls home, and what is on the disk is enough unless the user says more.
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Exported for another server, a key would lock us out of our own. Empty means none.
    "VLLM_API_KEY": "",
}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody holds right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_port(port: int, where: str) -> None:
    """Refuse a port that is in use, before a server takes minutes to find out.

    Raises:
        ServerError: somebody listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise ServerError(f"{where}: port {port} needs root; choose one above 1023") from None
        except OSError:
            free = ", leave it out for a free one" if where.startswith("servers.") else ""
            raise ServerError(
                f"{where}: port {port} of 127.0.0.1 is in use (choose another{free}, or end the "
                "process that holds it)"
            ) from None


@asynccontextmanager
async def running_server(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    env: Mapping[str, str],
    timeout_s: float,
    reporter: Reporter,
) -> AsyncIterator[str]:
    """Start a server, wait until it is healthy, yield its `/v1` address, and stop it.

    Raises:
        ServerError: it ended, now or while the block ran, or was not healthy in time; with its
            log's last useful lines.
    """
    start = log.stat().st_size if log.exists() else 0
    process = guard.start(command, log=log, env={**ENVIRONMENT, **env})
    try:
        with reporter.task(f"starting {name}"):
            await until_healthy(name, process, port, log, start, timeout_s)
        async with no_longer_than(process, lambda code: failure(ended(name, code), log, start)):
            yield f"http://127.0.0.1:{port}/v1"
    finally:
        guard.stop(process)


def ended(name: str, code: int) -> str:
    """What to say of a server that left its post."""
    return f"{name} ended while it was serving (exit code {code})"


@asynccontextmanager
async def no_longer_than(
    process: "subprocess.Popen[bytes]", told: Callable[[int], str]
) -> AsyncIterator[None]:
    """End the block as soon as a process ends: nobody waits, or tries again, for a dead server.

    As in `asyncio.timeout`, the block's task is cancelled, and the cancellation taken back.
    """
    task = asyncio.current_task()
    assert task is not None
    before, cancelled = task.cancelling(), False

    async def watch() -> None:
        nonlocal cancelled
        while process.poll() is None:
            await asyncio.sleep(0.2)
        cancelled = task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except (asyncio.CancelledError, ServerError, CallError, StageError) as error:
        code = process.poll()
        if cancelled and task.uncancel() > before:  # somebody else wants the task ended, too
            raise
        if code is None or (isinstance(error, asyncio.CancelledError) and not cancelled):
            raise
        raise ServerError(told(code)) from error
    finally:
        watcher.cancel()


async def until_healthy(
    name: str,
    process: "subprocess.Popen[bytes]",
    port: int,
    log: Path,
    start: int,
    timeout_s: float,
) -> None:
    """Poll `/health` until it answers."""
    deadline = time.monotonic() + timeout_s
    async with aiohttp.ClientSession() as http:
        while True:
            if (code := process.poll()) is not None:
                raise ServerError(failure(f"{name} did not start (exit code {code})", log, start))
            if await answers(http, f"http://127.0.0.1:{port}/health"):
                return
            if time.monotonic() > deadline:
                what = f"{name} was not ready in {timeout_s:g} s (servers.{name}.start_timeout_s)"
                raise ServerError(failure(what, log, start))
            await asyncio.sleep(0.25)


async def answers(http: aiohttp.ClientSession, url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        async with http.get(url, timeout=aiohttp.ClientTimeout(total=5)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def failure(what: str, log: Path, start: int) -> str:
    """What to tell about a server that failed: reason, last useful lines, remedy, log."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    advice = remedy(f"{what}\n{text}")
    lines = [what, *(f"    {line}" for line in telling_lines(text))]
    if advice:
        lines.append(f"  likely remedy: {advice}")
    return "\n".join([*lines, f"  full log: {log}"])
