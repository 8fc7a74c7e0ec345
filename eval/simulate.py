"""Variants x held-out scenarios x repeats: the simulated conversations.

Reads the domain's held-out scenarios (or `evaluation.scenarios`), and the training sessions, to
prove that the two share no scenario. Writes `eval/scenarios.jsonl` and `eval/conversations.jsonl`.
"""

import asyncio
import random
from pathlib import Path

from eval.leaks import HeldOut
from eval.served import identity_of, prove_adapters, prove_served
from hybridtune.chat.model import ChatModel
from hybridtune.conversation import converse
from hybridtune.domain import Domain
from hybridtune.errors import CallError, DataError, StageError
from hybridtune.progress import Reporter, Task
from hybridtune.records import Scenario, Session, iter_jsonl, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.seeds import derive


async def simulate(
    run: Run, domain: Domain, counselor: ChatModel, patient: ChatModel, reporter: Reporter
) -> None:
    """Hold every conversation; one that fails for good is written down with its reason.

    Raises:
        DataError: no scenarios, training sessions were written from one of them, or a variant is
            not answered by its own adapter.
        StageError: more than a tenth of the conversations failed.
    """
    scenarios = choose_scenarios(run, domain)
    prove_disjoint(run, scenarios)
    prove_adapters(run)
    await prove_served(run, counselor)
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    settings = run.experiment.evaluation
    cells = [
        (scenario, variant, repeat)
        for scenario in scenarios
        for variant in run.experiment.variants
        for repeat in range(settings.repeats)
    ]
    with reporter.task("conversations", total=len(cells)) as task:
        sessions = await asyncio.gather(
            *(
                hold(run, domain, counselor, patient, scenario, variant, repeat, task)
                for scenario, variant, repeat in cells
            )
        )
    failed = [session for session in sessions if "failed" in session.provenance]
    if len(failed) * 10 > len(sessions):
        reason = failed[0].provenance["failed"]
        raise StageError(f"{len(failed)} of {len(sessions)} conversations failed, first: {reason}")
    write_jsonl(run.eval / "conversations.jsonl", sessions)


async def hold(
    run: Run,
    domain: Domain,
    counselor: ChatModel,
    patient: ChatModel,
    scenario: Scenario,
    variant: str,
    repeat: int,
    task: Task,
) -> Session:
    """One conversation. The seed leaves the variant out: every variant meets the same patient."""
    experiment = run.experiment
    seed = derive(experiment.seed, "conversation", scenario.id, repeat)
    provenance = {
        "variant": variant,
        "scenario": scenario.id,
        "repeat": repeat,
        "seed": seed,
        "counselor": {
            **counselor.description,
            "name": variant,
            "identity": identity_of(counselor, variant),
        },
        "patient": patient.description,
    }
    session = Session(
        id=f"{scenario.id}--{variant}--{repeat}",
        domain=domain.name,
        source="simulated",
        messages=(),
        persona=scenario.persona,
        scenario=scenario.scenario,
        provenance=provenance,
    )
    inputs = {"persona": scenario.persona, "scenario": scenario.scenario}
    try:
        talk = await converse(
            patient=patient,
            counselor=counselor,
            patient_system=domain.render("patient", **inputs),
            counselor_system=domain.system_prompt,
            patient_inputs=inputs,
            patient_sampling=experiment.roles.patient.sampling,
            counselor_sampling=experiment.roles.counselor.sampling,
            seed=seed,
            max_exchanges=experiment.evaluation.max_exchanges,
            end_marker=domain.settings.end_marker,
            opening=domain.settings.opener,
            counselor_model=variant,
        )
    except CallError as error:
        task.advance(failed=True)
        return session.model_copy(update={"provenance": {**provenance, "failed": str(error)}})
    task.advance()
    ending = {"ended": talk.ended, "cut_turns": talk.cut_turns, "call_ids": list(talk.call_ids)}
    return session.model_copy(
        update={"messages": talk.messages, "provenance": {**provenance, **ending}}
    )


def scenarios_file(run: Run, domain: Domain) -> Path:
    """Where the held-out scenarios come from."""
    source = run.experiment.evaluation.scenarios
    if source == "domain":
        return domain.path / "scenarios" / "evaluation.jsonl"
    return Path(source)


def choose_scenarios(run: Run, domain: Domain) -> list[Scenario]:
    """The held-out scenarios of this run, drawn with its seed where it uses only some."""
    path = scenarios_file(run, domain)
    scenarios = read_jsonl(path, Scenario)
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.id in seen:
            raise DataError(f"the id {scenario.id!r} stands twice", where=str(path))
        seen.add(scenario.id)
    count = run.experiment.evaluation.count
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


def prove_disjoint(run: Run, scenarios: list[Scenario]) -> None:
    """Refuse to evaluate on a scenario that a training session was written from, or repeats.

    Raises:
        DataError: names the session and the scenario.
    """
    held_out = {squashed(scenario.scenario): scenario.id for scenario in scenarios}
    near = HeldOut(scenarios)
    for path in (run.generation / "synthetic.jsonl", run.corpus / "real.jsonl"):
        for session in iter_jsonl(path, Session) if path.exists() else []:
            twin = held_out.get(squashed(session.scenario or {})) or near.seen_in(session)
            if twin is not None:
                raise DataError(
                    f"session {session.id} was written from evaluation scenario {twin}",
                    where=str(path),
                    fix="remove it, or evaluate on other scenarios",
                )


def squashed(scenario: dict[str, object]) -> str:
    """A scenario's text without case, order of keys and white space."""
    return " ".join(str(sorted(scenario.items())).lower().split())
