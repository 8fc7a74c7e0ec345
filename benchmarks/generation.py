"""What the generation stage costs over a bare aiohttp loop: same work, same server, one run.

    python -m benchmarks.generation [--rows 1000] [--latency-ms 50]
    python -m benchmarks.generation --flat 10000 100000

Writes `benchmarks/results/generation.json`. Every row is four dependent calls (persona, scenario,
session, ranking), each with a JSON Schema; the server is `tests/fault_server.py` in a process of
its own, and each side runs in a fresh process. The ideal is the schedule of a client that takes no
time: with the durations that the server was told, and with those that it really takes
(`as_served`: its own CPU, and timers that fire late); the span leaves out the start of the process
and what is written at the end. `--flat` measures memory, and how soon a
resume makes its first call, with a teacher in the same process.
"""

import argparse
import asyncio
import heapq
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

HOME = Path(__file__).parent.parent
RESULTS = HOME / "benchmarks/results/generation.json"
SLOTS, STEPS = 64, 4
TAIL_RATE, TAIL_MS = 0.02, 1000.0
SCENARIOS = (
    ("steady", 0.0, 1),
    ("long_tail", TAIL_RATE, 1),
    ("long_tail_of_more_rows", TAIL_RATE, 4),
)
"""Name, share of slow answers, and how many times the rows: with more, start and end weigh less."""
ABOUT = {"about": {"type": "string"}, "wish": {"type": "string"}}
THING = {
    "type": "object",
    "properties": ABOUT,
    "required": [*ABOUT],
    "additionalProperties": False,
}
PACK = {
    "domain.yaml": (
        "title: boats\nlanguage: und\nopener: Hello.\ncounselor: Skipper\npatient: Guest\n"
    ),
    "prompts/counselor.jinja": "You know boats.",
    "prompts/persona.jinja": "Who comes? {{ theme }} {{ axes | tojson }} {{ schema | tojson }}",
    "prompts/scenario.jinja": "What for? {{ persona | tojson }} {{ theme }} {{ schema | tojson }}",
    "prompts/session.jinja": "Write it. {{ persona }} {{ scenario }} {{ exchanges }}",
    "prompts/patient.jinja": "You are {{ persona }} {{ scenario }}",
    "prompts/judge.jinja": "{{ rubric.title }} {{ transcript }}",
    "schemas/persona.schema.json": json.dumps(THING),
    "schemas/scenario.schema.json": json.dumps(THING),
    "taxonomy/themes.yaml": "sails: they tear\nropes: they slip\nharbours: they are full\n",
    "taxonomy/axes.yaml": "boat: [dinghy, yacht]\nseason: [spring, autumn]\n",
    "rubrics/ranking.yaml": (
        "title: use\ndimensions:\n  use:\n    question: Any?\n    anchors: {1: None, 10: Great}\n"
    ),
    "scenarios/evaluation.jsonl": "",
}


