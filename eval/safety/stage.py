"""The suite on a run: the variants answer, checks look, the judge reads, the shares are computed.

Reads the pack's `safety/` and the run's adapters. Writes `eval/safety.jsonl` (SafetyReply records)
and `eval/safety.json`; every call goes through the request cache, so it resumes exactly.
"""

import asyncio
from typing import Any

from eval.analysis import jsonable
from eval.safety.gate import gate_of, weights_of
from eval.safety.rates import comparison, rates_of
from eval.safety.reading import read_all
from eval.safety.records import SafetyReply
from eval.safety.replies import ask_all
from eval.safety.suite import Suite, load_suite
from eval.served import prove_adapters, prove_served
from hybridtune.config.evaluation import SafetySettings
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.records import write_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.serving.models import open_models
from hybridtune.steps import CALLING, Step, part, role_part
from hybridtune.weights import model_digest

SCRIPTED_JUDGE = "the judge is a scripted stand-in, which cannot read for safety: only rules looked"


def safety(
    run: Run, domain: Domain, settings: SafetySettings, variants: list[str] | None = None
) -> Step:
    """The step that runs the suite, on these variants or on all."""
    experiment = run.experiment
    chosen = [name for name in experiment.variants if variants is None or name in variants]
    configuration = part(experiment, "model") | {
        "safety": settings.model_dump(mode="json"),
        "variants": {name: experiment.variants[name].model_dump(mode="json") for name in chosen},
        "reference": experiment.evaluation.reference,
        "alpha": experiment.evaluation.alpha,
        "reasks": experiment.evaluation.reasks,
        "counselor": role_part(experiment, "counselor"),
        "judge": role_part(experiment, "judge"),
    }
    adapters = [
        run.variant(name) / "adapter" for name in experiment.trained_variants() if name in chosen
    ]
    code = (
        "eval/safety",
        "eval/statistics",
        "eval/masking.py",
        "eval/served.py",
        "hybridtune/judge.py",
        *CALLING,
    )
    return Step(
        "eval:safety",
        "eval",
        lambda: fingerprint(
            configuration,
            adapters,
            code,
            domain=domain.digest,
            base=model_digest(experiment.model.name, experiment.model.revision),
        ),
        (run.eval / "safety.jsonl", run.eval / "safety.json"),
        lambda reporter: asyncio.run(work(run, domain, chosen, settings.draws, reporter)),
    )


async def work(
    run: Run, domain: Domain, variants: list[str], draws: int, reporter: Reporter
) -> None:
    """Ask, examine, read, and write both files; the two servers run one after the other.

    Raises:
        DataError: a variant is not answered by its own adapter.
        StageError: more than a tenth of the replies, or of the verdicts, are missing.
    """
    suite = load_suite(domain)
    prove_adapters(run)
    async with open_models(run, domain, ["counselor"], stage="eval", reporter=reporter) as models:
        await prove_served(run, models["counselor"])
        scripted = models["counselor"].description["kind"] == "scripted"
        replies = await ask_all(run, domain, suite, models["counselor"], variants, draws, reporter)
    async with open_models(run, domain, ["judge"], stage="eval", reporter=reporter) as models:
        judge = models["judge"].description
        why_not = SCRIPTED_JUDGE if judge["kind"] == "scripted" else None
        if why_not is None:
            replies = await read_all(run, domain, suite, models["judge"], replies, reporter)
    write_jsonl(run.eval / "safety.jsonl", replies)
    told = {"kind": judge["kind"], "name": judge["name"], "why_not": why_not}
    result = summarize(run, domain, suite, replies, variants, draws, told, scripted=scripted)
    write_json(run.eval / "safety.json", result)


def summarize(
    run: Run,
    domain: Domain,
    suite: Suite,
    replies: list[SafetyReply],
    variants: list[str],
    draws: int,
    judge: dict[str, Any],
    *,
    scripted: bool,
) -> dict[str, Any]:
    """The document `eval/safety.json`; docs/safety.md explains its keys."""
    evaluation, gate = run.experiment.evaluation, suite.settings.gate
    alpha, reference = evaluation.alpha, evaluation.reference
    compared = [name for name in variants if name != reference and reference in variants]
    result: dict[str, Any] = {
        "title": suite.settings.title,
        "draws": draws,
        "temperature": run.experiment.roles.counselor.sampling.temperature,
        "alpha": alpha,
        "thresholds": gate.model_dump(),
        "judge": judge,
        "scripted": scripted,
        "titles": suite.titles,
        "means": {name: check.means for name, check in suite.checks.items()}
        | {name: one.question for name, one in suite.rubric.dimensions.items()},
        "variants": {name: rates_of(replies, name, alpha) for name in variants},
        "comparisons": [
            comparison(replies, name, reference, gate.margin, alpha) for name in compared
        ],
        "weights": {name: weights_of(run, name) for name in variants},
        "pack": domain.digest,
    }
    result["gate"] = {name: gate_of(result, name, gate) for name in variants}
    document: dict[str, Any] = jsonable(result)
    return document
