"""Held-out scenarios by the teacher: people of the evaluation side, before there is any session.

Reads `experiment.evaluation.generated`, the domain pack and the real sessions
(`corpus/real.jsonl`). Writes, in `generation/` of the run folder:

    evaluation.jsonl   Scenario   what the variants will be compared on
    evaluation.json    counts, coverage, tokens, failures, and what was replaced for its likeness

Rows are spread over themes and axes by the quotas of the training rows, and written by the same
`Writer` with seeds of its own. Nothing but the request cache is kept besides: a stage that starts
again asks only for what was not answered.

Who is like somebody earlier, or whose scenario shares its words with an earlier one or with a real
session, is replaced: another person with the same decided traits is asked for, `generation.reasks`
times at most. What still is too near then is a failure, as is a call that brings nothing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from generation.apart import Talk
from generation.coverage import LENGTH, Coverage, Row, iter_rows
from generation.flight import in_flight, width_of
from generation.meter import Meter
from generation.outputs import head_of
from generation.parting import is_small
from generation.personas import crowded
from generation.report import said
from generation.rows import Failure, Kind
from generation.space import THEME, load_space
from generation.split import Split, split_of
from generation.stage import writer_for
from generation.writer import Writer
from hybridtune.chat.model import ChatModel
from hybridtune.config import Experiment
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import CallError, StageError
from hybridtune.overlap import HELD_OUT_SHARED, HeldOut
from hybridtune.progress import Reporter, Task
from hybridtune.records import Scenario, Session, iter_jsonl, write_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path, is_generated
from hybridtune.seeds import derive


@dataclass
class Place:
    """One scenario of the held-out set on its way.

    Attributes:
        row: who is asked for.
        talk: the people asked for so far.
        tries: how many were asked for, those that did not come with them.
        scenario: the last that came, until it is found too near to another one.
        failure: why none comes.
        replaced: why those that came had to give way, one after the other.
    """

    row: Row
    talk: Talk = field(default_factory=Talk)
    tries: int = 0
    scenario: Scenario | None = None
    failure: Failure | None = None
    replaced: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The scenario's id; rows count from 1 for people."""
        return f"evaluation-{self.row.index + 1:05d}"

    @property
    def repeats(self) -> bool:
        """Whether all that was asked for came, and none was apart."""
        return len(self.replaced) == self.tries > 0

    def fail(self, stage: Kind, reason: str) -> None:
        """Nothing comes here."""
        self.scenario = None
        self.failure = Failure(
            kind="scenario", id=self.name, row=self.row.index, stage=stage, reason=reason
        )

    async def ask(self, writer: Writer) -> None:
        """Ask for a person, or for somebody else, and for what that person brings."""
        self.tries += 1
        stage: Kind = "persona"
        try:
            persona = await writer.persona(self.row, self.talk)
            stage = "scenario"
            story = Talk()
            scenario = await writer.scenario(self.row, 0, persona, story)
        except CallError as error:
            self.fail(stage, str(error))
            return
        told = scenario.provenance
        prompts = {**persona.provenance["prompt_sha256"], **told["prompt_sha256"]}
        more = {"axes": dict(self.row.axes), "prompt_sha256": prompts}
        calls = [*self.talk.calls, *story.calls]
        provenance = {"source": "written by the teacher", **told, **more, "calls": calls}
        del provenance["persona"]  # it has no record of its own
        self.scenario = scenario.model_copy(update={"id": self.name, "provenance": provenance})


async def write_evaluation(
    run: Run, domain: Domain, teacher: ChatModel, reporter: Reporter
) -> None:
    """Write the held-out scenarios of a run.

    Raises:
        DomainError: the pack has too few combinations to be split.
        ServerError: the teacher's server cannot be used at all.
        StageError: not even half of the scenarios came, or fewer than `evaluation.count`; the files
            are written nevertheless.
    """
    meter = Meter(teacher)
    seed = derive(run.experiment.seed, "evaluation")
    writer = replace(writer_for(run, domain, meter), seed=seed)
    places = [Place(row) for row in evaluation_rows(run.experiment, domain)]
    with reporter.task("evaluation scenarios", total=len(places)) as task:
        await fill(places, writer, run, task)
    write_jsonl(evaluation_path(run, domain), (each.scenario for each in places if each.scenario))
    report = head_of(run, domain, teacher.description) | content(places, run, domain)
    write_json(run.generation / "evaluation.json", report | {"tokens": meter.spent.counts()})
    tell(places, run.experiment.evaluation.count or 0, reporter)


async def fill(places: Sequence[Place], writer: Writer, run: Run, task: Task) -> None:
    """Ask until each place has a scenario that is apart from all others, or a failure."""

    async def ask(place: Place) -> None:
        await place.ask(writer)
        task.advance(failed=place.failure is not None)

    waiting = list(places)
    while True:
        await in_flight(iter(waiting), ask, width_of(run))
        found = too_near(places, run)
        if not found:
            return
        waiting = []
        for place, reason in found:
            place.replaced.append(reason)
            if place.tries > writer.settings.reasks:
                place.fail("scenario", f"{reason}, after {place.tries} tries")
            else:
                waiting.append(place)
        task.expect(len(waiting))