async def bare(url: str, rows: int, folder: Path) -> None:
    """The least that a program could do: a semaphore, POSTs in a row's order, a file at the end."""
    from generation.writer import session_schema  # noqa: PLC0415 - the bare side loads no more
    from hybridtune.domain import Domain  # noqa: PLC0415
    from hybridtune.judge import verdict_schema  # noqa: PLC0415

    verdict = verdict_schema(Domain(folder / "pack").rubric("ranking"))
    slots = asyncio.Semaphore(SLOTS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def ask(prompt: str, schema: Mapping[str, Any], seed: int) -> Any:
            body = {
                "model": "nonsense",
                "messages": [{"role": "user", "content": prompt}],
                "seed": seed,
                "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
            }
            async with slots, http.post(f"{url}/chat/completions", json=body) as response:
                reply = await response.json()
            return json.loads(reply["choices"][0]["message"]["content"])

        async def row(number: int) -> list[Any]:
            persona = await ask(f"Who comes? {number}", THING, number)
            scenario = await ask(f"What for? {persona}", THING, number)
            session = await ask(f"Write it. {persona} {scenario}", session_schema(3), number)
            said = "\n".join(turn["text"] for turn in session["turns"])
            return [persona, scenario, session, await ask(said, verdict, number)]

        done = await asyncio.gather(*(row(number) for number in range(rows)))
    lines = "".join(json.dumps(each) + "\n" for each in done)
    (folder / "bare.jsonl").write_text(lines, encoding="utf-8")


async def ours(url: str, rows: int, folder: Path) -> None:
    """The stage as a run has it: cache, validation, checks, ranking, row store, files, report."""
    from generation.stage import generate  # noqa: PLC0415
    from hybridtune.domain import Domain  # noqa: PLC0415
    from hybridtune.progress import silent  # noqa: PLC0415
    from hybridtune.serving.models import open_models  # noqa: PLC0415

    pack, run = Domain(folder / "pack"), run_of(folder / "run", url, rows)
    async with open_models(run, pack, ["teacher"], stage="generation", reporter=silent()) as models:
        await generate(run, pack, models["teacher"], silent())
    report = json.loads((run.generation / "report.json").read_text(encoding="utf-8"))
    assert report["counts"]["ranking"] == {"asked": rows, "written": rows, "failed": 0}, report


def run_of(path: Path, url: str, rows: int) -> Any:
    """A run of so many rows."""
    from hybridtune.config import ROLES, Experiment  # noqa: PLC0415
    from hybridtune.runs import Run  # noqa: PLC0415

    server = {"kind": "attached", "base_url": url, "limits": {"max_concurrency": SLOTS}}
    settings = {
        "name": "benchmark",
        "model": {"name": "none"},
        "servers": {"one": server},
        "roles": {role: {"server": "one"} for role in ROLES},
        "corpus": {"paths": ["none"]},
        "variants": {"base": {}},
        "generation": {
            "sessions": rows,
            "min_exchanges": 3,
            "max_exchanges": 3,
            "quotes_found": 0,  # the server's quotes are nonsense
        },
    }
    path.mkdir(parents=True, exist_ok=True)
    return Run(path, Experiment.model_validate(settings))


class Local:
    """A teacher in this process that answers at once, a few words each."""

    description = {"kind": "scripted", "name": "local"}  # noqa: RUF012 - as the protocol has it

    def __init__(self) -> None:
        self.first: float | None = None

    async def complete(self, request: Any) -> Any:
        """Nonsense by the request's seed."""
        from hybridtune.chat.model import ChatReply  # noqa: PLC0415

        self.first = self.first or time.monotonic()
        drawn = random.Random(request.seed)
        data: Any = {
            name: " ".join(f"w{drawn.randrange(10**5)}" for _ in range(6)) for name in ABOUT
        }
        if request.task == "session":
            data = {
                "turns": [
                    {"speaker": speaker, "text": f"w{drawn.randrange(10**6)} so to say it is"}
                    for speaker in ("patient", "counselor") * 3
                ]
            }
        if request.task == "judge":
            data = {"scores": {"use": {"score": 9, "quote": ""}}}
        text = json.dumps(data)
        return ChatReply(text, "stop", 1, 1, f"call-{request.task}-{request.seed}", False, data)


async def flat(_: str, rows: int, folder: Path) -> dict[str, float]:
    """So many rows without a server; how long until the first call. Then the report on them."""
    from generation.stage import generate  # noqa: PLC0415
    from hybridtune.domain import Domain  # noqa: PLC0415
    from hybridtune.progress import silent  # noqa: PLC0415

    teacher, started = Local(), time.monotonic()
    run = run_of(folder / "run", "http://127.0.0.1:1/v1", rows)
    pack = Domain(folder / "pack")
    await generate(run, pack, teacher, silent())
    assert teacher.first is not None
    generated, peak = time.monotonic(), peak_mb()
    # Only now: what it loads is not the stage's.
    from generation.page import write_report  # noqa: PLC0415

    write_report(run, pack)
    return {
        "first_call_s": teacher.first - started,
        "peak_mb": peak,
        "report_s": time.monotonic() - generated,
        "report_peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


SIDES = {"bare": bare, "ours": ours, "flat": flat}


def worker(side: str, url: str, rows: int, folder: Path) -> None:
    """One side in this process; prints what it took."""
    started = time.monotonic()
    before = time.process_time()
    more = asyncio.run(SIDES[side](url, rows, folder)) or {}
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - started,
                "cpu_ms_per_request": 1000 * time.process_time() / (STEPS * rows),
                "cpu_ms_per_request_without_start": 1000
                * (time.process_time() - before)
                / (STEPS * rows),
                "peak_mb": peak_mb(),
                **more,
            }
        )
    )


