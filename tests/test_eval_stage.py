"""The eval stage's two calling steps: who meets whom, what the judge sees, and what is missing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_experiment

from eval.analysis import analyse
from eval.judging import judge_all
from eval.simulate import simulate
from eval.steps import steps
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import CallError, DataError, StageError
from hybridtune.progress import silent
from hybridtune.records import (
    Judgment,
    Message,
    Scenario,
    Session,
    read_json,
    read_jsonl,
    write_jsonl,
)
from hybridtune.runs import Run

DESCRIPTION = {"kind": "managed", "name": "fake", "identity": {}}


class Fake:
    """A model that answers by rule, fails for chosen requests, and remembers what it was asked."""

    description = DESCRIPTION

    def __init__(self, text: str = "I hear you.", fail_after: int | None = None) -> None:
        self.text, self.fail_after = text, fail_after
        self.asked: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        if self.fail_after is not None and len(self.asked) > self.fail_after:
            raise CallError("answered 500, after 7 tries", status=500)
        reply = ChatReply(self.text, "stop", 1, 1, f"call-{len(self.asked)}", cached=False)
        if request.task != "judge":
            return reply
        verdict = {"score": 6, "quote": "I hear you."}
        return replace(reply, data={"scores": {"empathy": verdict, "relevance": verdict}})


@pytest.fixture
def domain() -> Domain:
    return load_domain("therapy")


def run_in(folder: Path, **evaluation: Any) -> Run:
    settings: dict[str, Any] = {"count": 3, "max_exchanges": 2, "repeats": 2}
    return Run(folder, make_experiment(**{**settings, **evaluation}))


async def test_same_patient_meets_every_variant(domain: Domain, tmp_path: Path) -> None:
    run, patient, counselor = run_in(tmp_path), Fake("I worry."), Fake()
    await simulate(run, domain, counselor, patient, silent())
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    assert len(sessions) == 3 * 3 * 2
    assert {request.model for request in counselor.asked} == {"base", "real", "hybrid"}
    drawn: dict[tuple[str, int], set[int]] = {}
    for one in sessions:
        told = one.provenance
        drawn.setdefault((told["scenario"], told["repeat"]), set()).add(told["seed"])
    assert all(len(seeds) == 1 for seeds in drawn.values())
    assert len({seed for seeds in drawn.values() for seed in seeds}) == len(drawn)
    for request in counselor.asked:
        assert request.messages[0].content == domain.system_prompt
        scenario = next(iter(patient.asked)).inputs["scenario"]["scenario"]
        assert all(scenario not in message.content for message in request.messages)


async def test_failed_conversations_are_counted_never_scored(
    domain: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path, count=20, repeats=1, max_exchanges=1)
    await simulate(run, domain, Fake(fail_after=58), Fake("I worry."), silent())
    judge = Fake()
    await judge_all(run, domain, judge, silent())
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    missing = [one for one in judgments if one.scores is None]
    assert len(judgments) == 60
    assert len(missing) == 2
    assert len(judge.asked) == 58
    assert all("no conversation: answered 500" in str(one.missing) for one in missing)


async def test_many_failed_conversations_are_an_error(domain: Domain, tmp_path: Path) -> None:
    run = run_in(tmp_path)
    with pytest.raises(StageError, match="15 of 18 conversations failed, first: answered 500"):
        await simulate(run, domain, Fake(fail_after=6), Fake("I worry."), silent())
    assert not (run.eval / "conversations.jsonl").exists()


async def test_a_judge_that_is_away_is_an_error(domain: Domain, tmp_path: Path) -> None:
    run = run_in(tmp_path)
    await simulate(run, domain, Fake(), Fake("I worry."), silent())
    with pytest.raises(StageError, match="13 of 18 judgments are missing, first: answered 500"):
        await judge_all(run, domain, Fake(fail_after=5), silent())
    assert not (run.eval / "judgments.jsonl").exists()


async def test_the_judge_does_not_learn_the_variant(domain: Domain, tmp_path: Path) -> None:
    run, judge = run_in(tmp_path), Fake()
    await simulate(run, domain, Fake(), Fake("I worry."), silent())
    await judge_all(run, domain, judge, silent())
    # All variants said the same here, so the judge must have been asked the same of each.
    asked: dict[str, set[tuple[str, int | None]]] = {}
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    for session, request in zip(sessions, judge.asked, strict=True):
        key = (request.messages[0].content, request.seed)
        asked.setdefault(session.provenance["scenario"], set()).add(key)
        assert "hybrid" not in request.messages[0].content
    assert all(len(questions) == 1 for questions in asked.values())


async def test_training_on_an_evaluation_scenario_is_refused(
    domain: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path)
    await simulate(run, domain, Fake(), Fake("I worry."), silent())
    scenario = read_jsonl(run.eval / "conversations.jsonl", Session)[0].scenario
    copied = Session(
        id="synthetic-1",
        domain="therapy",
        source="synthetic",
        messages=(Message(role="user", content="Hello."),),
        scenario={
            key: value.upper() if isinstance(value, str) else value
            for key, value in (scenario or {}).items()
        },
    )
    write_jsonl(run.generation / "synthetic.jsonl", [copied])
    with pytest.raises(DataError, match="synthetic-1 comes too near to evaluation scenario"):
        await simulate(run, domain, Fake(), Fake("I worry."), silent())


def test_editing_the_scenarios_file_makes_the_conversations_stale(
    domain: Domain, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jsonl"
    shipped = (domain.path / "scenarios/evaluation.jsonl").read_text(encoding="utf-8")
    file.write_text(shipped, encoding="utf-8")
    run = run_in(tmp_path / "run", scenarios=str(file))
    before = [step.fingerprint() for step in steps(run, domain)]
    file.write_text(shipped.replace("therapy-eval-01", "mine-01"), encoding="utf-8")
    after = [step.fingerprint() for step in steps(run, domain)]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def trained_on(run: Run, name: str, source: str, *turns: str) -> None:
    """Let a variant's data have one session of these words."""
    messages = [Message(role="user", content=turn) for turn in turns]
    session = Session(id=name, domain="therapy", source=source, messages=tuple(messages))  # type: ignore[arg-type]
    write_jsonl(run.variant("hybrid") / "dataset.jsonl", [session])


