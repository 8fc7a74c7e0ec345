"""A small fabricated eval folder for the tests of the analysis, the table and the report."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybridtune.config import Experiment
from hybridtune.config.servers import EmbedderSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.records import Evidence, Judgment, Message, Scenario, Session, write_jsonl
from hybridtune.runs import Run

MEANS = {"base": (6.0, 5.5), "real": (5.0, 5.5), "hybrid": (7.5, 6.5)}
ATTACK = "<script>alert('patient')</script> I feel **stuck** & tired [bold]so[/bold]."
DOMAIN = """title: Test counselling
opener: Hello.
"""
RUBRIC = """title: Empathy and relevance
dimensions:
  empathy:
    question: Does the counselor understand?
    anchors: {1: not at all, 10: fully}
  relevance:
    question: Does the reply fit?
    anchors: {1: not at all, 10: fully}
"""


def make_domain(path: Path) -> Domain:
    (path / "rubrics").mkdir(parents=True)
    (path / "domain.yaml").write_text(DOMAIN, encoding="utf-8")
    (path / "rubrics" / "empathy_relevance.yaml").write_text(RUBRIC, encoding="utf-8")
    return load_domain(str(path))


def make_experiment(server: str = "scripted", **evaluation: Any) -> Experiment:
    servers: dict[str, Any] = {
        "scripted": {"kind": "scripted"},
        "local": {"kind": "managed"},
        "remote": {"kind": "attached", "base_url": "http://localhost:1/v1", "model": "big"},
    }
    return Experiment.model_validate(
        {
            "name": "fabricated",
            "seed": 7,
            "model": {"name": "small-model"},
            "servers": servers,
            "roles": {
                "teacher": {"server": server},
                "patient": {"server": server},
                "counselor": {"server": "local"},
                "judge": {"server": server},
            },
            "corpus": {"paths": ["nowhere.csv"]},
            "variants": {
                "base": {},
                "real": {"real": 1},
                "hybrid": {"real": 1, "synthetic": 1},
            },
            "evaluation": {"resamples": 400, **evaluation},
        }
    )


def with_embedder(run: Run, server: str = "scripted", **settings: Any) -> Run:
    """The same run with an embedder."""
    embedder = EmbedderSettings(server=server, **settings)
    roles = run.experiment.roles.model_copy(update={"embedder": embedder})
    return replace(run, experiment=run.experiment.model_copy(update={"roles": roles}))


def make_run(
    path: Path,
    *,
    scenarios: int = 8,
    missing: dict[str, int] | None = None,
    server: str = "scripted",
    means: dict[str, tuple[float, float]] | None = None,
    **evaluation: Any,
) -> Run:
    """Write scenarios, conversations and judgments; the first `missing[variant]` verdicts fail."""
    run = Run(path, make_experiment(server, **evaluation))
    names = [f"s{number:02d}" for number in range(scenarios)]
    conversations, judgments = [], []
    left = dict(missing or {})
    model = {"kind": "scripted" if server == "scripted" else "attached", "name": server}
    for number, name in enumerate(names):
        for variant in run.experiment.variants:
            for repeat in range(run.experiment.evaluation.repeats):
                rng = random.Random(f"{name}/{variant}/{repeat}")
                conversation = make_conversation(name, variant, repeat, number, model)
                conversations.append(conversation)
                for sample in range(run.experiment.evaluation.judge_samples):
                    fails = left.get(variant, 0) > 0
                    left[variant] = left.get(variant, 0) - 1
                    centre = (means or MEANS)[variant]
                    judgments.append(
                        make_judgment(conversation, sample, centre, rng, model, fails=fails)
                    )
    write_jsonl(
        run.eval / "scenarios.jsonl",
        [
            Scenario(
                id=name,
                domain="test",
                persona={"name": "Robin"},
                scenario={"summary": f"Trouble number {name}", "scenario": "It is hard."},
            )
            for name in names
        ],
    )
    write_jsonl(run.eval / "conversations.jsonl", conversations)
    write_jsonl(run.eval / "judgments.jsonl", judgments)
    return run


def make_conversation(
    scenario: str, variant: str, repeat: int, number: int, model: dict[str, Any]
) -> Session:
    texts = [
        ("system", "You are a counselor."),
        ("user", ATTACK),
        ("assistant", f"That sounds heavy. I am {variant}, <b>tell</b> me more."),
        ("user", "It began last year, after I moved."),
        ("assistant", "What was that move like for you?" + " I see." * (number % 3)),
    ]
    return Session(
        id=f"{scenario}--{variant}--{repeat}",
        domain="test",
        source="simulated",
        messages=tuple(Message(role=role, content=text) for role, text in texts),
        provenance={
            "variant": variant,
            "scenario": scenario,
            "repeat": repeat,
            "seed": 1,
            "counselor": {"kind": "managed", "name": variant},
            "patient": model,
            "ended": "cap" if number % 4 == 0 else "marker",
        },
    )


def make_judgment(
    conversation: Session,
    sample: int,
    centre: tuple[float, float],
    rng: random.Random,
    model: dict[str, Any],
    *,
    fails: bool,
) -> Judgment:
    scores = {
        name: Evidence(
            score=min(10, max(1, round(rng.gauss(mean, 1.2)))),
            quote="That sounds heavy.",
            quote_found=True,
        )
        for name, mean in zip(("empathy", "relevance"), centre, strict=True)
    }
    where = conversation.provenance
    return Judgment(
        id=f"{conversation.id}--{sample}",
        conversation=conversation.id,
        scenario=where["scenario"],
        variant=where["variant"],
        repeat=where["repeat"],
        rubric="empathy_relevance",
        judge=model["name"],
        sample=sample,
        scores=None if fails else scores,
        missing="the verdict is not JSON" if fails else None,
        provenance={"judge": model},
    )
