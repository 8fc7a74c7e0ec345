"""Managed servers: the command line, the process and its failures, told at once and with advice."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fake_server import KEY, FakeServer, failure, fake_server

from hybridtune import guard
from hybridtune.chat.client import Endpoint
from hybridtune.config.servers import AttachedServer, Limits
from hybridtune.errors import CallError, ConfigError, DataError, InputError, ServerError, StageError
from hybridtune.progress import silent
from hybridtune.serving.command import (
    Served,
    check_adapter_base,
    flags,
    served_rank,
    vllm_command,
)
from hybridtune.serving.models import SPEED_ONLY, check_attached, with_model
from hybridtune.serving.process import check_port, free_port, running_server
from hybridtune.serving.remedies import remedy, telling_lines

# A stand-in for vLLM: writes its process id, then does as it is told.
SERVER = """
import http.server, os, socketserver, subprocess, sys, time
port, behaviour = int(sys.argv[1]), sys.argv[2]
print("INFO starting, an error-free line", flush=True)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print("key", repr(os.environ["VLLM_API_KEY"]), flush=True)
print("pids", os.getpid(), worker.pid, flush=True)
if behaviour == "fails":
    print("(EngineCore pid=9) ERROR 11-21 08:00:00 [core.py:1] Traceback (most recent call last):")
    print('(EngineCore pid=9) ERROR 11-21 08:00:00 [core.py:1]   File "core.py", line 1, in run')
    print("(EngineCore pid=9) ERROR 11-21 08:00:00 [core.py:1] ValueError: User-specified "
          "max_model_len (99999) is greater than the derived max_model_len (2048)")
    sys.exit(1)
if behaviour == "killed":
    os.kill(os.getpid(), 9)
