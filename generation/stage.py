"""The generation stage: personas, scenarios, sessions, checks, ranking and the rules' decisions.

Reads `experiment.generation`, the domain pack and the held-out evaluation scenarios. Writes, in
`generation/` of the run folder and in the order of the rows, whatever order they finished in:

    personas.jsonl    Persona    scenarios.jsonl  Scenario
    drafts.jsonl      Session    every draft, with the checks that it passed
    rankings.jsonl    Judgment   of the drafts that passed the checks; missing ones with the reason
    reviews.jsonl     Review     one decision per draft
    synthetic.jsonl   Session    the accepted drafts with their ranking: the training data
    failures.jsonl    Failure    every record that was asked for and did not come
    report.json       counts, coverage, lengths, tokens, and the proof of disjointness

Rows are pipelined; the chat model bounds how many calls are under way, and its request cache is
what makes an interrupted stage resume.
"""

import asyncio
from collections.abc import Callable, Sequence

from generation.checks import Standards, load_standards
from generation.coverage import Row, plan_rows
from generation.meter import Meter
from generation.overlap import load_held_out, near_duplicates, text_grams
from generation.report import report, said
from generation.review import Review, mean_rank, review
from generation.rows import Chain, Failure, Outcome, with_checks, write_row
from generation.writer import Writer
from hybridtune.chat.model import ChatModel
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, HybridtuneError, StageError
from hybridtune.progress import Reporter
from hybridtune.records import Session, write_json, write_jsonl
from hybridtune.runs import Run


async def generate(run: Run, domain: Domain, teacher: ChatModel, reporter: Reporter) -> None:
    """Write the synthetic sessions of a run.

    Raises:
        ServerError: the teacher's server cannot be used at all; nothing is written.
        StageError: fewer than a quarter of the sessions could be drafted; the failures are written.
        DomainError, DataError: the pack or the evaluation scenarios do not fit.
    """
    settings = run.experiment.generation
    standards = load_standards(domain, load_held_out(domain, run.experiment.evaluation.scenarios))
    meter = Meter(teacher)
    writer = writer_for(run, domain, meter)
    rows = plan_rows(domain, settings, run.experiment.seed)
    with reporter.task("synthetic sessions", settings.sessions) as task:

        def done(chain: Chain) -> None:
            note = f"{meter.completion_tokens:,} tokens written"
            task.advance(failed=chain.draft is None, note=note)

        outcomes = await write_rows(rows, writer, standards, done)
    chains = [chain for outcome in outcomes for chain in outcome.chains]
    mark_near_duplicates(chains)
    write_outcomes(run, domain, meter, standards, outcomes)
    failures = all_failures(outcomes)
    written, asked = sum(chain.draft is not None for chain in chains), settings.sessions
    if failures and written * 4 < asked:
        raise StageError(
            f"only {written} of {asked} sessions could be written; the first failure: "
            f"{failures[0].reason} (the same command asks only for what is missing)"
        )


async def preview(run: Run, domain: Domain, teacher: ChatModel, count: int) -> list[Outcome]:
    """The first rows of what `generate` would do, from persona to ranking; writes no record."""
    standards = load_standards(domain, load_held_out(domain, run.experiment.evaluation.scenarios))
    rows = plan_rows(domain, run.experiment.generation, run.experiment.seed)[:count]
    return await write_rows(rows, writer_for(run, domain, teacher), standards, lambda _: None)


def writer_for(run: Run, domain: Domain, teacher: ChatModel) -> Writer:
    """The teacher at work under this run's settings, once all that it will need is known to fit."""
    experiment, settings = run.experiment, run.experiment.generation
    domain.schema("persona")
    domain.schema("scenario")
    rubric = domain.rubric(settings.rubric)
    if settings.accept_at > rubric.high:
        raise ConfigError(
            f"generation.accept_at: no draft can reach {settings.accept_at:g}",
            where=str(run.path),
            fix=f"the rubric {rubric.name!r} goes from {rubric.low} to {rubric.high}",
        )
    return Writer(domain, settings, teacher, experiment.roles.teacher.sampling, experiment.seed)


