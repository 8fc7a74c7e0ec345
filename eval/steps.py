"""The eval stage's steps: conversations, judgments, the safety suite where asked for, report."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from eval.analysis import analyse
from eval.embeddings import embed_run
from eval.exports import write_exports
from eval.judging import judge_all, rubrics_of
from eval.overlap import training_files
from eval.pairwise import Pair, compare_all
from eval.probes import probe_run
from eval.report import write_report
from eval.safety.stage import safety
from eval.simulate import simulate
from hybridtune.config.experiment import EMBEDDER
from hybridtune.domain import Domain
from hybridtune.embedding.embedder import open_embedder
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.records import Judgment
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path
from hybridtune.serving.models import open_models
from hybridtune.steps import CALLING, Step, part, role_part
from hybridtune.weights import model_digest

JUDGE = ("hybridtune/judge.py", "hybridtune/checklist.py")
TWINS = "eval/twins.py"
EMBEDDING = (
    "eval/embeddings.py",
    "eval/mismatch.py",
    "eval/nearness.py",
    "hybridtune/embedding",
    "hybridtune/overlap.py",
    "hybridtune/scripted/embedding.py",
)
SIMULATING = (
    "eval/simulate.py",
    "eval/disclosure.py",
    "eval/patient_checks.py",
    "eval/overlap.py",
    "eval/served.py",
    "hybridtune/overlap.py",
    "hybridtune/scenarios.py",
    "hybridtune/scenario_table.py",
)
"""The code that decides who meets whom, and what counts as a conversation."""


def steps(run: Run, domain: Domain) -> list[Step]:
    """All steps of the stage, in order."""
    judging, asked = run.experiment.evaluation.judging, run.experiment.evaluation.safety
    return [
        conversations(run, domain),
        *([embeddings(run, domain)] if run.experiment.roles.embedder else []),
        judgments(run, domain),
        *([comparisons(run, domain)] if judging.pairwise else []),
        *([probes(run, domain)] if judging.probes else []),
        *([safety(run, domain, asked)] if asked else []),
        report(run, domain),
    ]


def conversations(run: Run, domain: Domain) -> Step:
    """Every variant in every held-out scenario, the counselor's and patient's servers running."""
    experiment = run.experiment
    settings = experiment.evaluation.model_dump(
        mode="json", include={"scenarios", "count", "repeats", "max_exchanges", "resimulations"}
    )
    configuration = part(experiment, "model", "variants") | {
        "evaluation": settings,
        "patient": role_part(experiment, "patient"),
        "counselor": role_part(experiment, "counselor"),
    }
    adapters = [run.variant(name) / "adapter" for name in experiment.trained_variants()]

    async def work(reporter: Reporter) -> None:
        roles = ["counselor", "patient"]
        async with open_models(run, domain, roles, stage="eval", reporter=reporter) as models:
            await simulate(run, domain, models["counselor"], models["patient"], reporter)

    return Step(
        "eval:conversations",
        "eval",
        lambda: fingerprint(
            configuration,
            [
                *adapters,
                evaluation_path(run, domain),
                *training_files(run),
            ],
            [*SIMULATING, *CALLING],
            domain=domain.digest,
            base=model_digest(experiment.model.name, experiment.model.revision),
        ),
        tuple(
            run.eval / name for name in ("scenarios.jsonl", "overlap.json", "conversations.jsonl")
        ),
        lambda reporter: asyncio.run(work(reporter)),
    )


def embeddings(run: Run, domain: Domain) -> Step:
    """Training data and replies as an embedding model sees them."""

    async def work(reporter: Reporter) -> None:
        async with open_embedder(run, domain, stage="eval", reporter=reporter) as embedder:
            await embed_run(run, embedder)

    inputs = [run.eval / "scenarios.jsonl", run.eval / "conversations.jsonl", *training_files(run)]
    return Step(
        "eval:embeddings",
        "eval",
        lambda: fingerprint(
            {**part(run.experiment), "embedder": role_part(run.experiment, EMBEDDER)},
            inputs,
            [*EMBEDDING, *CALLING],
        ),
        (run.eval / "embeddings.json",),
        lambda reporter: asyncio.run(work(reporter)),
        (EMBEDDER,),
    )


def judgments(run: Run, domain: Domain) -> Step:
    """Every conversation read by the judges, each alone on the machine."""

    async def work(reporter: Reporter) -> None:
        earlier: list[Judgment] = []
        for role in run.experiment.judges():
            async with open_models(run, domain, [role], stage="eval", reporter=reporter) as models:
                earlier = await judge_all(
                    run, domain, models[role], reporter, role=role, earlier=earlier
                )

    output = run.eval / "judgments.jsonl"
    return judges_step(run, domain, "eval:judgments", {"rubrics": rubrics_of(run)}, output, work)


def comparisons(run: Run, domain: Domain) -> Step:
    """The variants compared in pairs by the judges."""

    async def work(reporter: Reporter) -> None:
        earlier: list[Pair] = []
        for role in run.experiment.judges():
            async with open_models(run, domain, [role], stage="eval", reporter=reporter) as models:
                earlier = await compare_all(run, domain, models[role], reporter, role, earlier)

    output = run.eval / "comparisons.jsonl"
    return judges_step(run, domain, "eval:comparisons", {}, output, work)


def probes(run: Run, domain: Domain) -> Step:
    """The judges put to the test."""
    count = run.experiment.evaluation.judging.probes

    async def work(reporter: Reporter) -> None:
        await probe_run(run, domain, count, reporter)

    output = run.eval / "probes.json"
    return judges_step(run, domain, "eval:probes", {"probes": count}, output, work)


def judges_step(
    run: Run,
    domain: Domain,
    name: str,
    settings: dict[str, Any],
    output: Path,
    work: Callable[[Reporter], Coroutine[Any, Any, None]],
) -> Step:
    """A step that asks all judges about the conversations."""
    experiment = run.experiment
    shared = experiment.evaluation.model_dump(
        mode="json", include={"rubric", "judge_samples", "reasks"}
    )
    configuration = part(experiment) | {
        "evaluation": shared | settings,
        "judges": {role: role_part(experiment, role) for role in experiment.judges()},
    }
    module = {"eval:comparisons": ["eval/pairwise.py"], "eval:probes": ["eval/probes.py", TWINS]}
    return Step(
        name,
        "eval",
        lambda: fingerprint(
            configuration,
            [run.eval / "conversations.jsonl"],
            ["eval/judging.py", "eval/masking.py", *JUDGE, *module.get(name, []), *CALLING],
            domain=domain.digest,
        ),
        (output,),
        lambda reporter: asyncio.run(work(reporter)),
        tuple(experiment.judges()),
    )


def report(run: Run, domain: Domain) -> Step:
    """Statistics, figures and the page."""
    names = ("scenarios", "conversations", "judgments")
    optional = (
        "overlap.json",
        "embeddings.json",
        "comparisons.jsonl",
        "probes.json",
        "audit.json",
        "safety.json",
    )
    inputs = [run.eval / f"{name}.jsonl" for name in names]
    inputs += [run.eval / name for name in optional]
    inputs += [run.variant(name) / "training.json" for name in run.experiment.trained_variants()]
    if calibration := run.experiment.evaluation.judging.calibration:
        inputs.append(Path(calibration))
    configuration = part(run.experiment, "evaluation", "variants", "roles", "servers", "model")

    def work(reporter: Reporter) -> None:
        with reporter.task("statistics and report"):
            write_exports(analyse(run, domain), run.eval)
            write_report(run, domain)

    return Step(
        "eval:report",
        "eval",
        lambda: fingerprint(configuration, inputs, ["eval"], domain=domain.digest),
        tuple(
            run.eval / name
            for name in ("analysis.json", "results.csv", "table.tex", "report.html", "figures")
        ),
        work,
    )
