"""An eval folder in which every word of a model, a pack or a person tries to run a script."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from fabricated import RUBRIC, make_run, with_embedder

from eval.judge_quality import conversations_digest
from eval.nearness import Named, Played, Sessions, nearness
from eval.pairwise import Pair
from eval.safety.gate import weights_of
from eval.safety.rates import comparison, rates_of
from eval.safety.records import Finding, SafetyReply
from hybridtune.domain import Domain, load_domain
from hybridtune.records import (
    Judgment,
    Message,
    Scenario,
    Session,
    read_jsonl,
    write_json,
    write_jsonl,
)
from hybridtune.runs import Run

VARIANTS = ("base", "real", "hybrid")
NEEDLE = "a purple zeppelin"
"""Said in one conversation alone."""


def attack(field: str) -> str:
    """Words that run a script wherever they are taken for markup, and say which field they are."""
    run = f"(window.hits=window.hits||[]).push('{field}');alert('{field}')"
    return (
        f"</script></style></title></textarea><!-- --><script>{run}</script>"
        f'<img src=x onerror="{run}"><svg onload={run}>" onmouseover="{run}" \''
        f" onfocus='{run}' autofocus {{{{ 7 * 7 }}}} $x_1$ javascript:{run} [{field}]"
    )


def make_hostile_domain(path: Path) -> Domain:
    (path / "rubrics").mkdir(parents=True)
    settings = {
        "title": attack("domain"), "opener": "Hello.", "counselor": attack("counselor"),
        "patient": attack("patient"),
    }  # fmt: skip
    (path / "domain.yaml").write_text(json.dumps(settings), encoding="utf-8")
    rubric = RUBRIC.replace("Empathy and relevance", json.dumps(attack("rubric")))
    rubric = rubric.replace("Does the counselor understand?", json.dumps(attack("question")))
    (path / "rubrics" / "empathy_relevance.yaml").write_text(rubric, encoding="utf-8")
    return load_domain(str(path))


def make_hostile_run(path: Path, domain: Domain, scenarios: int = 6) -> Run:
    """A whole eval folder: pairs, probes, safety and trainings too."""
    judging = {"pairwise": True}
    run = make_run(path, scenarios=scenarios, server="remote", resamples=200, judging=judging)
    run = with_embedder(run)
    ids = {one.id: f"{one.id} {attack('scenario id')}" for one in scenarios_of(run)}
    write_jsonl(run.eval / "scenarios.jsonl", [hostile(one, ids) for one in scenarios_of(run)])
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    sessions = [talk(one, ids, place) for place, one in enumerate(sessions)]
    write_jsonl(run.eval / "conversations.jsonl", sessions)
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    judgments = [judged(one, ids, place) for place, one in enumerate(judgments)]
    write_jsonl(run.eval / "judgments.jsonl", judgments)
    write_jsonl(run.eval / "comparisons.jsonl", compared(list(ids.values())))
    write_surroundings(run, domain)
    return run


def scenarios_of(run: Run) -> list[Scenario]:
    return read_jsonl(run.eval / "scenarios.jsonl", Scenario)


def hostile(one: Scenario, ids: dict[str, str]) -> Scenario:
    place = list(ids).index(one.id)
    return Scenario(
        id=ids[one.id],
        domain="test",
        persona={attack("persona key"): attack("persona")},
        scenario={
            "summary": f"{one.id} {attack('summary')}",
            "scenario": attack("story"),
            attack("scenario key"): [{"distortion": attack("distortion")}],
        },
        provenance={"theme": "plain theme" if place % 2 else attack("theme")},
    )


def talk(one: Session, ids: dict[str, str], place: int) -> Session:
    told = one.provenance | {
        "scenario": ids[one.provenance["scenario"]], "ended": attack("ended"),
        "patient": {"kind": "attached", "name": attack("patient model")},
    }  # fmt: skip
    messages = [Message(role=turn.role, content=f"{turn.content} {attack(turn.role)}")
                for turn in one.messages if turn.role != "system"]  # fmt: skip
    if place == 4:
        messages[0] = Message(role="user", content=f"I dreamt of {NEEDLE}.")
    if place == 5:
        told, messages = told | {"failed": attack("failed")}, []
    update = {"id": f"{one.id} {attack('session id')}", "provenance": told, "messages": messages}
    return Session.model_validate(one.model_dump() | update)


def judged(one: Judgment, ids: dict[str, str], place: int) -> Judgment:
    told = one.model_dump() | {
        "conversation": f"{one.conversation} {attack('session id')}",
        "scenario": ids[one.scenario],
        "judge": attack("judge"),
        "provenance": {"judge": {"kind": "attached", "name": attack("judge model")}},
    }
    if place == 7:
        told |= {"scores": None, "missing": attack("missing")}
    for name, evidence in (told["scores"] or {}).items():
        evidence["quote"] = attack(f"quote of {name}")
    return Judgment.model_validate(told)


def compared(ids: list[str]) -> list[Pair]:
    return [
        Pair(id=f"{place}", scenario=name, first="real", second="hybrid", repeat=0,
             rubric="empathy_relevance", judge=attack("pair judge"),
             winner=None if place == 0 else "second", agreed=True, said=("second", "first"),
             missing=attack("pair missing") if place == 0 else None)
        for place, name in enumerate(ids)
    ]  # fmt: skip


def write_surroundings(run: Run, domain: Domain) -> None:
    """Manifest, probes, trainings and safety, as their stages write them."""
    write_json(run.path / "manifest.json", {"versions": {"python": attack("manifest")}})
    outcome = {"rule": "falls", "n": 8, "missing": 0, "shift": -2.0, "low": -3.0, "high": -1.0,
               "outcome": "passed"}  # fmt: skip
    model = {"kind": "attached", "name": attack("judge model")}
    probed = {attack("probed judge"): {"model": model, "probes": {"empty": outcome}}}
    write_json(
        run.eval / "probes.json",
        {
            "rubric": "empathy_relevance",
            "conversations": 8,
            "sha256": conversations_digest(run),
            "judges": probed,
        },
    )
    for number, name in enumerate(run.experiment.trained_variants(), start=1):
        write_json(run.variant(name) / "training.json", training_record(number))
    write_embeddings(run)
    write_safety(run, domain)


def write_embeddings(run: Run) -> None:
    """Every scenario has its copy in the training data of `real`."""
    ids = [one.id for one in scenarios_of(run)]
    rows = np.eye(len(ids))
    copies = Named([f"{place} {attack('trained session')}" for place in range(len(ids))], rows)
    found = nearness(
        Named(ids, rows),
        Played(rows, ids),
        {"real": Sessions(len(ids), copies, copies)},
        0.9,
        np.random.default_rng(0),
    )
    write_json(
        run.eval / "embeddings.json",
        {
            "sha256": conversations_digest(run),
            "model": {"kind": "attached", "name": attack("embedder model")},
            "dimensions": len(ids),
            "counts": {"texts": 2 * len(ids), "in_parts": 1, "halved": 0},
            "nearness": found,
            "mismatch": {},
        },
    )


def training_record(number: int, **changes: Any) -> dict[str, Any]:
    """A `training.json` as the training stage writes it, trained on `number` times 1000 tokens."""
    return {
        "base_model": {"name": "m", "dtype": attack("dtype") if number == 1 else "float32"},
        "data": {"sessions": 10 * number, "counselor_turns": 80 * number},
        "steps": 10 * number, "epochs": 2.0, "tokens_trained": 1000 * number, "seed": 1,
        "processes": 1, "device": "cpu", "quantization": None,
        "windows": {"max_length": 1536}, "sft": {"learning_rate": 0.001, "logging_steps": number},
        "lora": {"r": 8}, "versions": {"torch": "2.13"},
        "loss_curve": [{"tokens_trained": 500, "loss": 3.0}, {"tokens_trained": 900, "loss": 2.0}],
        "held_out_curve": [{"tokens_trained": 0, "loss": 3.5}],
        "held_out_loss": {"before": 3.5, "after": 2.5}, "removed_near_duplicates": [],
        "hashes": {
            "dataset": f"{number:064d}", "held_out": "h", "system_prompt": "s",
            "chat_template": "c", "base_model": "b", "adapter": f"{number:064d}",
        },
    } | changes  # fmt: skip


def write_safety(run: Run, domain: Domain) -> None:
    replies = [
        SafetyReply(
            id=f"{name}-{item}", item=f"{attack('item')}{item}",
            category=attack("category") if item % 2 else "veiled", benign=item == 3, variant=name,
            draw=0, messages=(Message(role="user", content=attack("disclosure")),
                              Message(role="assistant", content=attack("safety reply"))),
            findings=(Finding(check=attack("check"), kind="must_not", passed=item > 0,
                              words=attack("words"), red=True),),
        )
        for name in VARIANTS for item in range(4)
    ]  # fmt: skip
    reasons = {"state": "failed", "reasons": [attack("gate")]}
    write_jsonl(run.eval / "safety.jsonl", replies)
    write_json(
        run.eval / "safety.json",
        {
            "title": attack("suite"), "judge": {"name": attack("safety judge"), "why_not": ""},
            "scripted": False, "draws": 1, "temperature": 0.7, "alpha": 0.05,
            "variants": {name: plain(rates_of(replies, name, 0.05)) for name in VARIANTS},
            "comparisons": [plain(comparison(replies, "real", "base", 0.05, 0.05))],
            "thresholds": {"margin": 0.05}, "gate": dict.fromkeys(VARIANTS, reasons),
            "means": {attack("check"): attack("meaning")},
            "weights": {name: weights_of(run, name) for name in VARIANTS}, "pack": domain.digest,
        },
    )  # fmt: skip


def plain(value: Any) -> Any:
    """As JSON has it, where no number is `nan`."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)
