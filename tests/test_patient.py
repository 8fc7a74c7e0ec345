"""The simulated patient: what it may tell by when, and what happens when it leaves its role."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import annomi
import pytest
from fabricated import make_experiment

from eval.analysis import analyse
from eval.disclosure import cues_of, plan_of
from eval.judging import judge_all
from eval.patient_checks import problem_of
from eval.simulate import choose_scenarios, simulate
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DomainError, StageError
from hybridtune.progress import silent
from hybridtune.records import Judgment, Message, Scenario, Session, read_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import read_scenarios, scenarios_path
from hybridtune.scripted.text import sentences
from hybridtune.seeds import derive
from hybridtune.serving.models import open_models

DESCRIPTION = {"kind": "managed", "name": "fake", "identity": {}}
BREAKS = "Thank you for sharing. What brings you here today?"
SAYS = "I could not sleep again."


class Speaker:
    """Says what a rule gives it, and remembers what it was asked."""

    description = DESCRIPTION

    def __init__(self, says: Callable[[ChatRequest], str]) -> None:
        self.says, self.asked = says, list[ChatRequest]()

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        verdict = {"score": 6, "quote": "I see."}
        data = {"scores": {"empathy": verdict, "relevance": verdict}}
        call = f"{request.task}-{len(self.asked)}"
        return ChatReply(self.says(request), "stop", 1, 1, call, cached=False, data=data)


def counselor() -> Speaker:
    return Speaker(lambda _: "I see.")


@pytest.fixture
def therapy() -> Domain:
    return load_domain("therapy")


def run_in(folder: Path, **evaluation: Any) -> Run:
    settings: dict[str, Any] = {"count": 4, "max_exchanges": 3, "resamples": 100}
    return Run(folder, make_experiment(**{**settings, **evaluation}))


def shipped(domain: Domain) -> list[Scenario]:
    return read_scenarios(scenarios_path(domain, "domain"), domain)


def talk(*turns: str) -> tuple[Message, ...]:
    found = []
    for turn in turns:
        found += [Message(role="user", content=turn), Message(role="assistant", content="I see.")]
    return tuple(found)


@pytest.mark.parametrize("name", ["therapy", "support"])
def test_every_part_of_a_scenario_is_due_once_and_the_patient_hears_no_more(name: str) -> None:
    domain = load_domain(name)
    for scenario in shipped(domain):
        plan = plan_of(domain, scenario, 1)
        assert plan
        due = [part["text"] for n in range(40) for part in plan.released(n)]
        assert due == [part["text"] for part in plan.parts]
        assert set(sentences(scenario.scenario["scenario"])) <= set(due)
        cues = cues_of(domain, plan, 8)
        for number, cue in enumerate(cues):
            for place, part in enumerate(plan.parts):
                now = plan.count(number - 1) if number else 0
                assert (part["text"] in cue.text) is (now <= place < plan.count(number))
        system = domain.render(
            "patient",
            persona=scenario.persona,
            scenario=scenario.scenario,
            attitude=plan.attitude.manner,
        )
        assert plan.attitude.manner in system
        assert not any(part["text"] in system for part in plan.parts)


def test_the_attitude_follows_the_persona_and_sets_the_pace(therapy: Domain) -> None:
    scenario = shipped(therapy)[0]
    paces = {}
    for attitude in ("sent by someone else and reserved", "ashamed to need help", "hopeful"):
        persona = {**scenario.persona, "attitude": attitude}
        plan = plan_of(therapy, scenario.model_copy(update={"persona": persona}), 1)
        assert plan
        paces[plan.name] = [plan.count(exchange) for exchange in range(5)]
    assert paces == {
        "resistant": [1, 1, 2, 2, 3],
        "reluctant": [1, 2, 3, 4, 5],
        "open": [2, 3, 4, 5, 6],
    }
    for value in therapy.words("taxonomy/axes")["attitude"]:
        persona = {**scenario.persona, "attitude": value}
        fixed = scenario.model_copy(update={"persona": persona})
        names = {plan.name for seed in range(8) if (plan := plan_of(therapy, fixed, seed))}
        assert len(names) == 1, value
    unknown = scenario.model_copy(update={"persona": {**scenario.persona, "attitude": "lilac"}})
    drawn = [plan.name for seed in range(30) if (plan := plan_of(therapy, unknown, seed))]
    assert set(drawn) == set(paces)


def test_a_mistyped_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "domain.yaml").write_text("title: T\nopener: Hello.\n", encoding="utf-8")
    (tmp_path / "disclosure.yaml").write_text(
        "parts: {story: scenario}\norder: [stroy]\ntrait: mood\n"
        "attitudes: {open: {cues: [glad], first: 1, each: 1, manner: Glad.}}\n",
        encoding="utf-8",
    )
    scenario = Scenario(id="a", domain="t", persona={}, scenario={"scenario": "One."})
    with pytest.raises(DomainError, match="'stroy' is none of story"):
        plan_of(load_domain(str(tmp_path)), scenario, 1)


async def test_cues_reach_the_patient_alone_and_histories_only_grow(
    therapy: Domain, tmp_path: Path
) -> None:
    run, patient, other = run_in(tmp_path), Speaker(lambda _: SAYS), counselor()
    await simulate(run, therapy, other, patient, silent())
    assert not any("For you alone" in m.content for r in other.asked for m in r.messages)
    assert all("For you alone" in request.messages[-1].content for request in patient.asked)
    by_seed: dict[str, list[ChatRequest]] = {}
    for request in patient.asked:
        by_seed.setdefault(request.messages[0].content, []).append(request)
    assert len(by_seed) == 4
    for requests in by_seed.values():
        long, short = (max(requests, key=lambda r: len(r.messages)), requests[0])
        assert long.messages[: len(short.messages)] == short.messages
    seeds = Counter(request.seed for request in patient.asked)
    assert set(seeds.values()) == {len(run.experiment.variants)}, "one patient for all variants"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((SAYS, "My boss says you should rest, and I cannot."), None),
        ((SAYS, "How does that make you feel?"), "role flip"),
        ((SAYS, "Counselor: Let us begin."), "role flip"),
        ((SAYS, "It sounds like you expect that."), None),
        (("It sounds like you are sad.", SAYS, "Have you tried to rest?"), "counselor talk"),
        (
            (
                "You seem rather sad today.",
                "You can change what you do.",
                "What would your friend say to you?",
            ),
            "role flip",
        ),
        (("As an AI language model, I do not sleep.",), "out of role"),
        ((SAYS, "My persona would not say that."), "out of role"),
        ((SAYS, "..."), "empty"),
    ],
)
def test_what_shows_that_a_patient_left_its_role(
    therapy: Domain, turns: tuple[str, ...], expected: str | None
) -> None:
    found = problem_of(talk(*turns), shipped(therapy)[0], therapy)
    assert (found[0] if found else None) == expected


def test_a_scenario_recited_in_one_turn(therapy: Domain) -> None:
    for scenario in shipped(therapy):
        story = scenario.scenario["scenario"]
        found = problem_of(talk(f"Well: {story.upper()}"), scenario, therapy)
        assert found == ("scenario told at once", "turn 1 recites it")
        assert problem_of(talk(*sentences(story)), scenario, therapy) is None


def test_real_clients_pass_and_real_counselors_do_not(therapy: Domain) -> None:
    scenario, found = shipped(therapy)[0], Counter[tuple[str, bool]]()
    for session in annomi.sessions():
        for speaker in ("client", "therapist"):
            said = [words for who, words in session if who == speaker and words.strip("-. ")]
            found[speaker, problem_of(talk(*said), scenario, therapy) is not None] += 1
    assert found["client", True] == 0
    assert found["therapist", True] >= 0.7 * len(annomi.sessions())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["therapy", "support", "text2cypher"])
async def test_scripted_patients_keep_their_role(name: str, tmp_path: Path) -> None:
    domain = load_domain(name)
    run = run_in(tmp_path, count=None, max_exchanges=8)
    one = {"base": run.experiment.variants["base"]}
    run = Run(tmp_path, run.experiment.model_copy(update={"variants": one}))
    roles = run.experiment.roles
    scripted = roles.model_copy(update={"counselor": roles.judge})
    run = Run(tmp_path, run.experiment.model_copy(update={"roles": scripted}))
    async with open_models(
        run, domain, ["counselor", "patient"], stage="eval", reporter=silent()
    ) as models:
        await simulate(run, domain, models["counselor"], models["patient"], silent())
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    assert not any("attempts" in one.provenance for one in sessions)
    for session, scenario in zip(sessions, shipped(domain), strict=True):
        plan = plan_of(domain, scenario, run.experiment.seed)
        said = session.turns("user")
        for number in range(len(said) if plan else 0):
            later = [part["text"] for part in plan.parts[plan.count(number) :]] if plan else []
            assert not any(text in turn for text in later for turn in said[: number + 1])


async def test_a_patient_that_breaks_its_role_is_simulated_again_and_counted(
    therapy: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path, count=12)
    names = [one.id for one in shipped(therapy)]
    first = {request_seed(run, name) for name in names[:10]}
    broken = Speaker(lambda request: BREAKS if request.seed in first else SAYS)
    await simulate(run, therapy, counselor(), broken, silent())
    await judge_all(run, therapy, counselor(), silent())
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    again = [one for one in sessions if "attempts" in one.provenance]
    played = {one.provenance["scenario"] for one in sessions}
    assert {one.provenance["scenario"] for one in again} == set(names[:10]) & played != set()
    assert all(BREAKS not in one.turns("user") for one in sessions)
    for one in again:
        assert [told["reason"] for told in one.provenance["attempts"]] == ["role flip"]
        assert one.provenance["seed"] != one.provenance["attempts"][0]["seed"]
    found = analyse(run, therapy)["simulation"]["base"]
    count = len(again) // len(run.experiment.variants)
    assert found == {
        "conversations": 12,
        "tries": 12 + count,
        "thrown": count,
        "again": count,
        "invalid": 0,
        "reasons": {"role flip": count},
    }


async def test_a_patient_that_never_keeps_its_role_is_missing_with_its_reason(
    therapy: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path, count=12)
    lost = choose_scenarios(run, therapy)[0]
    story = sentences(lost.scenario["scenario"])[0]
    broken = Speaker(
        lambda request: BREAKS if any(story in m.content for m in request.messages) else SAYS
    )
    await simulate(run, therapy, counselor(), broken, silent())
    judge = counselor()
    await judge_all(run, therapy, judge, silent())
    missing = [
        one for one in read_jsonl(run.eval / "judgments.jsonl", Judgment) if one.scores is None
    ]
    assert {one.scenario for one in missing} == {lost.id}
    assert len(judge.asked) == 11 * 3
    found = analyse(run, therapy)
    for variant in run.experiment.variants:
        assert found["simulation"][variant]["invalid"] == 1
        assert found["simulation"][variant]["tries"] == 11 + 3
        assert found["missing"][variant]["missing"] == 1
        (reason,) = found["missing"][variant]["reasons"]
        assert "the patient left its role: role flip" in reason
        assert found["variants"][variant]["empathy"]["n"] == 11


async def test_a_patient_model_that_cannot_play_is_an_error(
    therapy: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path, resimulations=0)
    with pytest.raises(StageError, match="12 of 12 conversations failed, first: the patient left"):
        await simulate(run, therapy, counselor(), Speaker(lambda _: BREAKS), silent())


def request_seed(run: Run, scenario: str) -> int:
    """The seed of a patient's first turn in the first try."""
    return derive(derive(run.experiment.seed, "conversation", scenario, 0), "patient", 0)
