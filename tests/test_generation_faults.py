"""The generation stage against a server on which everything goes wrong, and against kill -9."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_server import failure, fake_server, in_turn
from fault_server import Faults, FaultServer, fault_server

from generation.outcomes import Failure
from generation.stage import generate
from hybridtune.config import ROLES, Experiment
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.progress import silent
from hybridtune.records import Session, read_json, read_jsonl, write_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.serving.models import open_models

ROWS = int(os.environ.get("FAULT_ROWS", "150"))
"""The acceptance run has 1,000 (`FAULT_ROWS=1000`); its faults are the same shares."""
STAGE = """
import asyncio, sys
from pathlib import Path
from generation.stage import generate
from hybridtune.domain import Domain
from hybridtune.progress import silent
from hybridtune.runs import load_run
from hybridtune.serving.models import open_models

async def work(run, domain):
    async with open_models(run, domain, ["teacher"], stage="generation", reporter=silent()) as all:
        await generate(run, domain, all["teacher"], silent())

asyncio.run(work(load_run(Path(sys.argv[1])), Domain(Path(sys.argv[2]))))
"""
THING = (
    '{"type": "object", "properties": {"about": {"type": "string"}, "wish": {"type": "string"}},'
    ' "required": ["about", "wish"], "additionalProperties": false}'
)
PACK = {
    "domain.yaml": (
        "title: boats\nlanguage: und\nopener: Hello.\ncounselor: Skipper\npatient: Guest\n"
    ),
    "prompts/counselor.jinja": "You know boats.",
    "prompts/persona.jinja": "Who comes? {{ theme }} {{ axes | tojson }} {{ schema | tojson }}",
    "prompts/scenario.jinja": "What for? {{ persona | tojson }} {{ theme }}",
    "prompts/session.jinja": "Write. {{ persona }} {{ scenario }} {{ exchanges }}",
    "prompts/patient.jinja": "You are {{ persona }} {{ scenario }}",
    "prompts/judge.jinja": "{{ rubric.title }} {{ transcript }}",
    "schemas/persona.schema.json": THING,
    "schemas/scenario.schema.json": THING,
    "taxonomy/themes.yaml": "sails: they tear\nropes: they slip\nharbours: they are full\n",
    "taxonomy/axes.yaml": "boat: [dinghy, yacht]\nseason: [spring, autumn]\n",
    "rubrics/ranking.yaml": (
        "title: use\ndimensions:\n  use:\n    question: Any?\n    anchors: {1: None, 10: Great}\n"
    ),
}


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return boats(tmp_path / "boats")


def boats(folder: Path) -> Domain:
    for name, text in PACK.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_jsonl(folder / "scenarios" / "evaluation.jsonl", [])
    return Domain(folder)


def run_of(path: Path, url: str, limits: dict[str, Any], **generation: Any) -> Run:
    settings = {
        "min_exchanges": 2,
        "max_exchanges": 3,
        "reasks": 4,
        "quotes_found": 0,
        **generation,
    }
    experiment = Experiment.model_validate(
        {
            "name": "test",
            "model": {"name": "none"},
            "servers": {"bad": {"kind": "attached", "base_url": url, "limits": limits}},
            "roles": {key: {"server": "bad"} for key in ROLES},
            "corpus": {"paths": ["none"]},
            "variants": {"base": {}},
            "generation": settings,
        }
    )
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "experiment.json", experiment.model_dump(mode="json"))
    return Run(path, experiment)


async def generated(run: Run, pack: Domain) -> dict[str, bytes]:
    async with open_models(run, pack, ["teacher"], stage="generation", reporter=silent()) as models:
        models["teacher"].backoff_s = 0.05
        await generate(run, pack, models["teacher"], silent())
    return dataset(run)


def dataset(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.generation.glob("*.jsonl")}


def calls_of(run: Run) -> int:
    return sum(
        task["calls"] for task in read_json(run.generation / "report.json")["tokens"].values()
    )


async def test_nothing_is_lost_to_a_bad_server(pack: Domain, tmp_path: Path) -> None:
    faults = Faults(
        latency_ms=10,
        tail_rate=0.02,
        tail_ms=300,
        error_rate=0.05,
        broken_rate=0.05,
        reset_rate=0.01,
        most_in_flight=32,
        hang_at=ROWS,
    )
    limits = {"max_concurrency": 64, "timeout_s": 5, "retries": 8}
    async with fault_server(faults) as (server, url):
        run = run_of(tmp_path / "run", url, limits, sessions=ROWS)
        await generated(run, pack)
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts == {key: {"asked": ROWS, "written": ROWS, "failed": 0} for key in counts}
    assert len(read_jsonl(run.generation / "synthetic.jsonl", Session)) == ROWS
    assert all(server.counts[kind] for kind in ("error", "broken", "busy", "hung"))
    assert server.counts["requests"] <= 4 * ROWS + server.injected
    assert server.counts["repeated"] == 0


async def test_faults_do_not_change_the_dataset(pack: Domain, tmp_path: Path) -> None:
    files = []
    limits = {"max_concurrency": 16, "timeout_s": 5, "retries": 8}
    async with fault_server(Faults()) as (server, url):
        for name, faults in (("well", Faults()), ("ill", Faults(error_rate=0.1, tail_rate=0.1))):
            server.faults = faults
            files.append(await generated(run_of(tmp_path / name, url, limits, sessions=20), pack))
        assert server.counts["error"] > 0
    assert files[0] == files[1]


async def test_what_stays_broken_is_recorded_and_tried_again_later(
    pack: Domain, tmp_path: Path
) -> None:
    limits = {"max_concurrency": 16, "timeout_s": 5, "retries": 1}
    async with fault_server(Faults(error_rate=0.3)) as (server, url):
        run = run_of(tmp_path / "run", url, limits, sessions=30)
        await generated(run, pack)
        counts = read_json(run.generation / "report.json")["counts"]
        failures = read_jsonl(run.generation / "failures.jsonl", Failure)
        assert failures
        for kind, count in counts.items():
            assert count["asked"] == count["written"] + count["failed"]
            assert count["failed"] == sum(failure.kind == kind for failure in failures)
        assert counts["persona"]["asked"] == counts["draft"]["asked"] == 30
        server.faults = Faults()
        healed = await generated(run, pack)
        assert server.counts["repeated"] == 0
        assert healed == await generated(run_of(tmp_path / "well", url, limits, sessions=30), pack)
    assert not healed["failures.jsonl"]


@asynccontextmanager
async def stage_process(run: Run, pack: Domain) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (sys.executable, "-c", STAGE, str(run.path), str(pack.path))
    process = await asyncio.create_subprocess_exec(*arguments, cwd=Path(__file__).parent.parent)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(server: FaultServer, answers: int, process: asyncio.subprocess.Process) -> None:
    while server.counts["answers"] < answers:
        assert process.returncode is None, "the stage ended before it could be killed"
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("method", ["whole", "two-agent"])
async def test_kill_9_repeats_only_what_was_in_flight(
    pack: Domain, tmp_path: Path, method: str
) -> None:
    in_flight, rows = 8, max(40, ROWS // 3)
    told: dict[str, Any] = {"sessions": rows, "method": method}
    limits = {"max_concurrency": in_flight}
    async with fault_server(Faults(latency_ms=15)) as (server, url):
        whole = run_of(tmp_path / "whole", url, limits, **told)
        expected = await generated(whole, pack)
        needed = calls_of(whole)
        server.counts.clear()
        server.answered.clear()
        torn = run_of(tmp_path / "torn", url, limits, **told)
        async with stage_process(torn, pack) as process:
            await until(server, needed // 2, process)
            process.send_signal(signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert not dataset(torn)
        async with stage_process(torn, pack) as process:
            assert await process.wait() == 0
        assert dataset(torn) == expected
        assert needed <= server.counts["requests"] <= needed + in_flight
        assert server.counts["repeated"] <= in_flight


async def test_a_reset_at_the_end_of_other_faults_is_one_failed_call(
    pack: Domain, tmp_path: Path
) -> None:
    limits = {"max_concurrency": 1, "retries": 1}
    models = web.json_response({"data": [{"id": "nonsense"}]})
    async with fake_server(in_turn(models, failure(500), "drop")) as server:
        run = run_of(tmp_path / "run", server.url, limits, sessions=1, reasks=0)
        with pytest.raises(StageError, match="0 of 1 sessions could be written"):
            await generated(run, pack)
        assert len(server.bodies) == 3
