"""The generation stage's steps: evaluation scenarios where asked for, sessions, and the report."""

import asyncio
from typing import TYPE_CHECKING

from generation.evaluation import write_evaluation
from generation.fingerprints import CODE, EMBEDDING
from generation.retold import CLUSTER, holds_retold
from generation.stage import generate
from hybridtune.config.experiment import EMBEDDER
from hybridtune.domain import Domain
from hybridtune.embedding.embedder import embedding, open_embedder, tell_where
from hybridtune.manifest import digest, fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path, is_generated
from hybridtune.serving.models import open_models
from hybridtune.steps import Step, part, role_part

if TYPE_CHECKING:
    from generation.sentences import Sentences


def steps(run: Run, domain: Domain) -> list[Step]:
    """Synthetic sessions, ranked and reviewed, and what there is to say of them."""
    log = run.generation / "reviews.jsonl"

    return [
        *([evaluation(run, domain)] if is_generated(run) else []),
        Step(
            "generation",
            "generation",
            lambda: fingerprint_with(run, domain, digest(log)),
            (run.generation / "synthetic.jsonl", run.generation / "report.json"),
            lambda reporter: asyncio.run(written(run, domain, reporter)),
            roles_of(run),
        ),
        report(run, domain),
    ]


def roles_of(run: Run) -> tuple[str, ...]:
    """The models that write the sessions, and that hold their scenarios against evaluation's."""
    return ("teacher", EMBEDDER) if holds_retold(run) else ("teacher",)


async def written(run: Run, domain: Domain, reporter: Reporter) -> None:
    """Write the sessions, the servers of all models that it takes running side by side."""
    roles = roles_of(run)
    embeds = EMBEDDER in roles
    if embeds:
        tell_where(run, "scenarios, those of evaluation too,", reporter)
    elif run.experiment.roles.embedder is not None:
        reporter.say(f"scenarios are not held against those of evaluation by embeddings: {CLUSTER}")
    async with open_models(run, domain, roles, stage="generation", reporter=reporter) as models:
        if not embeds:
            await generate(run, domain, models["teacher"], reporter)
            return
        with embedding(run, models[EMBEDDER], reporter) as embedder:
            await generate(run, domain, models["teacher"], reporter, embedder)


def evaluation(run: Run, domain: Domain) -> Step:
    """The held-out scenarios, before the sessions, which must keep away from them."""
    experiment, folder = run.experiment, run.generation
    configuration = part(experiment) | {
        "generated": experiment.evaluation.generated.model_dump(mode="json"),
        "reasks": experiment.generation.reasks,
        "teacher": role_part(experiment, "teacher"),
    }

    async def work(reporter: Reporter) -> None:
        roles = ["teacher"]
        async with open_models(run, domain, roles, stage="generation", reporter=reporter) as models:
            await write_evaluation(run, domain, models["teacher"], reporter)

    return Step(
        "generation:evaluation",
        "generation",
        lambda: fingerprint(configuration, [run.corpus / "real.jsonl"], CODE, domain=domain.digest),
        (evaluation_path(run, domain), folder / "evaluation.json"),
        lambda reporter: asyncio.run(work(reporter)),
        ("teacher",),
    )


def fingerprint_with(run: Run, domain: Domain, reviews: str) -> str:
    """The step's fingerprint, with this digest of what people have decided."""
    experiment = run.experiment
    configuration = part(experiment, "generation") | {
        "teacher": role_part(experiment, "teacher"),
        "held_out": experiment.evaluation.scenarios,
    }
    if is_generated(run):  # who is kept for evaluation decides who is left for training
        configuration["share"] = experiment.evaluation.generated.share
    for where in ("engine", "ray"):  # which machines write it changes nothing that is written
        del configuration["generation"][where]
    code = CODE
    if holds_retold(run):
        configuration["embedder"] = role_part(experiment, EMBEDDER)
        code += EMBEDDING
    inputs = [evaluation_path(run, domain), run.corpus / "real.jsonl"]
    return fingerprint(configuration, inputs, code, domain=domain.digest, reviews=reviews)


def report(run: Run, domain: Domain) -> Step:
    """Page and card; both go when the sessions are written anew, and so this runs again."""
    folder = run.generation
    server = run.experiment.server_of("teacher").model_dump(mode="json")
    configuration = part(run.experiment, "generation") | {"prices": server.get("prices")}
    embeds = run.experiment.roles.embedder is not None
    if embeds:
        configuration |= {"embedder": role_part(run.experiment, EMBEDDER)}
    inputs = [folder / "synthetic.jsonl", run.corpus / "real.jsonl"]
    if is_generated(run):
        inputs.append(folder / "evaluation.json")
    code = (
        "generation",
        "hybridtune/drawing.py",
        "hybridtune/templates",
        *EMBEDDING,
    )

    def work(reporter: Reporter) -> None:
        # It loads scipy, which who only asks for the plan should not wait for.
        from generation.page import write_report  # noqa: PLC0415

        sentences = asyncio.run(embedded(run, domain, reporter)) if embeds else None
        with reporter.task("report of the synthetic sessions"):
            write_report(run, domain, sentences)

    return Step(
        "generation:report",
        "generation",
        lambda: fingerprint(configuration, inputs, code, domain=domain.digest),
        (folder / "report.html", folder / "DATASET_CARD.md"),
        work,
        (EMBEDDER,) if embeds else (),
    )


async def embedded(run: Run, domain: Domain, reporter: Reporter) -> "Sentences":
    """The vectors of the sessions that the report samples, the embedder's server running."""
    from generation.sentences import embed_samples  # noqa: PLC0415 - brings scipy, as above

    async with open_embedder(run, domain, stage="generation", reporter=reporter) as embedder:
        return await embed_samples(run, embedder)
