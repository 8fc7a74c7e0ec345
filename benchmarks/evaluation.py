"""What our simulation costs over the server alone, and one multi-LoRA server against three in turn.

    python -m benchmarks.evaluation [--scenarios 50] [--exchanges 4] [--rounds 2] [--part NAME]

Writes `benchmarks/results/evaluation.json`. The micro model and two untrained adapters on a CPU; a
patient that answers at once, so that the counselor's server is all there is to wait for.

- `simulation`: variants x scenarios through `eval.simulate`, output tokens per second.
- `bare`: the same request bodies in the same order through a bare aiohttp loop at the same
  concurrency, the server's prefix cache emptied before. Its turns wait for none of before, as a
  talk's do, so it is what the server could do at best.
- `vllm_bench`: vLLM's own benchmark at the same concurrency, each request to one of the variants by
  lot, random prompts with the simulation's mean lengths, its common beginning included.
- `vllm_bench_base`: the same, to the base alone: what the adapters cost.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import aiohttp
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from eval.simulate import simulate
from hybridtune import guard
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config import load_experiment
from hybridtune.config.servers import ManagedServer
from hybridtune.domain import Domain, load_domain
from hybridtune.progress import silent
from hybridtune.runs import Run
from hybridtune.serving.command import Served, vllm_command
from hybridtune.serving.models import served_by
from hybridtune.serving.process import free_port, running_server

HOME = Path(__file__).parent.parent
WARM_UP = 4
"""Scenarios of the round that does not count."""
VLLM_BENCH = """
import argparse, sys
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args(sys.argv[1:]))
"""


class Patient:
    """Answers at once, and something else every time."""

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "canned", "name": "canned"}

    async def complete(self, request: ChatRequest) -> ChatReply:
        text = f"I could not sleep again, and number {request.seed} went through my mind."
        return ChatReply(text, "stop", 0, 0, f"patient-{request.seed}", cached=False)


def prepare(folder: Path, scenarios: int, exchanges: int, seed: int) -> Run:
    """A run whose two trained variants have adapters with random weights."""
    experiment = load_experiment(
        HOME / "configs/demo.yaml",
        [
            f"evaluation.count={scenarios}", f"evaluation.max_exchanges={exchanges}",
            f"seed={seed}", f"model.name={HOME / 'examples/micro'}",
        ],
    )  # fmt: skip
    return Run(folder, experiment)


def write_adapters(run: Run) -> None:
    """As training would leave them; what they say does not matter here."""
    for number, name in enumerate(run.experiment.trained_variants()):
        torch.manual_seed(number)
        base = AutoModelForCausalLM.from_pretrained(run.experiment.model.name, dtype=torch.float32)
        lora = LoraConfig(r=8, lora_alpha=2, target_modules="all-linear", init_lora_weights=False)
        get_peft_model(base, lora).save_pretrained(run.variant(name) / "adapter")


@asynccontextmanager
async def served(run: Run, what: Served) -> Any:
    """A vLLM with these models; yields its address."""
    server = run.experiment.server_of("counselor")
    assert isinstance(server, ManagedServer)
    port = free_port()
    async with running_server(
        "vllm",
        vllm_command(what, port=port, options=server.vllm),
        port=port,
        log=run.logs / "vllm.log",
        env={**server.env, "VLLM_SERVER_DEV_MODE": "1"},
        timeout_s=900,
        reporter=silent(),
    ) as address:
        yield address


async def simulation(run: Run, domain: Domain, address: str) -> dict[str, float]:
    """All conversations of a run through our own code."""
    limits = run.experiment.server_of("counselor").limits
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        with CallStore(run.calls) as calls:
            endpoint = Endpoint("managed", address, "base", limits)
            limiter = AdaptiveLimiter(endpoint.most)
            client = Client(http, endpoint, calls, limiter, stage="eval", role="counselor")
            started, cpu = time.perf_counter(), time.process_time()
            await simulate(run, domain, client, Patient(), silent())
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    tokens = sum(count for _, count in asked(run))
    return {"seconds": seconds, "output_tokens_per_s": tokens / seconds, "own_cpu_s": cpu}


def asked(run: Run) -> list[tuple[str, int]]:
    """The request bodies of a run in the order of their answers, and the tokens that each got."""
    with sqlite3.connect(run.calls) as database:
        return list(database.execute("SELECT request, completion_tokens FROM calls ORDER BY rowid"))


async def bare(run: Run, address: str, concurrency: int) -> dict[str, float]:
    """The same requests, each as soon as a slot is free."""
    slots = asyncio.Semaphore(concurrency)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def ask(body: str) -> int:
            url = f"{address}/chat/completions"
            async with slots, http.post(url, data=body, headers=headers) as response:
                told = await response.json()
                return int(told["usage"]["completion_tokens"])

        bodies = sorted((body for body, _ in asked(run)), key=lambda body: body.count('"role"'))
        started = time.perf_counter()
        tokens = sum(await asyncio.gather(*(ask(body) for body in bodies)))
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "output_tokens_per_s": tokens / seconds}


async def forget(address: str) -> None:
    """Empty the server's prefix cache."""
    url = address.removesuffix("/v1") + "/reset_prefix_cache"
    async with aiohttp.ClientSession() as http, http.post(url) as response:
        response.raise_for_status()