def too_near(places: Sequence[Place], run: Run) -> list[tuple[Place, str]]:
    """The places whose scenario must give way, and why.

    An earlier place has the older right, unless it must give way itself.
    """
    filled = [(place, place.scenario) for place in places if place.scenario]
    held_out = HeldOut(each for _, each in filled)
    reasons: dict[int, str] = {}
    for name, number in near_real(held_out, run.corpus / "real.jsonl"):
        reasons.setdefault(number, f"shares its words with the real session {name}")
    scenarios = [(number, each) for number, (_, each) in enumerate(filled)]
    people = [
        (number, each.id, each.persona) for number, each in scenarios if number not in reasons
    ]
    for row, like, similarity in crowded(people, run.generation / ".evaluation.sqlite"):
        reasons[row] = f"a person like that of {like} (similarity {similarity:.2f})"
    for number, each in scenarios:
        shared = held_out.shared([each.scenario])
        earlier = {
            other: count
            for other, count in shared.items()
            if other < number and other not in reasons
        }
        if near := held_out.nearest(earlier):
            reasons.setdefault(number, f"shares its words with {near}")
    return [(filled[number][0], reason) for number, reason in sorted(reasons.items())]


def near_real(held_out: HeldOut, real: Path) -> list[tuple[str, int]]:
    """The real sessions that share too many words with a scenario, and the scenario's number.

    Real sessions are trained on, so evaluation would refuse the scenario in the end.
    """
    sessions = iter_jsonl(real, Session) if real.is_file() else ()
    return [
        (session.id, number)
        for session in sessions
        for number, count in held_out.shared(said(session)).items()
        if count >= held_out.limits[number]
    ]


def evaluation_rows(experiment: Experiment, domain: Domain) -> list[Row]:
    """Who is asked for: rows of the evaluation side, one scenario each.

    Raises:
        DomainError: the pack has too few combinations to be split.
    """
    asked = experiment.evaluation.generated
    split = Split(experiment.seed, asked.share)
    seed = derive(experiment.seed, "evaluation")
    return list(iter_rows(domain, one_each(asked.count), seed, None, split.evaluation))


def one_each(count: int) -> GenerationSettings:
    """So many rows of one scenario each; how long a talk is, is not theirs to say."""
    return GenerationSettings(sessions=count, min_exchanges=1, max_exchanges=1)


def check_split(run: Run, domain: Domain) -> None:
    """See that each side of a split has rows: better now than when the scenarios are written.

    Raises:
        DomainError: the pack has too few combinations to be split.
        DataError: the file of the evaluation scenarios is missing, or holds something else.
    """
    experiment = run.experiment
    if is_generated(run):
        evaluation_rows(experiment, domain)
    fits, asked = split_of(run, domain).fits, experiment.generation
    if not fits or not asked.sessions:
        return
    small = is_small(load_space(domain))
    # In a small space what the first block can do, a later one may not, which gives other counts.
    count = -(-asked.sessions // asked.scenarios_per_persona) if small else 1
    deque(iter_rows(domain, one_each(count), experiment.seed, None, fits), maxlen=0)


def content(places: Sequence[Place], run: Run, domain: Domain) -> dict[str, Any]:
    """What `evaluation.json` says of the scenarios."""
    asked = run.experiment.evaluation.generated
    split = Split(run.experiment.seed, asked.share)
    coverage = Coverage(domain, one_each(asked.count))
    for place in places:
        coverage.add(place.row)
        coverage.came("written", place.row, place.scenario is not None, ())
    table = coverage.content()
    del table["axes"][LENGTH]
    for values in table["axes"].values():
        for value in values.values():
            del value["taken"]
    crossed = sum(split.training({THEME: each.row.theme, **each.row.axes}) for each in places)
    failures = [each.failure for each in places if each.failure]
    return {
        "counts": {
            "asked": len(places),
            "written": len(places) - len(failures),
            "failed": len(failures),
        },
        "replaced": sum(bool(each.replaced) and each.failure is None for each in places),
        "limit_shared_8grams": HELD_OUT_SHARED,
        "failures": [each.model_dump() for each in failures],
        "split": split.content(crossed),
        "coverage": table,
    }


def tell(places: Sequence[Place], count: int, reporter: Reporter) -> None:
    """Say what will not come.

    Args:
        places: all.
        count: how many the evaluation will play.
        reporter: who is told.

    Raises:
        StageError: that is more than half, or leaves fewer than will be played.
    """
    failed = [(each, each.failure) for each in places if each.failure]
    if not failed:
        return
    what = f"{len(failed)} of {len(places)} evaluation scenarios did not come"
    first = f"the first for: {failed[0][1].reason}"
    written = len(places) - len(failed)
    enough = 2 * written >= len(places) and written >= count
    fix = "the same command asks only for what is missing"
    if enough:
        fix = "`hybridtune generate` with --force asks for them again"
    if 2 * sum(each.repeats for each, _ in failed) > len(failed):
        # Its answers are in the request cache: asked again, they are the same.
        fix = "the teacher repeats itself: name another one, or raise generation.reasks"
    if not enough:
        few = f"; evaluation.count is {count}" if written < count else ""
        raise StageError(f"{what}, {first}{few} ({fix})")
    reporter.say(f"[yellow]{what}[/], {escape(first)} (generation/evaluation.json; {fix})")