async def test_a_leaked_scenario_is_named_whatever_session_has_its_words(
    domain: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path, count=None)
    story = read_jsonl(domain.path / "scenarios/evaluation.jsonl", Scenario)[7]
    said = " ".join(story.scenario["scenario"].split()[5:19])
    trained_on(run, "real-9", "real", f"So, {said.upper()} -- and then I left.")
    with pytest.raises(DataError, match=f"session real-9 comes too near .* {story.id}"):
        await simulate(run, domain, Fake(), Fake("I worry."), silent())
    assert not (run.eval / "conversations.jsonl").exists()


async def test_how_near_training_sessions_come_is_counted_by_source(
    domain: Domain, tmp_path: Path
) -> None:
    run = run_in(tmp_path)
    await simulate(run, domain, Fake(), Fake("I worry."), silent())
    assert read_json(run.eval / "overlap.json")["sources"] == {}
    story = read_jsonl(run.eval / "scenarios.jsonl", Scenario)[1]
    # Nine words in a row are two runs of eight: near, and not too near.
    trained_on(run, "real-9", "real", " ".join(story.scenario["scenario"].split()[:9]), "So.")
    await simulate(run, domain, Fake(), Fake("I worry."), silent())
    await judge_all(run, domain, Fake(), silent())
    assert analyse(run, domain)["overlap"]["sources"]["real"] == {
        "sessions": 1,
        "sharing": 1,
        "share": 1.0,
        "scenarios_touched": 1,
        "most_shared": 2,
        "nearest": {"session": "real-9", "scenario": story.id},
    }
