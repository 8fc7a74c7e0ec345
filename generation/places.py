"""The places of the held-out set, each asked for until its scenario is apart from all others.

Reads the real sessions (`corpus/real.jsonl`). An earlier place has the older right, so more places
later change none of those that are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generation.apart import Talk
from generation.coverage import Row
from generation.flight import in_flight, width_of
from generation.outcomes import Failure, Kind
from generation.personas import crowded
from generation.report import said
from generation.writer import Writer
from hybridtune.errors import CallError
from hybridtune.overlap import HeldOut
from hybridtune.progress import Task
from hybridtune.records import Scenario, Session, iter_jsonl
from hybridtune.runs import Run


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
