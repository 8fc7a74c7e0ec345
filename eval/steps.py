"""The eval stage's steps: conversations, judgments, report."""

import asyncio

from eval.analysis import analyse
from eval.exports import write_exports
from eval.judging import judge_all
from eval.report import write_report
from eval.simulate import scenarios_file, simulate
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.serving.models import open_models
from hybridtune.steps import CALLING, Step, part, role_part
from hybridtune.weights import model_digest


def steps(run: Run, domain: Domain) -> list[Step]:
    """All steps of the stage, in order."""
    return [conversations(run, domain), judgments(run, domain), report(run, domain)]


def conversations(run: Run, domain: Domain) -> Step:
    """Every variant in every held-out scenario, the counselor's and patient's servers running."""
    experiment = run.experiment
    settings = experiment.evaluation.model_dump(
        mode="json", include={"scenarios", "count", "repeats", "max_exchanges"}
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
            [*adapters, scenarios_file(run, domain), run.generation / "synthetic.jsonl"],
            ["eval/simulate.py", "eval/leaks.py", "eval/served.py", *CALLING],
            domain=domain.digest,
            base=model_digest(experiment.model.name, experiment.model.revision),
        ),
        (run.eval / "scenarios.jsonl", run.eval / "conversations.jsonl"),
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
    inputs = [run.eval / f"{name}.jsonl" for name in names]
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
