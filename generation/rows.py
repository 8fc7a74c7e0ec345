"""One row from persona to ranked drafts: the next step starts when this row is ready, not all rows.

A step that fails for good ends its chain and leaves a `Failure` for every record that now will not
come, so that what was asked for is always what was written plus what failed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count
from operator import itemgetter

from generation.apart import Talk, apart
from generation.checks import Draft, Standards, examined
from generation.coverage import Row
from generation.flight import together
from generation.meter import Meter
from generation.outcomes import (
    Chain,
    Failure,
    Heard,
    Kind,
    Near,
    Outcome,
    Take,
    near_of,
    with_checks,
)
from generation.writer import Writer, Written, persona_id, row_id
from hybridtune.errors import CallError
from hybridtune.records import Persona, Scenario


@dataclass(frozen=True)
class Work:
    """What all rows of a run share.

    Attributes:
        retold: the evaluation scenario that a scenario retells by embeddings, if any; None where
            nothing is held against them.
    """

    writer: Writer
    standards: Standards
    heard: Heard
    retold: Callable[[Scenario], Awaitable[Near | None]] | None = None

    def lost(
        self, row: Row, number: int, stage: Kind, reason: str, *kinds: Kind
    ) -> tuple[Failure, ...]:
        """A failure for each record that now will not come; of drafts, as many as were asked."""
        samples = range(self.writer.settings.best_of)
        names = [
            (kind, record_id(kind, row, number, sample))
            for kind in kinds
            for sample in (samples if kind == "draft" else (0,))
        ]
        for kind, _ in names:
            self.heard(kind, "failed")
            if kind == "draft":
                self.heard("ranking", "spared")
        return tuple(
            Failure(kind=kind, id=name, row=row.index, stage=stage, reason=reason)
            for kind, name in names
        )

    def removed(self, row: Row, number: int, stage: Kind, near: Near) -> Chain:
        """A chain that ends because it would be too near to an evaluation scenario."""
        failures = self.lost(row, number, stage, near.reason, "scenario", "draft")
        return Chain(removed=near.scenario, cosine=near.cosine, failures=failures)

    async def near_to(self, scenario: Scenario) -> Near | None:
        """The evaluation scenario that this one is too near to: by words, which cost no request.

        Only what is far enough by these is held against embeddings, where that is done.
        """
        shared = self.standards.held_out.too_close(scenario.scenario, scenario.persona)
        if shared is not None:
            return Near(shared)
        return await self.retold(scenario) if self.retold else None

    @property
    def most(self) -> int:
        """How often a record is asked for that is too near to another one, or to a scenario."""
        return 1 + self.writer.settings.reasks


async def write_row(work: Work, row: Row, tries: int = 1) -> Outcome:
    """Ask for everything of a row, its persona `tries` times: see `Writer.persona`.

    What is too near to an evaluation scenario is asked for again, `reasks` times at most.
    """
    meter = Meter(work.writer.teacher)
    work = replace(work, writer=replace(work.writer, teacher=meter))
    talk = Talk()

    def near_to(persona: Persona) -> str | None:
        return work.standards.held_out.too_close(persona.persona)

    try:
        earlier = [near_to(await work.writer.persona(row, talk)) for _ in range(tries - 1)]
        persona, near, replaced = await apart(
            lambda: work.writer.persona(row, talk), near_to, work.most - tries + 1
        )
    except CallError as error:
        failed = without_persona(work, row, str(error), tries)
        return failed.model_copy(update={"tokens": meter.spent.counts()})
    work.heard("persona", "done")
    numbers = range(len(row.exchanges))
    if near:
        chains = [work.removed(row, number, "persona", Near(near)) for number in numbers]
    else:
        chains = await together(write_chain(work, row, number, persona) for number in numbers)
    return Outcome(
        row=row,
        persona=persona,
        chains=tuple(chains),
        failures=(),
        tries=tries + len(replaced),
        replaced=() if near else (*filter(None, earlier), *replaced),
        # A scenario that was removed comes again whenever it is asked for; a failed call may not.
        whole=not any(chain.failures and chain.removed is None for chain in chains),
        tokens=meter.spent.counts(),
    )


def without_persona(work: Work, row: Row, reason: str, tries: int) -> Outcome:
    """A row whose persona did not come, or may not stay, with all that it takes with it."""
    chains = (
        Chain(failures=work.lost(row, number, "persona", reason, "scenario", "draft"))
        for number in range(len(row.exchanges))
    )
    return Outcome(
        row=row,
        persona=None,
        chains=tuple(chains),
        failures=work.lost(row, 0, "persona", reason, "persona"),
        tries=tries,
        whole=False,
        tokens={},
    )


async def write_chain(work: Work, row: Row, number: int, persona: Persona) -> Chain:
    """Scenario, drafts, checks and rankings, as far as they come."""
    talk = Talk()

    async def looked_at() -> tuple[Scenario, Near | None]:
        scenario = await work.writer.scenario(row, number, persona, talk)
        return scenario, await work.near_to(scenario)

    try:
        (scenario, _), near, replaced = await apart(looked_at, itemgetter(1), work.most)
    except CallError as error:
        lost = work.lost(row, number, "scenario", str(error), "scenario", "draft")
        return Chain(failures=lost)
    if near:
        return work.removed(row, number, "scenario", near)
    work.heard("scenario", "done")
    samples = range(work.writer.settings.best_of)
    taken = await together(write_take(work, row, number, sample, scenario) for sample in samples)
    return Chain(
        scenario=scenario,
        replaced=tuple(each.scenario for each in replaced if each.cosine is None),
        retold=tuple(each.scenario for each in replaced if each.cosine is not None),
        takes=tuple(take for take, _ in taken if take),
        failures=tuple(failure for _, failures in taken for failure in failures),
    )


async def write_take(
    work: Work, row: Row, number: int, sample: int, scenario: Scenario
) -> tuple[Take | None, tuple[Failure, ...]]:
    """One draft with its checks and, where it passes them, its ranking."""

    def failed(kind: Kind, reason: str) -> tuple[Failure, ...]:
        name = record_id(kind, row, number, sample)
        work.heard(kind, "failed")
        return (Failure(kind=kind, id=name, row=row.index, stage=kind, reason=reason),)

    async def looked_at() -> Take:
        written = await work.writer.session(row, number, scenario, sample, next(again))
        return await checked(work, row.exchanges[number], written)

    again = count()
    try:
        take, _, replaced = await apart(looked_at, near_of, work.most)
    except CallError as error:
        work.heard("ranking", "spared")
        return None, failed("draft", str(error))
    work.heard("draft", "done")
    if replaced:
        take = take.model_copy(update={"replaced": replaced})
    if take.problem is not None:
        work.heard("ranking", "spared")
        return take, ()
    ranking = await work.writer.ranking(row, number, take.draft, sample)
    take = take.model_copy(update={"ranking": ranking})
    if ranking.missing is not None:
        return take, failed("ranking", ranking.missing)
    work.heard("ranking", "done")
    return take, ()


async def checked(work: Work, asked: int, written: Written) -> Take:
    """A draft with the checks that it passed, and the one that it failed."""
    session = written.session
    draft = Draft(session.messages, asked, written.cut_turns, work.standards, session.persona or {})
    passed, problem = await examined(draft)
    return Take(draft=with_checks(session, passed, draft.evidence), problem=problem)


def record_id(kind: Kind, row: Row, number: int, sample: int = 0) -> str:
    """The id that the missing record would have had."""
    if kind == "persona":
        return persona_id(row)
    return row_id("synthetic" if kind == "draft" else kind, row, number, sample)
