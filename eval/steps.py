"""The eval stage's steps: conversations, judgments, report."""

import asyncio

from eval.analysis import analyse
from eval.judging import judge_all
from eval.overlap import training_files
from eval.report import write_report
from eval.simulate import simulate
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.scenarios import scenarios_path
from hybridtune.serving.models import open_models
from hybridtune.steps import CALLING, Step, part, role_part
from hybridtune.weights import model_digest

SIMULATING = (
    "eval/simulate.py",
    "eval/disclosure.py",
    "eval/consistency.py",
    "eval/overlap.py",
    "hybridtune/overlap.py",
    "hybridtune/scenarios.py",
    "hybridtune/scenario_table.py",
)
"""The code that decides who meets whom, and what counts as a conversation."""


def steps(run: Run, domain: Domain) -> list[Step]:
    """All steps of the stage, in order."""
    return [conversations(run, domain), judgments(run, domain), report(run, domain)]


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
                scenarios_path(domain, experiment.evaluation.scenarios),
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


def judgments(run: Run, domain: Domain) -> Step:
    """Every conversation read by the judge, alone on the machine."""
    experiment = run.experiment
    settings = experiment.evaluation.model_dump(
        mode="json", include={"rubric", "judge_samples", "reasks"}
    )
    configuration = part(experiment) | {
        "evaluation": settings,
        "judge": role_part(experiment, "judge"),
    }

    async def work(reporter: Reporter) -> None:
        async with open_models(run, domain, ["judge"], stage="eval", reporter=reporter) as models:
            await judge_all(run, domain, models["judge"], reporter)

    return Step(
        "eval:judgments",
        "eval",
        lambda: fingerprint(
            configuration,
            [run.eval / "conversations.jsonl"],
            ["eval/judging.py", "hybridtune/judge.py", *CALLING],
            domain=domain.digest,
        ),
        (run.eval / "judgments.jsonl",),
        lambda reporter: asyncio.run(work(reporter)),
    )


def report(run: Run, domain: Domain) -> Step:
    """Statistics, figures and the page."""
    names = ("scenarios", "conversations", "judgments")
    inputs = [*(run.eval / f"{name}.jsonl" for name in names), run.eval / "overlap.json"]
    configuration = part(run.experiment, "evaluation", "variants", "roles", "servers", "model")

    def work(reporter: Reporter) -> None:
        with reporter.task("statistics and report"):
            analyse(run, domain)
            write_report(run, domain)

    return Step(
        "eval:report",
        "eval",
        lambda: fingerprint(configuration, inputs, ["eval"], domain=domain.digest),
        (run.eval / "analysis.json", run.eval / "report.html", run.eval / "figures"),
        work,
    )
