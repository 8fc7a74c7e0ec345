"""The generation stage: personas, scenarios, sessions, checks, ranking and the rules' decisions.

Reads `experiment.generation`, the domain pack, the held-out evaluation scenarios, the real sessions
(`corpus/real.jsonl`) and what people decided (`generation/reviews.jsonl`). Writes, in `generation/`
of the run folder and in the order of the rows, whatever order they finished in:

    rows.sqlite                  every row's outcome, the moment that the row is done
    personas.jsonl    Persona    scenarios.jsonl  Scenario
    drafts.jsonl      Session    every draft, with the checks that it passed
    rankings.jsonl    Judgment   of the drafts that passed the checks; missing ones with the reason
    decisions.jsonl   Review     one decision per draft
    synthetic.jsonl   Session    the accepted drafts with their ranking: the training data
    failures.jsonl    Failure    every record that was asked for and did not come
    report.json       counts, coverage, lengths, tokens, and the proof of disjointness

Rows are pipelined, a bounded window of them at a time: memory does not grow with their number. A
row that is in the store is not asked for again; within a row the request cache answers what was
answered before.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from rich.markup import escape

from generation.bars import Bars, bars
from generation.checks import load_standards
from generation.coverage import Row
from generation.fingerprints import circumstances, fingerprint_of, fingerprints
from generation.flight import in_flight, together, width_of
from generation.follow import Follower
from generation.meter import Meter, Spent
from generation.outcomes import Outcome
from generation.outputs import Outputs, head_of
from generation.personas import NEAR_PERSONA, Company, Crowded, crowded
from generation.report import Report
from generation.retold import comparison_of, held_vectors, model_of
from generation.rows import Work, without_persona, write_row
from generation.split import training_rows
from generation.store import RowStore
from generation.writer import Writer
from hybridtune.chat.client import Client
from hybridtune.chat.model import ChatModel
from hybridtune.domain import Domain
from hybridtune.embedding.embedder import Embedder
from hybridtune.errors import ConfigError, StageError
from hybridtune.overlap import HeldOut
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path, is_generated, read_held_out

WriteRow = Callable[[Row, int], Awaitable[Outcome]]
"""Writes a row, its persona asked for so many times."""


async def generate(
    run: Run,
    domain: Domain,
    teacher: ChatModel,
    reporter: Reporter,
    embedder: Embedder | None = None,
) -> None:
    """Write the synthetic sessions of a run; with an embedder, none that retells a scenario.

    Raises:
        ServerError: a model's server cannot be used at all; what is done stays in the store.
        CallError: the evaluation scenarios cannot be embedded.
        StageError: see `tell_failures`; the files are written nevertheless.
        DomainError, DataError: the pack or the evaluation scenarios do not fit.
    """
    settings = run.experiment.generation
    scenarios = read_held_out(run, domain)
    standards = load_standards(domain, HeldOut(scenarios))
    retold = await held_vectors(embedder, scenarios) if embedder else None
    told = comparison_of(run, retold)
    meter = Meter(teacher)
    writer = writer_for(run, domain, meter)
    rows = training_rows(run, domain)
    head = head_of(run, domain, teacher.description)
    with (
        RowStore(run.generation / "rows.sqlite") as store,
        Outputs(run, domain, standards, head, told) as outputs,
    ):
        with bars(reporter, settings, meter) as shown:
            work = Work(writer, standards, shown.heard, retold.near_to if retold else None)
            known = circumstances(run, domain, teacher.description, model_of(told))
            async with engine(run, domain, teacher, work, meter) as write:
                production = Production(run, store, work, write, shown, known)
                count = await production.write_all(rows, outputs)
        for outcome in store.outcomes(outputs.next, count):
            outputs.add(outcome)
    tell_failures(outputs.report, reporter)


def tell_failures(report: Report, reporter: Reporter) -> None:
    """Say what will not come; most of all is an error, so that the stage does not count as done.

    Raises:
        StageError: fewer than a quarter of the drafts, or of their rankings, have come.
    """
    first = report.first_failure
    if first is None:
        return
    fix = "the same command asks only for what is missing"
    if report.likeness.scenarios_removed * 2 > report.asked["scenario"]:
        fix = "its stories are theirs: name another teacher, or other evaluation.scenarios"
    elif report.likeness.retold_removed * 2 > report.asked["scenario"]:
        fix = "to this embedder all stories may be alike: raise roles.embedder.near_duplicate"
    for kind, done in (("draft", "sessions could be written"), ("ranking", "drafts were ranked")):
        written, asked = report.written[kind], report.asked[kind]
        if written * 4 < asked:
            raise StageError(
                f"only {written} of {asked} {done}; the first failure: {first.reason} ({fix})"
            )
    reporter.say(
        f"[yellow]{report.failed.total()} records failed[/], the first for: {escape(first.reason)} "
        "(generation/failures.jsonl; `hybridtune generate` with --force asks again for what was"
        " never answered)"
    )


@asynccontextmanager
async def engine(
    run: Run, domain: Domain, teacher: ChatModel, work: Work, meter: Meter
) -> AsyncIterator[WriteRow]:
    """What writes a row, by `generation.engine`: this process, or the workers of a cluster."""
    if run.experiment.generation.engine == "local":
        yield partial(write_row, work)
        return
    from generation.cluster import crew  # noqa: PLC0415

    assert isinstance(teacher, Client), "a cluster reaches the teacher at its address"
    async with crew(run, domain, teacher, work.heard, meter) as workers:
        yield workers.write


def rewrite(run: Run, domain: Domain) -> None:
    """Write all files anew from the row store, with what people have decided since; asks nobody.

    Raises:
        StageError: rows are missing, or of other settings than the rest: the stage has not ended.
    """
    settings, folder = run.experiment.generation, run.generation
    count = -(-settings.sessions // settings.scenarios_per_persona)
    standards = load_standards(domain, HeldOut(read_held_out(run, domain)))
    before = read_json(folder / "report.json")
    with RowStore(folder / "rows.sqlite") as store:
        if store.count(count) < count:
            raise StageError("rows are missing: run `hybridtune generate` first")
        told = before["held_out"].get("embeddings")
        known = fingerprints(run, domain, before["teacher"], model_of(told))
        current = store.fitting(known)
        if 0 < current < count:
            what = f"{count - current} of {count} rows are of other settings than the rest"
            raise StageError(f"{what}: run `hybridtune generate` first")
        head = head_of(run, domain, before["teacher"])
        with Outputs(run, domain, standards, head, told) as outputs:
            for outcome in store.outcomes(0, count):
                outputs.add(outcome)


async def preview(run: Run, domain: Domain, teacher: ChatModel, count: int) -> list[Outcome]:
    """The first rows of what `generate` would do, from persona to ranking; writes no record.

    Evaluation scenarios that the teacher has still to write cannot be kept away from yet.
    """
    known = evaluation_path(run, domain).is_file() or not is_generated(run)
    standards = load_standards(domain, HeldOut(read_held_out(run, domain) if known else []))
    rows = training_rows(run, domain)
    work = Work(writer_for(run, domain, teacher), standards, lambda *_: None)
    return await together(write_row(work, row) for row in islice(rows, count))


@dataclass(frozen=True)
class Production:
    """The rows of a run on their way into the store."""

    run: Run
    store: RowStore
    work: Work
    write_row: WriteRow
    shown: Bars
    circumstances: str

    async def write_all(self, rows: Iterator[Row], outputs: Outputs) -> int:
        """Write what is missing, no two personas alike; returns how many rows all are.

        Of what is settled on the way, `outputs` hears at once.
        """
        with Company(self.scratch) as company:
            follower = Follower(self.store, outputs, company)
            count = await self.write_missing(rows, follower)
            follower.go_on(None)
        await self.part_alike(follower.crowded, count)
        return count

    async def write_missing(self, rows: Iterator[Row], follower: Follower) -> int:
        """Write the rows that are not in the store; returns how many there are with them."""
        count = 0

        def missing() -> Iterator[tuple[Row, str]]:
            nonlocal count
            for row in rows:
                count += 1
                fingerprint = self.fingerprint(row)
                if self.store.has(row.index, fingerprint):
                    self.shown.skip(row)
                    follower.done(row.index)
                else:
                    yield row, fingerprint

        async def write(item: tuple[Row, str]) -> None:
            row, fingerprint = item
            outcome = await self.write_row(row, 1)
            await self.store.put(outcome, fingerprint)
            follower.done(row.index, outcome)
            follower.go_on()

        await in_flight(missing(), write, width_of(self.run))
        return count

    async def part_alike(self, again: list[Crowded], count: int) -> None:
        """Ask for somebody else where a persona is like an earlier one, until none is.

        What still is after `reasks` re-asks is a failure that takes its row with it.
        """
        while again:
            await in_flight(iter(again), self.write_another, width_of(self.run))
            again = list(crowded(self.store.personas(count), self.scratch))

    async def write_another(self, crowded: Crowded) -> None:
        """One row again, with another persona."""
        before = self.store.get(crowded.row)
        row, tries = before.row, before.tries
        self.shown.again(row)
        if tries > self.work.writer.settings.reasks:
            like = f"too like {crowded.like} (similarity {crowded.similarity:.2f}"
            reason = f"{like}, {NEAR_PERSONA:g} is too much), after {tries} tries"
            outcome = without_persona(self.work, row, reason, tries)
            outcome = outcome.model_copy(update={"whole": True})
        else:
            outcome = await self.write_row(row, tries + 1)
        # The personas before are asked for again and so counted; what came of them is not.
        counted = "persona" if "persona" in outcome.tokens else None
        spent = Spent()
        spent.add({task: cost for task, cost in before.tokens.items() if task != counted})
        spent.add(outcome.tokens)
        whole = outcome.model_copy(update={"tokens": spent.counts()})
        await self.store.put(whole, self.fingerprint(row))

    @property
    def scratch(self) -> Path:
        """The index of personas, while it is needed."""
        return self.run.generation / ".personas.sqlite"

    def fingerprint(self, row: Row) -> str:
        """See `fingerprint_of`."""
        return fingerprint_of(row, self.circumstances)


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
    if strange := settings.floors.keys() - rubric.dimensions.keys():
        raise ConfigError(
            f"generation.floors.{min(strange)}: the rubric {rubric.name!r} has no such dimension",
            where=str(run.path),
            fix=f"it has {', '.join(rubric.dimensions)}",
        )
    return Writer(domain, settings, teacher, experiment.roles.teacher.sampling, experiment.seed)