async def vllm_bench(
    run: Run, address: str, concurrency: int, folder: Path, variants: Sequence[str]
) -> dict[str, Any]:
    """VLLM's own benchmark with the simulation's mean lengths; or why it does not run here."""
    with sqlite3.connect(run.calls) as database:
        row = database.execute(
            "SELECT count(*), avg(prompt_tokens), avg(completion_tokens), min(prompt_tokens) "
            "FROM calls"
        ).fetchone()
    count, prompt, output, shared = (int(value) for value in row)
    host, port = address.removeprefix("http://").removesuffix("/v1").split(":")
    options = {
        "backend": "openai", "host": host, "port": port, "model": run.experiment.model.name,
        "served-model-name": "base", "dataset-name": "random", "num-prompts": count,
        "random-input-len": max(1, prompt - shared), "random-prefix-len": shared,
        "random-output-len": output, "max-concurrency": concurrency, "seed": run.experiment.seed,
        "result-dir": folder, "result-filename": "bench.json",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    words += ["--lora-modules", *variants, "--ignore-eos", "--save-result"]
    command = [sys.executable, "-c", VLLM_BENCH, *words]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=HOME, check=False
    )
    result = folder / "bench.json"
    if done.returncode or not result.exists():
        return {"failed": (done.stderr.strip().splitlines() or ["no result"])[-1]}
    told = json.loads(result.read_text(encoding="utf-8"))
    lengths = {"mean_prompt_tokens": prompt, "mean_output_tokens": output}
    return {"output_tokens_per_s": told["output_throughput"], "requests": count, **lengths}


class Memory:
    """The largest sum of the resident memory of our descendants, looked at four times a second."""

    def __enter__(self) -> "Memory":
        self.peak, self.done = 0, Event()
        self.thread = Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.done.wait(0.25):
            self.peak = max(self.peak, sum(resident(os.getpid())))


def resident(ancestor: int) -> Iterator[int]:
    """Bytes of proportional memory of every descendant: shared pages count once."""
    for process in guard.descendants(ancestor):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        yield 1024 * sum(int(line.split()[1]) for line in text.splitlines() if "Pss:" in line[:4])


async def against_the_server(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Our simulation and the baselines in turn, on one server."""
    domain = load_domain("therapy")
    first = prepare(folder / "0", arguments.scenarios, arguments.exchanges, 0)
    write_adapters(first)
    limits = first.experiment.server_of("counselor").limits
    server = first.experiment.server_of("counselor")
    rounds = []
    async with served(first, served_by(first, server)) as address:
        for number in range(arguments.rounds + 1):
            few = arguments.scenarios if number else WARM_UP  # the first warms the server up
            run = prepare(folder / str(number), few, arguments.exchanges, number)
            await forget(address)
            ours = await simulation(run, domain, address)
            await forget(address)
            alone = await bare(run, address, limits.max_concurrency)
            rounds.append({"simulation": ours, "bare": alone})
            for name, variants in (("", [*run.experiment.variants]), ("_base", ["base"])):
                await forget(address)
                rounds[-1][f"vllm_bench{name}"] = await vllm_bench(
                    run, address, limits.max_concurrency, folder, variants
                )
            print(f"round {number}: {json.dumps(rounds[-1])}", flush=True)
    kept = rounds[1:]
    result = {
        "conversations": arguments.scenarios * len(first.experiment.variants),
        "exchanges": arguments.exchanges,
        "concurrency": limits.max_concurrency,
        "rounds": kept,
    }
    for name in ("bare", "vllm_bench", "vllm_bench_base"):
        if not any("failed" in each[name] for each in kept):
            ours, other = (
                [each[side]["output_tokens_per_s"] for each in kept]
                for side in ("simulation", name)
            )
            result[f"ratio_to_{name}"] = sum(ours) / sum(other)
    return result


async def one_against_three(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """All variants on one server, and each on a server of its own in turn; starts included."""
    domain = load_domain("therapy")
    whole = prepare(folder / "one", arguments.scenarios, arguments.exchanges, 1)
    write_adapters(whole)
    everything = served_by(whole, whole.experiment.server_of("counselor"))
    found = {}
    for name, parts in (("one", [tuple(whole.experiment.variants)]), ("three", None)):
        started = time.perf_counter()
        with Memory() as memory:
            for variants in parts or [(each,) for each in whole.experiment.variants]:
                await some_variants(folder / name, whole, everything, variants, domain)
        found[name] = {
            "seconds": time.perf_counter() - started,
            "peak_bytes": memory.peak,
        }
        print(f"{name}: {found[name]}", flush=True)
    ratio = found["three"]["seconds"] / found["one"]["seconds"]
    return {**found, "three_over_one_seconds": ratio,
            "three_at_once_bytes": 3 * found["three"]["peak_bytes"]}  # fmt: skip


async def some_variants(
    folder: Path, whole: Run, everything: Served, variants: tuple[str, ...], domain: Domain
) -> None:
    """The conversations of these variants, on a server that has only them."""
    its = {name: path for name, path in (everything.adapters or {}).items() if name in variants}
    kept = {name: whole.experiment.variants[name] for name in variants}
    settings = whole.experiment.model_copy(update={"variants": kept})
    run = Run(folder / "-".join(variants), settings)
    only = Served(everything.model, everything.names, dtype=everything.dtype, adapters=its)
    async with served(run, only) as address:
        await simulation(run, domain, address)


PARTS = {"server": against_the_server, "servers": one_against_three}


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=50)
    parser.add_argument("--exchanges", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--part", choices=PARTS, help="run one part; the other's result is kept")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    path = HOME / "benchmarks/results/evaluation.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    try:
        for name, part in PARTS.items():
            if arguments.part in (None, name):
                load = os.getloadavg()[0]
                found = asyncio.run(part(folder / name, arguments))
                result[name] = circumstances(load) | found
                path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result, indent=2))


def circumstances(load: float) -> dict[str, Any]:
    """What was run, on what, beside how much else."""
    return {
        "command": " ".join(["python -m benchmarks.evaluation", *sys.argv[1:]]),
        "hardware": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
    }


if __name__ == "__main__":
    main()