def measured(side: str, url: str, rows: int, folder: Path) -> dict[str, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generation", "--worker", side, "--url", url]
    command += ["--rows", str(rows), "--folder", str(folder)]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def write_pack(folder: Path) -> None:
    """The domain pack of the benchmark."""
    for name, text in PACK.items():
        (folder / "pack" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pack" / name).write_text(text, encoding="utf-8")


def against_bare(rows: int, faults: Mapping[str, float]) -> dict[str, Any]:
    """Both sides against one server, the bare loop before and after ours."""
    from hybridtune.serving.process import free_port  # noqa: PLC0415

    port = free_port()
    command = [sys.executable, "tests/fault_server.py", "--port", str(port)]
    for name, value in faults.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    server = subprocess.Popen(command, cwd=HOME)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        time.sleep(2)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_pack(folder)
            first, mine, second = (
                with_served(url, measured, side, url, rows, folder)
                for side in ("bare", "ours", "bare")
            )
    finally:
        server.terminate()
        server.wait()
    figures = {"bare": [first, second], "ours": mine}
    return {
        **figures,
        "wall_ratio": mine["seconds"] / bare_seconds(figures),
        "served_ms": (first["served_ms"] + second["served_ms"]) / 2,
    }


def with_served(
    url: str, measure: Callable[..., dict[str, float]], *arguments: Any
) -> dict[str, float]:
    """A measurement, with what the server saw of it.

    `served_ms` is how long a request was inside it, and `span_s` from the first to the last.
    """
    before, found, after = counted(url), measure(*arguments), counted(url)
    spent, requests = (after[name] - before.get(name, 0) for name in ("busy_us", "requests"))
    return {**found, "served_ms": spent / requests / 1000, "span_s": after["span_us"] / 1e6}


def counted(url: str) -> dict[str, int]:
    """What the server has counted so far."""
    from urllib.request import urlopen  # noqa: PLC0415 - the measured processes load no more

    with urlopen(f"{url.removesuffix('/v1')}/counts", timeout=10) as response:
        counts: dict[str, int] = json.load(response)
    return counts


def bare_seconds(figures: Mapping[str, Any], which: str = "seconds") -> float:
    """The mean of both runs of the bare loop."""
    first, second = figures["bare"]
    return float(first[which] + second[which]) / 2


def ideal(rows: int, latency_ms: float, tail_rate: float, tail_ms: float, seeds: int = 20) -> float:
    """Mean seconds of such rows where only the server takes time, over some draws of the tail."""
    ends = []
    for seed in range(seeds):
        drawn = random.Random(seed)
        ready = deque((0.0, 0) for _ in range(rows))
        running: list[tuple[float, int]] = []
        now = 0.0
        while ready or running:
            while ready and len(running) < SLOTS:
                _, step = ready.popleft()
                slow = drawn.random() < tail_rate
                heapq.heappush(running, (now + (tail_ms if slow else latency_ms) / 1000, step))
            now, step = heapq.heappop(running)
            if step + 1 < STEPS:
                ready.append((now, step + 1))
        ends.append(now)
    return sum(ends) / len(ends)


def flatness(sizes: list[int]) -> dict[str, Any]:
    """Peak memory at some numbers of rows, and the first call of a run that goes on with more."""
    found: dict[str, Any] = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as name:
            write_pack(Path(name))
            whole = measured("flat", "-", rows, Path(name))
            more = measured("flat", "-", rows + 10, Path(name))
        found[str(rows)] = {**whole, "resumed": more}
    ratios = {
        name.replace("mb", "ratio"): found[str(sizes[-1])][name] / found[str(sizes[0])][name]
        for name in ("peak_mb", "report_peak_mb")
    }
    return {"rows": found, **ratios}


def keep(**figures: Any) -> None:
    """Print the figures and put them into the result file beside those of other scenarios."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    result = {
        **before,
        "hardware": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "slots": SLOTS,
        **figures,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--flat", type=int, nargs="+")
    parser.add_argument("--worker", choices=sorted(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.worker:
        worker(told.worker, told.url, told.rows, told.folder)
        return
    if told.flat:
        keep(flat=flatness(told.flat))
        return
    for name, tail_rate, times in SCENARIOS:
        faults = {"latency_ms": told.latency_ms, "tail_rate": tail_rate, "tail_ms": TAIL_MS}
        rows = times * told.rows
        figures = against_bare(rows, faults)
        nominal = told.latency_ms + tail_rate * (TAIL_MS - told.latency_ms)
        late = max(0.0, figures["served_ms"] - nominal)
        for schedule, late_ms in (("ideal", 0.0), ("ideal_as_served", late)):
            best = ideal(rows, told.latency_ms + late_ms, tail_rate, TAIL_MS + late_ms)
            figures[f"{schedule}_s"] = best
            figures[f"bare_to_{schedule}"] = bare_seconds(figures) / best
            figures[f"ours_to_{schedule}"] = figures["ours"]["seconds"] / best
        figures["bare_span_to_ideal_as_served"] = bare_seconds(figures, "span_s") / best
        figures["ours_span_to_ideal_as_served"] = figures["ours"]["span_s"] / best
        figures["rows"] = rows
        keep(**{name: figures})


if __name__ == "__main__":
    main()
