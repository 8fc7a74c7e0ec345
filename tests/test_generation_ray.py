"""Rows on the workers of a real Ray cluster on this machine: the same files, whatever dies."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_server import FakeServer, failure, fake_server
from fault_server import Faults, FaultServer, fault_server
from test_generation_faults import STAGE, boats, calls_of, dataset, generated, run_of

from generation.cluster import cluster
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.records import read_json, write_json
from hybridtune.runs import Run

pytest.importorskip("ray", reason="Ray is not installed: pip install 'hybridtune[ray]'")
pytestmark = pytest.mark.slow

LIMITS = {"max_concurrency": 8, "timeout_s": 20}
KEY = "sk-only-for-the-server-1234"
RAY = {"engine": "ray", "ray": {"workers": 2, "cpus_per_worker": 0.5}}


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return boats(tmp_path / "boats")


def workers() -> list[int]:
    """The processes of Ray's workers that run our rows."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::Worker"):
                found.append(int(entry.name))
    return found


async def in_a_process(run: Run, pack: Domain, **env: str) -> asyncio.subprocess.Process:
    """The stage as a process of its own; Ray belongs to it."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STAGE, str(run.path), str(pack.path)),
        cwd=Path(__file__).parent.parent,
        env=os.environ | env,
        stderr=asyncio.subprocess.PIPE if env else None,
    )


async def until(server: FaultServer, answers: int, process: asyncio.subprocess.Process) -> None:
    while server.counts["answers"] < answers:
        assert process.returncode is None, "the stage ended too early"
        await asyncio.sleep(0.01)


async def expected(url: str, tmp_path: Path, pack: Domain, rows: int) -> tuple[Any, int]:
    local = run_of(tmp_path / "local", url, LIMITS, sessions=rows)
    return await generated(local, pack), calls_of(local)


async def test_a_killed_worker_loses_no_row_and_doubles_none(pack: Domain, tmp_path: Path) -> None:
    rows = 40
    async with fault_server(Faults(latency_ms=40)) as (server, url):
        files, needed = await expected(url, tmp_path, pack, rows)
        server.counts.clear()
        server.answered.clear()
        run = run_of(tmp_path / "run", url, LIMITS, sessions=rows, **RAY)
        process = await in_a_process(run, pack)
        await until(server, needed // 2, process)
        victim = workers()[0]
        os.kill(victim, signal.SIGKILL)
        assert await process.wait() == 0
        assert server.counts["requests"] <= needed + LIMITS["max_concurrency"]
        assert server.counts["repeated"] <= LIMITS["max_concurrency"]
    assert dataset(run) == files
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts == {kind: {"asked": rows, "written": rows, "failed": 0} for kind in counts}
    assert not workers()


async def test_a_killed_driver_goes_on_where_it_was(pack: Domain, tmp_path: Path) -> None:
    rows = 24
    async with fault_server(Faults(latency_ms=40)) as (server, url):
        files, needed = await expected(url, tmp_path, pack, rows)
        server.counts.clear()
        server.answered.clear()
        run = run_of(tmp_path / "run", url, LIMITS, sessions=rows, **RAY)
        process = await in_a_process(run, pack)
        await until(server, needed // 2, process)
        process.kill()
        await process.wait()
        for _ in range(200):  # Ray's processes notice that their driver is gone
            if not workers():
                break
            await asyncio.sleep(0.1)
        assert not workers()
        again = await in_a_process(run, pack)
        assert await again.wait() == 0
        # The cache dies with the driver, the workers a moment later: besides what was in flight,
        # each of them loses the answers that were on their way to the cache.
        assert server.counts["repeated"] <= 2 * LIMITS["max_concurrency"]
    assert dataset(run) == files


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with (
        pytest.raises(StageError, match="run this on a machine of the cluster"),
        cluster("ray://127.0.0.1:1", 1),
    ):
        pass
    code = "from generation.cluster import cluster\nwith cluster('auto', 1):\n    pass"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"RAY_ADDRESS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StageError: generation.ray.address: no cluster at auto" in done.stderr


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A place for Ray's files: the paths of its sockets may have no more than 107 characters."""
    with tempfile.TemporaryDirectory(prefix="r") as name:
        yield Path(name)


async def test_the_key_reaches_the_server_and_nothing_else(
    pack: Domain, tmp_path: Path, short_path: Path
) -> None:
    async def refuse(request: web.Request, _: FakeServer) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": "m"}]})
        return failure(401, "who are you?")

    async with fake_server(refuse) as server:
        run = run_of(tmp_path / "run", server.url, LIMITS, sessions=3, **RAY)
        told = read_json(run.path / "experiment.json")
        told["servers"]["bad"]["api_key_env"] = "TEACHER_KEY"
        write_json(run.path / "experiment.json", told)
        process = await in_a_process(run, pack, TEACHER_KEY=KEY, RAY_TMPDIR=str(short_path))
        _, said = await process.communicate()
    assert process.returncode == 1
    assert "ServerError" in said.decode()
    assert "answered 401: who are you?" in said.decode()
    assert f"Bearer {KEY}" in server.keys
    places = (tmp_path, short_path)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any("ray" in path.parts for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
