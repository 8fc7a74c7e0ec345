"""The generation stage with the shipped pack and the scripted teacher behind its real server."""

from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from generation.coverage import plan_rows
from generation.outcomes import Failure
from generation.review import Review
from generation.stage import generate
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.config import ROLES, Experiment
from hybridtune.config.servers import Limits
from hybridtune.domain import load_domain
from hybridtune.progress import silent
from hybridtune.records import Persona, Session, read_json, read_jsonl
from hybridtune.runs import Run
from hybridtune.scripted.server import Faults, scripted_server
from hybridtune.serving.models import open_models

THERAPY = load_domain("therapy")


def run_of(path: Path, **generation: Any) -> Run:
    role = {"server": "scripted", "sampling": {"max_tokens": 4096}}
    experiment = Experiment.model_validate(
        {
            "name": "test",
            "model": {"name": "none"},
            "servers": {"scripted": {"kind": "scripted"}},
            "roles": dict.fromkeys(ROLES, role),
            "corpus": {"paths": ["none"]},
            "variants": {"base": {}},
            "generation": generation,
        }
    )
    path.mkdir(exist_ok=True)
    return Run(path, experiment)


async def generated(run: Run) -> dict[str, bytes]:
    async with open_models(
        run, THERAPY, ["teacher"], stage="generation", reporter=silent()
    ) as models:
        await generate(run, THERAPY, models["teacher"], silent())
    return {path.name: path.read_bytes() for path in run.generation.glob("*.json*")}


@pytest.mark.parametrize("method", ["whole", "two-agent"])
async def test_the_scripted_teacher_fills_a_run(tmp_path: Path, method: str) -> None:
    run = run_of(tmp_path / "run", sessions=26, method=method, min_exchanges=6, max_exchanges=8)
    await generated(run)
    report = read_json(run.generation / "report.json")
    assert report["scripted"] is True
    assert {kind: count["failed"] for kind, count in report["counts"].items()} == dict.fromkeys(
        ("persona", "scenario", "draft", "ranking"), 0
    )
    rows = plan_rows(THERAPY, run.experiment.generation, run.experiment.seed)
    assert {theme: count["drafted"] for theme, count in report["themes"].items()} == Counter(
        row.theme for row in rows
    )
    for persona, row in zip(
        read_jsonl(run.generation / "personas.jsonl", Persona), rows, strict=True
    ):
        assert persona.persona.items() >= row.axes.items()
    synthetic = read_jsonl(run.generation / "synthetic.jsonl", Session)
    assert len(synthetic) >= 13, report["reasons"]
    assert len(read_jsonl(run.generation / "decisions.jsonl", Review)) == 26
    assert report["held_out"]["scenarios"] > 0
    assert report["held_out"]["disjoint"] is True


async def test_an_interrupted_run_ends_as_if_it_never_was(tmp_path: Path) -> None:
    whole = await generated(run_of(tmp_path / "whole", sessions=8))
    await generated(run_of(tmp_path / "parts", sessions=3))
    assert await generated(run_of(tmp_path / "parts", sessions=8)) == whole
    assert await generated(run_of(tmp_path / "parts", sessions=8)) == whole


async def test_a_faulty_server_loses_no_row_in_silence(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", sessions=20)
    faults = Faults(error_rate=0.05, garble_rate=0.1, seed=1)
    async with (
        scripted_server(THERAPY, faults=faults) as address,
        aiohttp.ClientSession() as http,
    ):
        endpoint = Endpoint("scripted", address, "scripted", Limits())
        with CallStore(run.calls) as calls:
            limiter = AdaptiveLimiter(8)
            teacher = Client(http, endpoint, calls, limiter, stage="generation", role="teacher")
            await generate(run, THERAPY, teacher, silent())
    report = read_json(run.generation / "report.json")
    for kind, count in report["counts"].items():
        assert count["asked"] == count["written"] + count["failed"], kind
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    lost = [failure.id for failure in failures if failure.kind == "draft"]
    ids = [f"synthetic-{number:05d}-1" for number in range(1, 21)]
    assert sorted([*lost, *(draft.id for draft in drafts)]) == ids
    assert all("JSON" in failure.reason for failure in failures)
    assert len(lost) < 10
