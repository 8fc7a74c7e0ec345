"""Personas to ranked sessions through the real vLLM, by JSON Schema, written by the micro model.

It writes nonsense in valid shape: the stage must carry it, rank it, and reject what is nonsense,
and every row that was asked for must be there or accounted for. One server for all of it.
"""

import asyncio
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generation.outcomes import Failure
from generation.review import Review
from generation.stage import generate
from hybridtune.calls import CallStore
from hybridtune.config import ROLES, Experiment
from hybridtune.domain import HOME, Domain
from hybridtune.errors import StageError
from hybridtune.progress import silent
from hybridtune.records import (
    AnyRecord,
    Judgment,
    Persona,
    Scenario,
    Session,
    read_json,
    read_jsonl,
)
from hybridtune.runs import Run
from hybridtune.serving.command import Served, vllm_command
from hybridtune.serving.models import open_models
from hybridtune.serving.process import free_port, running_server

pytestmark = [pytest.mark.slow, pytest.mark.vllm]

SHORT = {
    "persona": "Invent a person. {{ theme }}. {{ axes.values() | join('. ') }}.",
    "scenario": "What brings this person? {{ persona.background }} Theme: {{ theme }}.",
    "session": "Write {{ exchanges }} exchanges. {{ persona.background }} {{ scenario.summary }}",
    "patient": "You are the client. {{ scenario.summary }}",
    "counselor": "You are a counselor. Be brief and ask one question.",
    "rank": "Score this. {{ transcript }}",
}
RUBRIC = """
title: fitness
prompt: rank
dimensions:
  realism:
    question: Is it real?
    anchors: {1: Not at all., 10: Wholly.}
"""


@dataclass(frozen=True)
class Made:
    """What the stage made of the micro model's answers.

    Attributes:
        whole: a run that had each session written in one call.
        talked: one that had two agents talk.
        again: the answers in the whole run's cache before and after it was run once more.
    """

    pack: Domain
    whole: Run
    talked: Run
    again: tuple[int, int]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One vLLM for three runs of the stage."""
    return asyncio.run(make(tmp_path_factory.mktemp("micro")))


async def make(folder: Path) -> Made:
    pack = short_pack(folder / "therapy")
    served = Served(str(HOME.parent / "examples" / "micro"), ("micro",), dtype="float32")
    port = free_port()
    options = {
        "max_model_len": 2048, "max_num_seqs": 16, "enforce_eager": True,
        "enable_chunked_prefill": False, "max_num_batched_tokens": 4096,
    }  # fmt: skip
    async with running_server(
        "vllm",
        vllm_command(served, port=port, options=options),
        port=port,
        log=folder / "vllm.log",
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
        timeout_s=240,
        reporter=silent(),
    ) as url:
        whole = await generated(run_of(folder / "whole", url, sessions=4), pack)
        before = calls_of(whole)
        await generated(whole, pack)
        again = before, calls_of(whole)
        talked = run_of(folder / "talked", url, sessions=8, method="two-agent")
        return Made(pack, whole, await generated(talked, pack), again)


def short_pack(folder: Path) -> Domain:
    """The therapy pack with prompts that a context of 2,048 tokens can hold, and short texts.

    The micro model does not know how to end a string.
    """
    shutil.copytree(HOME / "therapy", folder)
    for file in (folder / "schemas").iterdir():
        file.write_text(re.sub(r'"maxLength": \d+', '"maxLength": 60', file.read_text()))
    (folder / "rubrics" / "ranking.yaml").write_text(RUBRIC)
    for name, text in SHORT.items():
        (folder / "prompts" / f"{name}.jinja").write_text(text)
    return Domain(folder)


def run_of(path: Path, url: str, **generation: Any) -> Run:
    sampling = {"temperature": 1.0, "max_tokens": 500}
    experiment = Experiment.model_validate(
        {
            "name": "micro",
            "model": {"name": "examples/micro"},
            "servers": {"micro": {"kind": "attached", "base_url": url}},
            "roles": {role: {"server": "micro", "sampling": sampling} for role in ROLES},
            "corpus": {"paths": ["none"]},
            "variants": {"base": {}},
            "generation": {"min_exchanges": 2, "max_exchanges": 3, "reasks": 1, **generation},
        }
    )
    return Run(path, experiment)


async def generated(run: Run, pack: Domain) -> Run:
    async with open_models(run, pack, ["teacher"], stage="generation", reporter=silent()) as models:
        with suppress(StageError):  # too few drafts: told, and all that came of it is written
            await generate(run, pack, models["teacher"], silent())
    return run


def calls_of(run: Run) -> int:
    with CallStore(run.calls) as calls:
        return sum(usage.calls for usage in calls.usage())


def records(run: Run, name: str, kind: type[AnyRecord]) -> list[AnyRecord]:
    return read_jsonl(run.generation / f"{name}.jsonl", kind)


@pytest.mark.parametrize("name", ["whole", "talked"])
def test_every_row_is_there_or_accounted_for(made: Made, name: str) -> None:
    run: Run = getattr(made, name)
    counts = read_json(run.generation / "report.json")["counts"]
    failures = records(run, "failures", Failure)
    sessions = run.experiment.generation.sessions
    for kind, count in counts.items():
        assert count["asked"] == count["written"] + count["failed"], kind
        assert count["failed"] == sum(failure.kind == kind for failure in failures)
    assert counts["persona"]["asked"] == counts["draft"]["asked"] == sessions
    assert all(failure.reason for failure in failures)


def test_what_is_written_fits_its_schema(made: Made) -> None:
    personas = records(made.whole, "personas", Persona)
    scenarios = records(made.whole, "scenarios", Scenario)
    assert personas
    assert scenarios
    for persona in personas:
        jsonschema.validate(persona.persona, made.pack.schema("persona"))
        decided = persona.provenance["axes"]
        assert {axis: persona.persona[axis] for axis in decided} == decided
    for scenario in scenarios:
        jsonschema.validate(scenario.scenario, made.pack.schema("scenario"))


def test_nonsense_is_judged_and_not_taken(made: Made) -> None:
    drafts = records(made.talked, "drafts", Session)
    assert drafts
    assert all(draft.provenance["teacher"]["kind"] == "attached" for draft in drafts)
    decisions = records(made.talked, "decisions", Review)
    assert len(decisions) == len(drafts)
    rankings = records(made.talked, "rankings", Judgment)
    assert rankings
    for judgment in rankings:
        assert (judgment.scores is None) != (judgment.missing is None)
    accepted = {each.session for each in decisions if each.status == "accepted"}
    assert {each.id for each in records(made.talked, "synthetic", Session)} == accepted
    assert len(accepted) < len(decisions)


def test_run_again_it_asks_only_for_what_failed(made: Made) -> None:
    before, after = made.again
    assert before > 0
    assert after - before <= 2 * len(records(made.whole, "failures", Failure))
