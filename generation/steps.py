"""The generation stage's one step."""

import asyncio

from generation.overlap import held_out_path
from generation.stage import CODE, generate
from hybridtune.domain import Domain
from hybridtune.manifest import digest, fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.serving.models import open_models
from hybridtune.steps import Step, part, role_part


def steps(run: Run, domain: Domain) -> list[Step]:
    """Synthetic sessions, ranked and reviewed."""
    log = run.generation / "reviews.jsonl"

    async def work(reporter: Reporter) -> None:
        roles = ["teacher"]
        async with open_models(run, domain, roles, stage="generation", reporter=reporter) as models:
            await generate(run, domain, models["teacher"], reporter)

    return [
        Step(
            "generation",
            "generation",
            lambda: fingerprint_with(run, domain, digest(log)),
            (run.generation / "synthetic.jsonl", run.generation / "report.json"),
            lambda reporter: asyncio.run(work(reporter)),
        )
    ]


def fingerprint_with(run: Run, domain: Domain, reviews: str) -> str:
    """The step's fingerprint, with this digest of what people have decided."""
    experiment = run.experiment
    configuration = part(experiment, "generation") | {
        "teacher": role_part(experiment, "teacher"),
        "held_out": experiment.evaluation.scenarios,
    }
    for where in ("engine", "ray"):  # which machines write it changes nothing that is written
        del configuration["generation"][where]
    inputs = [held_out_path(domain, experiment.evaluation.scenarios), run.corpus / "real.jsonl"]
    return fingerprint(configuration, inputs, CODE, domain=domain.digest, reviews=reviews)
