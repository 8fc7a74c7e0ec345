"""The generation stage with a fake teacher, in a pack of bicycle repairs made for the test."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from generation.review import Review, text_digest
from generation.rows import Failure
from generation.stage import generate, preview
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config import ROLES, Experiment
from hybridtune.domain import Domain
from hybridtune.errors import CallError, ConfigError, DomainError, ServerError, StageError
from hybridtune.progress import silent
from hybridtune.records import (
    Judgment,
    Persona,
    Scenario,
    Session,
    read_json,
    read_jsonl,
    write_jsonl,
)
from hybridtune.runs import Run

FILES = (
    "personas.jsonl",
    "scenarios.jsonl",
    "drafts.jsonl",
    "rankings.jsonl",
    "reviews.jsonl",
    "synthetic.jsonl",
    "failures.jsonl",
    "report.json",
)
HELD = "The chain jumps off the front ring on every steep hill and then I have to push it home"
OBJECT = '{"type": "object"}'
PACK = {
    "domain.yaml": "title: bicycle repair\nopener: Hello.\ncounselor: Mechanic\npatient: Rider\n",
    "prompts/counselor.jinja": "You mend bicycles with words.",
    "prompts/persona.jinja": "{{ theme }} {{ axes | tojson }} {{ schema | tojson }}",
    "prompts/scenario.jinja": "{{ persona | tojson }} {{ theme }} {{ schema | tojson }}",
    "prompts/session.jinja": "{{ persona }} {{ scenario }} {{ exchanges }} {{ counselor_prompt }}",
    "prompts/patient.jinja": "{{ persona }} {{ scenario }}",
    "prompts/judge.jinja": "{{ rubric.title }} {{ transcript }}",
    "schemas/persona.schema.json": OBJECT,
    "schemas/scenario.schema.json": OBJECT,
    "taxonomy/themes.yaml": "brakes: they squeal\ngears: they slip\nwheels: they wobble\n",
    "taxonomy/axes.yaml": "bike: [racer, cargo]\nriding: [daily, weekends]\n",
    "rubrics/ranking.yaml": (
        "title: use\ndimensions:\n  use:\n    question: Any?\n    anchors: {1: None, 10: Great}\n"
    ),
}


class FakeTeacher:
    """Answers everything, from the request's seed alone; fails, copies or scores as it is told.

    Row-wise behaviour is keyed by the seeded persona's `index`, which its later inputs carry along.
    """

    def __init__(self, *, delays: int | None = None, **told: Any) -> None:
        self.delays = random.Random(delays) if delays is not None else None
        self.told = told
        self.requests: list[ChatRequest] = []

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "scripted", "name": "fake"}

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        await asyncio.sleep(self.delays.uniform(0, 0.01) if self.delays else 0)
        data = self.answer(request)
        text = data if isinstance(data, str) else json.dumps(data)
        return ChatReply(
            text=text,
            finish_reason="stop",
            prompt_tokens=10,
            completion_tokens=len(text.split()),
            call_id=f"call-{request.task}-{request.seed}",
            cached=False,
            data=data,
        )

    def answer(self, request: ChatRequest) -> Any:
        drawn = random.Random(request.seed)
        if request.task == "counselor":
            return nonsense(drawn)
        if request.task == "judge":
            return self.verdict()
        index = request.inputs.get("index", request.inputs.get("persona", {}).get("index"))
        if index in self.told.get(f"fail_{request.task}", ()):
            raise CallError(f"{request.task}: no usable answer in 3 tries")
        if request.task == "persona":
            bike = request.inputs["axes"]["bike"]
            return {"index": index, "bike": bike, "about": nonsense(drawn)}
        if request.task == "scenario":
            return {"problem": HELD if index in self.told.get("copy", ()) else nonsense(drawn)}
        if request.task == "patient":
            asked = sum(message.role == "assistant" for message in request.messages)
            return "Thanks, that helps. [END]" if asked >= 4 else nonsense(drawn)
        if index in self.told.get("same", ()):
            drawn = random.Random(0)
        return {"turns": self.turns(request, drawn, index)}

    def turns(self, request: ChatRequest, drawn: random.Random, index: int) -> list[dict[str, str]]:
        speakers = ("patient", "counselor") * request.inputs["exchanges"]
        turns = [{"speaker": speaker, "text": nonsense(drawn)} for speaker in speakers]
        if index in self.told.get("copy_in_draft", ()):
            turns[0]["text"] = f"Well, {HELD}."
        if index in self.told.get("leak", ()):
            turns[1]["text"] = "As an AI, I never ride."
        return turns

    def verdict(self) -> Any:
        scores = self.told.get("scores")
        score = 9 if scores is None else next(scores)
        if score is None:
            raise CallError("judge: no usable answer in 3 tries")
        return {"scores": {"use": {"score": score, "quote": ""}}}


def nonsense(drawn: random.Random) -> str:
    return " ".join(f"w{drawn.randrange(5000)}" for _ in range(12)) + "."


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    folder = tmp_path / "bikes"
    for name, text in PACK.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    held = Scenario(id="held-1", domain="bikes", persona={}, scenario={"problem": HELD})
    write_jsonl(folder / "scenarios" / "evaluation.jsonl", [held])
    return Domain(folder)


def run_of(path: Path, **generation: Any) -> Run:
    settings = {"sessions": 12, "min_exchanges": 3, "max_exchanges": 5, **generation}
    experiment = Experiment.model_validate(
        {
            "name": "test",
            "seed": 5,
            "model": {"name": "none"},
            "servers": {"fake": {"kind": "scripted"}},
            "roles": {role: {"server": "fake"} for role in ROLES},
            "corpus": {"paths": ["none"]},
            "variants": {"base": {}},
            "generation": settings,
        }
    )
    return Run(path, experiment)


async def generated(pack: Domain, folder: Path, teacher: FakeTeacher, **settings: Any) -> Run:
    run = run_of(folder, **settings)
    await generate(run, pack, teacher, silent())
    return run


def contents(run: Run) -> dict[str, bytes]:
    return {name: (run.generation / name).read_bytes() for name in FILES}


def statuses(run: Run) -> Counter[tuple[str, str]]:
    reviews = read_jsonl(run.generation / "reviews.jsonl", Review)
    return Counter((review.status, review.reason) for review in reviews)


async def test_a_whole_generation(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher())
    folder = run.generation
    personas = read_jsonl(folder / "personas.jsonl", Persona)
    scenarios = read_jsonl(folder / "scenarios.jsonl", Scenario)
    drafts = read_jsonl(folder / "drafts.jsonl", Session)
    rankings = read_jsonl(folder / "rankings.jsonl", Judgment)
    synthetic = read_jsonl(folder / "synthetic.jsonl", Session)
    assert [len(each) for each in (personas, scenarios, drafts, rankings, synthetic)] == [12] * 5
    assert [persona.persona["index"] for persona in personas] == list(range(12))
    for draft, taken, scenario, ranking in zip(drafts, synthetic, scenarios, rankings, strict=True):
        assert draft.source == "synthetic"
        assert draft.scenario == scenario.scenario
        assert (draft.provenance["scenario"], ranking.conversation) == (scenario.id, draft.id)
        assert draft.messages[0].role == "user"
        assert "system" not in {message.role for message in draft.messages}
        assert len(draft.messages) == 2 * draft.provenance["exchanges_asked"]
        assert {"teacher", "prompt_sha256", "seed", "calls", "checks"} <= set(draft.provenance)
        assert draft.provenance["checks"][-1] == "near_duplicate"
        assert taken.ranking is not None
        assert taken.ranking["mean"] == 9
        assert taken == draft.model_copy(update={"ranking": taken.ranking})
    for review, draft in zip(read_jsonl(folder / "reviews.jsonl", Review), drafts, strict=True):
        assert (review.session, review.text_sha256) == (draft.id, text_digest(draft))


async def test_the_report_of_a_whole_generation(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher())
    report = read_json(run.generation / "report.json")
    assert report["scripted"] is True
    assert report["themes"] == {
        theme: {"asked": 4, "drafted": 4, "synthetic": 4} for theme in ("brakes", "gears", "wheels")
    }
    assert report["axes"] == {
        "bike": {
            "cargo": {"asked": 6, "written": 6, "shown": 6},
            "racer": {"asked": 6, "written": 6, "shown": 6},
        },
        "riding": {
            "daily": {"asked": 6, "written": 6, "shown": 0},
            "weekends": {"asked": 6, "written": 6, "shown": 0},
        },
    }
    assert report["exchanges"]["asked"] == {"3": 4, "4": 4, "5": 4}
    assert report["exchanges"]["synthetic"] == report["exchanges"]["asked"]
    assert report["tokens"]["judge"]["calls"] == 12
    assert report["held_out"]["disjoint"] is True


async def test_asked_is_written_plus_failed(pack: Domain, tmp_path: Path) -> None:
    scores = iter([9, None, 9, 9, None, 9, 9, 9, 9, 9, 9, 9])
    teacher = FakeTeacher(fail_persona=[0], fail_scenario=[2, 3], fail_session=[5], scores=scores)
    run = await generated(pack, tmp_path / "run", teacher, sessions=12, scenarios_per_persona=2)
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts == {
        "persona": {"asked": 6, "written": 5, "failed": 1},
        "scenario": {"asked": 12, "written": 6, "failed": 6},
        "draft": {"asked": 12, "written": 4, "failed": 8},
        "ranking": {"asked": 4, "written": 3, "failed": 1},
    }
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert Counter(failure.kind for failure in failures) == {
        kind: count["failed"] for kind, count in counts.items()
    }
    assert len({failure.id for failure in failures}) == len(failures)
    first = [failure for failure in failures if failure.row == 0]
    assert [failure.id for failure in first] == [
        "persona-00001",
        "scenario-00001-1",
        "synthetic-00001-1",
        "scenario-00001-2",
        "synthetic-00001-2",
    ]
    assert {failure.stage for failure in first} == {"persona"}
    assert all("no usable answer" in failure.reason for failure in failures)


async def test_same_seed_same_bytes_whatever_finishes_first(pack: Domain, tmp_path: Path) -> None:
    told: dict[str, Any] = {"fail_persona": [3], "leak": [4], "same": [5, 8]}
    plain = await generated(pack, tmp_path / "a", FakeTeacher(**told))
    mixed = await generated(pack, tmp_path / "b", FakeTeacher(delays=1, **told))
    again = await generated(pack, tmp_path / "c", FakeTeacher(delays=2, **told))
    assert contents(plain) == contents(mixed) == contents(again)


async def test_more_sessions_leave_the_earlier_ones_as_they_are(
    pack: Domain, tmp_path: Path
) -> None:
    few = await generated(pack, tmp_path / "a", FakeTeacher(), sessions=5)
    many = await generated(pack, tmp_path / "b", FakeTeacher(), sessions=9)
    lines = contents(many)["synthetic.jsonl"].splitlines()
    assert contents(few)["synthetic.jsonl"].splitlines() == lines[:5]


async def test_rows_do_not_wait_for_each_other(pack: Domain, tmp_path: Path) -> None:
    class Slow(FakeTeacher):
        async def complete(self, request: ChatRequest) -> ChatReply:
            reply = await super().complete(request)
            if request.task == "persona" and request.inputs["index"] == 0:
                while not any(seen.task == "judge" for seen in self.requests):
                    await asyncio.sleep(0)
            return reply

    async with asyncio.timeout(30):
        run = await generated(pack, tmp_path / "run", Slow(), sessions=2)
    assert len(read_jsonl(run.generation / "synthetic.jsonl", Session)) == 2


@pytest.mark.parametrize(("include_flagged", "taken"), [(False, 2), (True, 4)])
async def test_thresholds_decide(
    pack: Domain, tmp_path: Path, include_flagged: bool, taken: int
) -> None:
    teacher = FakeTeacher(scores=iter([9, 7, 5, 2, None]))
    run = await generated(
        pack, tmp_path / "run", teacher, sessions=5, include_flagged=include_flagged
    )
    assert statuses(run) == {
        ("accepted", "rank"): 2,
        ("flagged", "rank"): 1,
        ("flagged", "unranked"): 1,
        ("rejected", "rank"): 1,
    }
    assert len(read_jsonl(run.generation / "synthetic.jsonl", Session)) == taken
    assert read_json(run.generation / "report.json")["reasons"]["flagged"] == {
        "rank": 1,
        "unranked": 1,
    }


async def test_copies_of_an_evaluation_scenario_are_removed_and_counted(
    pack: Domain, tmp_path: Path
) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher(copy=[1, 4], copy_in_draft=[7]))
    report = read_json(run.generation / "report.json")
    assert report["held_out"] == {
        "scenarios": 1,
        "limit_shared_8grams": 5,
        "scenarios_removed": 2,
        "drafts_removed": 1,
        "most_shared": 0,
        "disjoint": True,
    }
    assert statuses(run) == {("accepted", "rank"): 9, ("rejected", "held_out"): 1}
    assert report["counts"]["scenario"] == {"asked": 12, "written": 10, "failed": 2}
    for name in ("scenarios.jsonl", "synthetic.jsonl"):
        assert HELD not in (run.generation / name).read_text()
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert {failure.reason for failure in failures} == {
        "too near to the evaluation scenario held-1"
    }


async def test_evaluation_scenarios_of_the_users_own(pack: Domain, tmp_path: Path) -> None:
    own = Scenario(id="own-1", domain="bikes", persona={}, scenario={"problem": HELD[:80]})
    write_jsonl(tmp_path / "own.jsonl", [own, own.model_copy(update={"id": "own-2"})])
    run = run_of(tmp_path / "run")
    evaluation = run.experiment.evaluation.model_copy(
        update={"scenarios": str(tmp_path / "own.jsonl")}
    )
    experiment = run.experiment.model_copy(update={"evaluation": evaluation})
    await generate(Run(run.path, experiment), pack, FakeTeacher(copy=[2]), silent())
    report = read_json(run.generation / "report.json")
    assert report["held_out"]["scenarios"] == 2
    assert report["held_out"]["scenarios_removed"] == 1


async def test_failed_checks_reject_before_a_ranking_is_asked_for(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = FakeTeacher(leak=[2, 6], same=[3, 9])
    run = await generated(pack, tmp_path / "run", teacher, min_exchanges=4, max_exchanges=4)
    assert statuses(run) == {
        ("accepted", "rank"): 9,
        ("rejected", "leak"): 2,
        ("rejected", "near_duplicate"): 1,
    }
    assert sum(request.task == "judge" for request in teacher.requests) == 10
    duplicate = read_jsonl(run.generation / "reviews.jsonl", Review)[9]
    assert duplicate.detail == "like synthetic-00004-1 (similarity 1.00)"


async def test_two_agents_write_a_session_turn_by_turn(pack: Domain, tmp_path: Path) -> None:
    teacher = FakeTeacher(fail_patient=[1])
    run = await generated(
        pack, tmp_path / "run", teacher, sessions=3, method="two-agent", max_exchanges=6
    )
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    assert [draft.id for draft in drafts] == ["synthetic-00001-1", "synthetic-00003-1"]
    for draft in drafts:
        assert set(draft.provenance["prompt_sha256"]) == {"patient", "counselor"}
        assert len(draft.provenance["calls"]) == len(draft.messages)
        assert not any("[END]" in message.content for message in draft.messages)
    counselor = next(request for request in teacher.requests if request.task == "counselor")
    assert counselor.messages[0].content == PACK["prompts/counselor.jinja"]
    assert read_json(run.generation / "report.json")["counts"]["draft"]["failed"] == 1


async def test_each_step_of_each_row_has_a_seed_of_its_own(pack: Domain, tmp_path: Path) -> None:
    teacher = FakeTeacher()
    await generated(pack, tmp_path / "run", teacher, scenarios_per_persona=2)
    assert len({request.seed for request in teacher.requests}) == len(teacher.requests) == 42


async def test_a_server_that_cannot_be_used_is_one_error_and_writes_nothing(
    pack: Domain, tmp_path: Path
) -> None:
    class Gone(FakeTeacher):
        def answer(self, request: ChatRequest) -> Any:
            if request.task == "scenario":
                raise ServerError("connection refused, after 7 tries")
            return super().answer(request)

    with pytest.raises(ServerError, match="connection refused"):
        await generated(pack, tmp_path / "run", Gone(), scenarios_per_persona=2)
    assert not (tmp_path / "run").exists()


async def test_not_one_session_is_an_error_with_the_first_reason(
    pack: Domain, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=r"first failure: session: no usable answer in 3 tries"):
        await generated(pack, tmp_path / "run", FakeTeacher(fail_session=range(12)))
    failures = read_jsonl(run_of(tmp_path / "run").generation / "failures.jsonl", Failure)
    assert len(failures) == 12


async def test_what_does_not_fit_is_said_before_the_first_call(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = FakeTeacher()
    with pytest.raises(ConfigError, match=r"accept_at: .* 1 to 10"):
        await generated(pack, tmp_path / "run", teacher, accept_at=11)
    (pack.path / "schemas" / "scenario.schema.json").unlink()
    with pytest.raises(DomainError, match="no such schema"):
        await generated(Domain(pack.path), tmp_path / "run", teacher)
    assert not teacher.requests


async def test_no_sessions_asked_for_is_an_empty_dataset(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher(), sessions=0)
    assert read_jsonl(run.generation / "synthetic.jsonl", Session) == []


async def test_a_preview_is_the_beginning_of_the_real_thing(pack: Domain, tmp_path: Path) -> None:
    shown = await preview(run_of(tmp_path / "shown"), pack, FakeTeacher(), 2)
    assert not (tmp_path / "shown").exists()
    run = await generated(pack, tmp_path / "run", FakeTeacher())
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    assert [outcome.chains[0].draft.messages for outcome in shown if outcome.chains[0].draft] == [
        draft.messages for draft in drafts[:2]
    ]
