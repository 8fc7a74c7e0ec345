"""The generation stage's one step."""

import asyncio

from generation.overlap import held_out_path
from generation.stage import CODE, generate
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.serving.models import open_models
from hybridtune.steps import Step, part, role_part


def steps(run: Run, domain: Domain) -> list[Step]:
    """Synthetic sessions, ranked and reviewed."""
    experiment = run.experiment
    configuration = part(experiment, "generation") | {
        "teacher": role_part(experiment, "teacher"),
        "held_out": experiment.evaluation.scenarios,
    }
    held_out = held_out_path(domain, experiment.evaluation.scenarios)
    inputs = [held_out, run.corpus / "real.jsonl"]

    async def work(reporter: Reporter) -> None:
        roles = ["teacher"]
        async with open_models(run, domain, roles, stage="generation", reporter=reporter) as models:
            await generate(run, domain, models["teacher"], reporter)

    return [
        Step(
            "generation",
            "generation",
            lambda: fingerprint(configuration, inputs, CODE, domain=domain.digest),
            (run.generation / "synthetic.jsonl", run.generation / "report.json"),
            lambda reporter: asyncio.run(work(reporter)),
        )
    ]
