"""One row from persona to ranked drafts: the next step starts when this row is ready, not all rows.

A step that fails for good ends its chain and leaves a `Failure` for every record that now will not
come, so that what was asked for is always what was written plus what failed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from generation.checks import Draft, Standards, examine
from generation.coverage import Row
from generation.writer import Writer, persona_id, row_id
from hybridtune.errors import CallError
from hybridtune.records import Judgment, Persona, Record, Scenario, Session

Kind = Literal["persona", "scenario", "draft", "ranking"]


class Failure(Record):
    """One record that was asked for and will not come.

    `kind` is what is missing, `stage` the step that broke: a persona that fails takes its scenarios
    and drafts with it.
    """

    kind: Kind
    id: str
    row: int
    stage: Kind
    reason: str


@dataclass
class Chain:
    """What became of one session of a row; what it did not come to stays empty.

    Attributes:
        removed: the evaluation scenario that this chain's scenario was too near to.
        problem: the check that the draft failed, and what is wrong.
    """

    scenario: Scenario | None = None
    removed: str | None = None
    draft: Session | None = None
    problem: tuple[str, str] | None = None
    ranking: Judgment | None = None
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Outcome:
    """All that became of a row."""

    row: Row
    persona: Persona | None
    chains: list[Chain]
    failures: list[Failure]


async def write_row(
    writer: Writer, row: Row, standards: Standards, done: Callable[[Chain], None]
) -> Outcome:
    """Ask for everything of a row; `done` hears of each chain as it ends."""

    async def run(number: int) -> Chain:
        chain = await write_chain(writer, row, number, persona, standards)
        done(chain)
        return chain

    numbers = range(len(row.exchanges))
    try:
        persona = await writer.persona(row)
    except CallError as error:
        reason = str(error)
        chains = [
            Chain(failures=lost(row, number, "persona", reason, "scenario", "draft"))
            for number in numbers
        ]
        for chain in chains:
            done(chain)
        return Outcome(row, None, chains, lost(row, 0, "persona", reason, "persona"))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(number)) for number in numbers]
    return Outcome(row, persona, [task.result() for task in tasks], [])


async def write_chain(
    writer: Writer, row: Row, number: int, persona: Persona, standards: Standards
) -> Chain:
    """Scenario, session, checks and ranking, as far as they come."""
    try:
        scenario = await writer.scenario(row, number, persona)
    except CallError as error:
        return Chain(failures=lost(row, number, "scenario", str(error), "scenario", "draft"))
    near = standards.held_out.too_close(scenario.scenario, scenario.persona)
    if near:
        reason = f"too near to the evaluation scenario {near}"
        return Chain(
            removed=near, failures=lost(row, number, "scenario", reason, "scenario", "draft")
        )
    try:
        written = await writer.session(row, number, scenario)
    except CallError as error:
        return Chain(scenario, failures=lost(row, number, "draft", str(error), "draft"))
    asked = row.exchanges[number]
    passed, problem = examine(Draft(written.session.messages, asked, written.cut_turns, standards))
    chain = Chain(scenario, draft=with_checks(written.session, passed), problem=problem)
    if problem is None:
        chain.ranking = await writer.ranking(row, number, written.session)
        if chain.ranking.missing is not None:
            chain.failures = lost(row, number, "ranking", chain.ranking.missing, "ranking")
    return chain


def with_checks(draft: Session, passed: list[str]) -> Session:
    """The draft with these checks added to those that its provenance says it passed."""
    checks = [*draft.provenance.get("checks", []), *passed]
    return draft.model_copy(update={"provenance": {**draft.provenance, "checks": checks}})


def lost(row: Row, number: int, stage: Kind, reason: str, *kinds: Kind) -> list[Failure]:
    """A failure for each record that now will not come."""
    return [
        Failure(
            kind=kind, id=record_id(kind, row, number), row=row.index, stage=stage, reason=reason
        )
        for kind in kinds
    ]


def record_id(kind: Kind, row: Row, number: int) -> str:
    """The id that the missing record would have had."""
    if kind == "persona":
        return persona_id(row)
    return row_id("synthetic" if kind == "draft" else kind, row, number)