async def write_rows(
    rows: Sequence[Row], writer: Writer, standards: Standards, done: Callable[[Chain], None]
) -> list[Outcome]:
    """All rows at once; the answers come in the order of the rows."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(write_row(writer, row, standards, done)) for row in rows]
    except BaseExceptionGroup as errors:
        # One error that stops all rows is one line for the user, not a tree of tracebacks.
        known = [each for each in leaves(errors) if isinstance(each, HybridtuneError)]
        if not known:
            raise
        raise known[0] from None
    return [task.result() for task in tasks]


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside a group of errors, groups inside it opened too."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def mark_near_duplicates(chains: Sequence[Chain]) -> None:
    """Give each draft that resembles an earlier one this as its problem, and the others the check.

    Done when all rows are there, in their order, so that the outcome does not depend on which draft
    was ready first; a duplicate has therefore been ranked already.
    """
    sound = [chain for chain in chains if chain.draft and chain.problem is None]
    drafts = [chain.draft for chain in sound if chain.draft]
    found = near_duplicates([text_grams(said(draft), 5) for draft in drafts])
    for number, (chain, draft) in enumerate(zip(sound, drafts, strict=True)):
        if number in found:
            other, similarity = found[number]
            like = f"like {drafts[other].id} (similarity {similarity:.2f})"
            chain.problem = ("near_duplicate", like)
        else:
            chain.draft = with_checks(draft, ["near_duplicate"])


def write_outcomes(
    run: Run, domain: Domain, meter: Meter, standards: Standards, outcomes: Sequence[Outcome]
) -> None:
    """Write all files of the stage; the report comes last."""
    settings, folder = run.experiment.generation, run.generation
    chains = [chain for outcome in outcomes for chain in outcome.chains]
    drafted = [(chain, chain.draft) for chain in chains if chain.draft]
    reviews = [review(draft, chain.problem, chain.ranking, settings) for chain, draft in drafted]
    synthetic = [
        with_ranking(chain, draft)
        for (chain, draft), decision in zip(drafted, reviews, strict=True)
        if taken(decision, settings)
    ]
    failures = all_failures(outcomes)
    write_jsonl(folder / "personas.jsonl", (each.persona for each in outcomes if each.persona))
    write_jsonl(folder / "scenarios.jsonl", (each.scenario for each in chains if each.scenario))
    write_jsonl(folder / "drafts.jsonl", (draft for _, draft in drafted))
    write_jsonl(folder / "rankings.jsonl", (each.ranking for each in chains if each.ranking))
    write_jsonl(folder / "reviews.jsonl", reviews)
    write_jsonl(folder / "synthetic.jsonl", synthetic)
    write_jsonl(folder / "failures.jsonl", failures)
    head = {
        "scripted": meter.description.get("kind") == "scripted",
        "teacher": meter.description,
        "domain": {"name": domain.name, "sha256": domain.digest},
        "seed": run.experiment.seed,
        "method": settings.method,
    }
    body = report(outcomes, reviews, synthetic, failures, standards.held_out)
    write_json(
        folder / "report.json", {**head, **body, "tokens": dict(sorted(meter.tasks.items()))}
    )


def all_failures(outcomes: Sequence[Outcome]) -> list[Failure]:
    """In the order of the rows, a persona's before those that it took with it."""
    return [
        failure
        for outcome in outcomes
        for failure in (
            *outcome.failures,
            *(failure for chain in outcome.chains for failure in chain.failures),
        )
    ]


def taken(decision: Review, settings: GenerationSettings) -> bool:
    """Whether a draft goes into the training data."""
    flagged = settings.include_flagged and decision.status == "flagged"
    return flagged or decision.status == "accepted"


def with_ranking(chain: Chain, draft: Session) -> Session:
    """The draft as the training data has it; a flagged one may lack the scores."""
    if chain.ranking is None or chain.ranking.scores is None:
        return draft
    ranking = {
        "rubric": chain.ranking.rubric,
        "judge": chain.ranking.judge,
        "mean": mean_rank(chain.ranking),
        "scores": {name: each.model_dump() for name, each in chain.ranking.scores.items()},
    }
    return draft.model_copy(update={"ranking": ranking})