if behaviour == "hangs":
    print("RuntimeError: waiting for a device that never comes", flush=True)
    time.sleep(300)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def adapter(folder: Path, **config: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def server_of(log: Path, behaviour: str, port: int, timeout_s: float = 20) -> Any:
    return running_server(
        "vllm",
        [sys.executable, "-c", SERVER, str(port), behaviour],
        port=port,
        log=log,
        env={},
        timeout_s=timeout_s,
        reporter=silent(),
    )


def test_data_parallelism_is_a_matter_of_configuration() -> None:
    options = {"data_parallel_size": 2, "tensor_parallel_size": 2}
    served = Served("some/model", ("base",))
    line = " ".join(vllm_command(served, port=8001, options=options))
    assert "--data-parallel-size 2 --tensor-parallel-size 2" in line
    # Copies of the model answer alike: what was answered by one is not asked for again.
    assert options.keys() <= SPEED_ONLY


def left_alive(log: Path) -> set[int]:
    words = next(line for line in log.read_text().splitlines() if line.startswith("pids")).split()
    return {int(word) for word in words[1:]} & set(guard.processes())


def test_one_command_serves_all_variants(tmp_path: Path) -> None:
    adapters = {
        "real": adapter(tmp_path / "with space" / "real", r=8),
        "hybrid": adapter(tmp_path / "hybrid", r=24),
    }
    served = Served("some/model", ("base",), "abc", "float32", adapters)
    command = vllm_command(served, port=8001, options={"max-model-len": 4096, "dtype": "auto"})
    line = " ".join(command)
    assert command[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert "--model some/model --served-model-name base" in line
    modules = command[command.index("--lora-modules") + 1 :][:2]
    assert [json.loads(module) for module in modules] == [
        {"name": name, "path": str(folder)} for name, folder in adapters.items()
    ]
    assert "--enable-lora --max-loras 3 --max-lora-rank 32" in line
    assert "--host 127.0.0.1 --port 8001 --dtype auto --generation-config vllm" in line
    assert "--revision abc" in line
    assert "--max-model-len 4096" in line
    assert line.count("--dtype") == 1


def test_a_model_without_adapters_is_served_without_lora() -> None:
    line = " ".join(vllm_command(Served("m", ("m",)), port=1, options={}))
    assert "lora" not in line
    assert "--revision" not in line


def test_a_model_that_embeds_is_served_by_the_pooling_runner() -> None:
    served = Served("some/encoder", ("some/encoder",), embeds=True)
    line = " ".join(vllm_command(served, port=1, options={"enforce-eager": True}))
    assert "--runner pooling --model" not in line
    assert "--model some/encoder --served-model-name some/encoder" in line
    assert "--runner pooling" in line
    assert "--enforce-eager" in line
    assert "generation-config" not in line
    assert "structured-outputs" not in line
    assert "--runner" not in " ".join(vllm_command(Served("m", ("m",)), port=1, options={}))


def test_options_become_flags() -> None:
    options = {
        "enforce_eager": True,
        "enable_prefix_caching": False,
        "seed": None,
        "allowed_origins": ["a", "b"],
        "compilation_config": {"level": 3},
        "gpu_memory_utilization": 0.9,
    }
    assert flags(options) == [
        "--enforce-eager",
        "--no-enable-prefix-caching",
        *("--allowed-origins", "a", "b"),
        *("--compilation-config", '{"level": 3}'),
        *("--gpu-memory-utilization", "0.9"),
    ]


def test_ranks() -> None:
    assert [served_rank(rank) for rank in (1, 4, 8, 9, 64, 512)] == [1, 8, 8, 16, 64, 512]
    with pytest.raises(InputError, match=r"training\.lora\.r: LoRA rank 513"):
        served_rank(513)


def test_adapters_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no adapter here"):
        check_adapter_base(tmp_path, "some/model")
    folder = adapter(tmp_path / "real", r=8, base_model_name_or_path="other/model")
    with pytest.raises(InputError) as caught:
        check_adapter_base(folder, "some/model")
    assert "'other/model'" in str(caught.value)
    assert "'some/model'" in str(caught.value)
    check_adapter_base(folder, "other/model")
    (tmp_path / "base").mkdir()
    local = adapter(tmp_path / "local", r=8, base_model_name_or_path=str(tmp_path / "base"))
    monkeypatch.chdir(tmp_path)
    check_adapter_base(local, "base")


def test_ports() -> None:
    check_port(free_port(), "here")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ServerError, match=rf"servers\.vllm\.port: port {port} .*in use"):
            check_port(port, "servers.vllm.port")
        with pytest.raises(ServerError) as caught:
            check_port(port, "--port")
        assert str(caught.value).endswith(
            "in use (choose another, or end the process that holds it)"
        )


async def test_a_server_runs_and_is_stopped(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "logs" / "vllm.log"
    async with server_of(log, "serves", port) as url:
        assert url == f"http://127.0.0.1:{port}/v1"
        assert len(left_alive(log)) == 2
        with pytest.raises(ServerError, match="in use"):
            check_port(port, "here")
    assert left_alive(log) == set()
    check_port(port, "here")


async def test_an_error_inside_stops_the_server(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "vllm.log"

    async def failing() -> None:
        async with server_of(log, "serves", port):
            raise RuntimeError("our own bug")

    with pytest.raises(RuntimeError, match="our own bug"):
        await failing()
    assert left_alive(log) == set()

    task = asyncio.create_task(hold(log, port))
    while log.read_text().count("pids") != 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_alive(log) == set()
    check_port(port, "here")


async def outlive(log: Path, error: Exception | None = None) -> None:
    """Kill the server and wait; the error is what becomes of the wait's end."""
    async with server_of(log, "serves", free_port()):
        pids = next(line for line in log.read_text().splitlines() if line.startswith("pids"))
        os.kill(int(pids.split()[1]), signal.SIGKILL)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is None:
                raise
            raise error from None


async def test_what_runs_on_a_server_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    with pytest.raises(ServerError) as caught:
        await outlive(log)
    assert str(caught.value).startswith("vllm ended while it was serving (exit code 137)")
    assert str(caught.value).endswith(f"full log: {log}")
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert left_alive(log) == set()


@pytest.mark.parametrize("kind", [ServerError, CallError, StageError])
async def test_a_failure_after_the_servers_end_names_the_server(
    tmp_path: Path, kind: type[Exception]
) -> None:
    error = kind("connection refused")
    with pytest.raises(ServerError, match="ended while it was serving") as caught:
        await outlive(tmp_path / "vllm.log", error)
    assert caught.value.__cause__ is error


async def test_a_failure_with_the_server_alive_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"^answered 400$"):
        async with server_of(tmp_path / "vllm.log", "serves", free_port()):
            raise CallError("answered 400")


async def test_an_exported_key_does_not_lock_us_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    log = tmp_path / "vllm.log"
    async with server_of(log, "serves", free_port()):
        assert "key ''" in log.read_text().splitlines()


async def hold(log: Path, port: int) -> None:
    async with server_of(log, "serves", port):
        await asyncio.Event().wait()


async def started(log: Path, behaviour: str, timeout_s: float) -> str:
    """What is told of a server that does not become ready."""
    with pytest.raises(ServerError) as caught:
        async with server_of(log, behaviour, free_port(), timeout_s):
            pass
    assert left_alive(log) == set()
    return str(caught.value)


async def test_a_failed_start_is_told_at_once_with_the_remedy(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    log.write_text("ValueError: of an earlier start\nCUDA out of memory\n")
    async with asyncio.timeout(60):
        told = await started(log, "fails", timeout_s=3600)
    assert told.splitlines() == [
        "vllm did not start (exit code 1)",
        "    ValueError: User-specified max_model_len (99999) is greater than the derived "
        "max_model_len (2048)",
        "  likely remedy: lower vllm.max_model_len to what the model supports",
        f"  full log: {log}",
    ]


async def test_a_killed_start_says_so(tmp_path: Path) -> None:
    told = await started(tmp_path / "vllm.log", "killed", timeout_s=3600)
    assert "exit code 137" in told
    assert "memory" in told


async def test_a_start_that_takes_too_long(tmp_path: Path) -> None:
    told = await started(tmp_path / "vllm.log", "hangs", timeout_s=0.5)
    assert "was not ready in 0.5 s (servers.vllm.start_timeout_s)" in told
    assert "RuntimeError: waiting for a device" in told


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "gpu_memory_utilization"),
        ("(9.85/15.96 GiB) on kv cache allocation is less than requested", "KVCACHE_SPACE"),
        ("OSError: [Errno 98] Address already in use", "another port"),
        ("api_server.py: error: unrecognized arguments: --max-x 3", "names under vllm"),
        ("OSError: no/such is not a local folder and is not a valid model", "model.name"),
        ("ValueError: LoRA rank 64 is greater than max_lora_rank 16", "vllm.max_lora_rank"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("ModuleNotFoundError: No module named 'vllm'", "doctor"),
    ],
)
def test_remedies(log: str, words: str) -> None:
    assert words in str(remedy(log))


def test_no_remedy_is_made_up() -> None:
    assert remedy("something we have never seen") is None


def test_telling_lines_leave_the_chatter_out() -> None:
    log = "\n".join(
        [
            "(APIServer pid=7) INFO 11-21 08:00:00 [api.py:1] no error so far",
            "INFO 11-21 08:00:00 [api.py:1] fail_on_environ_validation=False",
            "(EngineCore pid=9) ERROR 11-21 08:00:01 [core.py:9] EngineCore failed to start.",
            "(EngineCore pid=9) ERROR 11-21 08:00:01 [core.py:9] RuntimeError: no such device",
            "(EngineCore pid=9) ERROR 11-21 08:00:01 [core.py:9] RuntimeError: no such device",
            "(APIServer pid=7) Traceback (most recent call last):",
        ]
    )
    assert telling_lines(log) == ["EngineCore failed to start.", "RuntimeError: no such device"]
    assert telling_lines("a\n\nb\n", most=1) == ["b"]
    assert telling_lines("") == []


async def check(server: FakeServer, role: str = "judge", **more: Any) -> Endpoint:
    async with aiohttp.ClientSession() as http:
        settings = AttachedServer(kind="attached", base_url=server.url, **more)
        return await check_attached(http, role, settings)


def listing(*names: str) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": name} for name in names]})


async def test_an_attached_server_is_asked_for_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", f"{KEY}\n")

    async def models(_: web.Request, __: FakeServer) -> web.StreamResponse:
        return listing("big-judge")

    async with fake_server(models) as server:
        endpoint = await check(server, api_key_env="JUDGE_KEY")
    assert server.keys == [f"Bearer {KEY}"]
    assert (endpoint.model, endpoint.api_key, endpoint.kind) == ("big-judge", KEY, "attached")


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (lambda: failure(401, f"bad key {KEY}"), ServerError, "refuses the key: bad key [key]"),
        (lambda: failure(403, "." * 290 + KEY), ServerError, "refuses the key"),
        (lambda: failure(500, "boom"), ServerError, "answered 500: boom"),
        (lambda: web.Response(text="<html>", status=404), ServerError, "answered 404: <html>"),
        (lambda: listing("a", "b"), ConfigError, "serves 2 models (name one: roles.judge.model"),
        (lambda: web.Response(text="<html>hello"), ConfigError, "no listed models"),
        (lambda: web.json_response([1, 2]), ConfigError, "no listed models"),
    ],
    ids=["401", "403", "500", "404", "several", "html", "list"],
)
async def test_an_attached_server_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, reply: Any, kind: type[Exception], words: str
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)

    async def behave(_: web.Request, __: FakeServer) -> web.StreamResponse:
        answer: web.StreamResponse = reply()
        return answer

    async with fake_server(behave) as server:
        with pytest.raises(kind) as caught:
            await check(server, api_key_env="JUDGE_KEY")
    assert words in str(caught.value)
    assert KEY[:10] not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_an_attached_server_that_is_not_there() -> None:
    with pytest.raises(ServerError, match=r"roles\.judge: http://127.0.0.1:9/v1 cannot be reached"):
        await check(FakeServer(url="http://127.0.0.1:9/v1"))
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        await check(FakeServer(url="http://127.0.0.1:9/v1"), api_key_env="NO_SUCH_KEY")


def test_a_role_may_name_what_is_served() -> None:
    endpoint = Endpoint("managed", "http://x/v1", "base", Limits(), {"base": {}, "real": {}})
    assert with_model(endpoint, None, "judge") is endpoint
    assert with_model(endpoint, "real", "judge").model == "real"
    with pytest.raises(ConfigError, match=r"roles\.judge\.model: .*'reel' .*base, real"):
        with_model(endpoint, "reel", "judge")
