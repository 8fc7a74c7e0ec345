"""Variants x held-out scenarios x repeats: the simulated conversations.

Reads the held-out scenarios that `evaluation.scenarios` names, and the training sessions, to prove
that none of them has leaked. Writes `eval/scenarios.jsonl`, `eval/overlap.json` and
`eval/conversations.jsonl`.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from eval.cells import failure_of
from eval.disclosure import cues_of, plan_of
from eval.overlap import overlap
from eval.patient_checks import problem_of
from eval.served import identity_of, prove_adapters, prove_served
from hybridtune.chat.model import ChatModel
from hybridtune.conversation import Conversation, converse
from hybridtune.domain import Domain
from hybridtune.errors import CallError, DataError, StageError
from hybridtune.progress import Reporter
from hybridtune.records import Scenario, Session, write_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import read_scenarios, written_path
from hybridtune.seeds import derive


async def simulate(
    run: Run, domain: Domain, counselor: ChatModel, patient: ChatModel, reporter: Reporter
) -> None:
    """Hold every conversation; one that fails for good is written down with its reason.

    Raises:
        DataError: no scenarios, training sessions come too near to one of them, or a variant is
            not answered by its own adapter.
        StageError: more than a tenth of the conversations failed.
    """
    scenarios = choose_scenarios(run, domain)
    nearness = overlap(run, scenarios)
    prove_adapters(run)
    await prove_served(run, counselor)
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    write_json(run.eval / "overlap.json", nearness)
    stage = Stage(run, domain, counselor, patient)
    cells = [
        (scenario, variant, repeat)
        for scenario in scenarios
        for variant in run.experiment.variants
        for repeat in range(run.experiment.evaluation.repeats)
    ]
    with reporter.task("conversations", total=len(cells)) as task:

        async def hold(scenario: Scenario, variant: str, repeat: int) -> Session:
            session = await stage.hold(scenario, variant, repeat)
            task.advance(failed=failure_of(session) is not None)
            return session

        sessions = await asyncio.gather(*(hold(*cell) for cell in cells))
    reasons = [reason for session in sessions if (reason := failure_of(session))]
    if len(reasons) * 10 > len(sessions):
        lost = sum("invalid" in session.provenance for session in sessions)
        fix = "mend the servers; the same command asks only for these again"
        if lost * 2 >= len(reasons):
            fix = "name another model in roles.patient, or raise evaluation.resimulations"
        raise StageError(
            f"{len(reasons)} of {len(sessions)} conversations failed, first: {reasons[0]} ({fix})"
        )
    write_jsonl(run.eval / "conversations.jsonl", sessions)


@dataclass(frozen=True)
class Stage:
    """Where the two talk: a run, its pack, and the models behind counselor and patient."""

    run: Run
    domain: Domain
    counselor: ChatModel
    patient: ChatModel

    async def hold(self, scenario: Scenario, variant: str, repeat: int) -> Session:
        """One conversation; where the patient leaves its role, again with another seed.

        The seeds leave the variant out: every variant meets the same patient.
        """
        first = derive(self.run.experiment.seed, "conversation", scenario.id, repeat)
        invalid: list[dict[str, Any]] = []
        for attempt in range(self.run.experiment.evaluation.resimulations + 1):
            seed = derive(first, "again", attempt) if attempt else first
            session = self.session(scenario, variant, repeat, seed)
            try:
                talk = await self.talk(scenario, variant, seed)
            except CallError as error:
                return with_provenance(session, failed=str(error), attempts=invalid)
            problem = problem_of(talk.messages, scenario, self.domain)
            if problem is None:
                break
            name, detail = problem
            told = {"seed": seed, "reason": name, "detail": detail}
            invalid.append(told | {"call_ids": list(talk.call_ids)})
        else:
            reason = f"the patient left its role: {invalid[-1]['reason']}"
            return with_provenance(session, invalid=reason, attempts=invalid)
        session = session.model_copy(update={"messages": talk.messages})
        return with_provenance(
            session,
            ended=talk.ended,
            cut_turns=talk.cut_turns,
            call_ids=list(talk.call_ids),
            attempts=invalid,
        )

    def session(self, scenario: Scenario, variant: str, repeat: int, seed: int) -> Session:
        """A session before its first word."""
        plan = plan_of(self.domain, scenario, self.run.experiment.seed)
        provenance = {
            "variant": variant,
            "scenario": scenario.id,
            "repeat": repeat,
            "seed": seed,
            "counselor": {
                **self.counselor.description,
                "name": variant,
                "identity": identity_of(self.counselor, variant),
            },
            "patient": self.patient.description,
        }
        return Session(
            id=f"{scenario.id}--{variant}--{repeat}",
            domain=self.domain.name,
            source="simulated",
            messages=(),
            persona=scenario.persona,
            scenario=scenario.scenario,
            provenance=provenance | ({"attitude": plan.name} if plan else {}),
        )

    async def talk(self, scenario: Scenario, variant: str, seed: int) -> Conversation:
        """Let a patient of this scenario and this seed meet a variant."""
        experiment, domain = self.run.experiment, self.domain
        inputs = {"persona": scenario.persona, "scenario": scenario.scenario}
        plan = plan_of(domain, scenario, experiment.seed)
        most = experiment.evaluation.max_exchanges
        manner = {"attitude": plan.attitude.manner} if plan else {}
        return await converse(
            patient=self.patient,
            counselor=self.counselor,
            patient_system=domain.render("patient", **inputs, **manner),
            counselor_system=domain.system_prompt,
            patient_inputs=inputs,
            patient_sampling=experiment.roles.patient.sampling,
            counselor_sampling=experiment.roles.counselor.sampling,
            seed=seed,
            max_exchanges=most,
            end_marker=domain.settings.end_marker,
            opening=domain.settings.opener,
            counselor_model=variant,
            cues=cues_of(domain, plan, most) if plan else (),
        )


def with_provenance(session: Session, **more: Any) -> Session:
    """The session with more to say of its making; no word of attempts where the first was good."""
    told = {key: value for key, value in more.items() if key != "attempts" or value}
    return session.model_copy(update={"provenance": session.provenance | told})


def choose_scenarios(run: Run, domain: Domain) -> list[Scenario]:
    """The held-out scenarios of this run, drawn with its seed where it uses only some."""
    settings = run.experiment.evaluation
    path = written_path(run, domain)
    scenarios = read_scenarios(path, domain)
    if not scenarios:
        raise DataError("no scenario", where=str(path))
    count = settings.count
    if count is None or count == len(scenarios):
        return scenarios
    if count > len(scenarios):
        raise DataError(
            f"evaluation.count is {count}, but there are {len(scenarios)} scenarios",
            where=str(path),
            fix="lower evaluation.count",
        )
    drawn = random.Random(derive(run.experiment.seed, "scenarios")).sample(
        range(len(scenarios)), count
    )
    return [scenarios[index] for index in sorted(drawn)]
