"""Rows of the generation stage: what is done stays, what is alike parts, and the best is taken."""

import json
import random
from pathlib import Path
from typing import Any

import aiohttp
import fault_server
import pytest
from fake_server import FakeServer, completion, failure, fake_server
from fake_teacher import FakeTeacher, bicycles, contents, generated, run_of, statuses

from generation.outcomes import Failure
from generation.stage import generate
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config.servers import Limits
from hybridtune.domain import Domain
from hybridtune.progress import silent
from hybridtune.records import Persona, Session, read_json, read_jsonl
from hybridtune.runs import Run


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return bicycles(tmp_path / "bikes")


async def test_what_is_done_is_not_asked_for_again(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher(), sessions=7)
    first, again = contents(run), FakeTeacher()
    await generated(pack, tmp_path / "run", again, sessions=7)
    assert not again.requests
    more = FakeTeacher()
    await generated(pack, tmp_path / "run", more, sessions=9)
    assert {request.inputs["index"] for request in more.requests if "index" in request.inputs} == {
        7, 8,
    }  # fmt: skip
    fresh = await generated(pack, tmp_path / "fresh", FakeTeacher(), sessions=9)
    assert contents(run) == contents(fresh)
    await generated(pack, tmp_path / "run", FakeTeacher(), sessions=7)
    assert contents(run) == first


async def test_thresholds_change_the_decisions_without_a_call(pack: Domain, tmp_path: Path) -> None:
    await generated(pack, tmp_path / "run", FakeTeacher(scores=iter([9, 7, 5, 2, 8])), sessions=5)
    teacher = FakeTeacher()
    run = await generated(pack, tmp_path / "run", teacher, sessions=5, accept_at=9)
    assert not teacher.requests
    assert statuses(run)["accepted", "rank"] == 1


async def test_a_changed_prompt_asks_anew(pack: Domain, tmp_path: Path) -> None:
    await generated(pack, tmp_path / "run", FakeTeacher(), sessions=4)
    (pack.path / "prompts" / "session.jinja").write_text("{{ exchanges }} turns, please.")
    teacher = FakeTeacher()
    await generated(Domain(pack.path), tmp_path / "run", teacher, sessions=4)
    assert sum(request.task == "session" for request in teacher.requests) == 4


async def test_rows_that_failed_are_tried_again(pack: Domain, tmp_path: Path) -> None:
    await generated(pack, tmp_path / "run", FakeTeacher(fail_session=[1], fail_persona=[3]))
    teacher = FakeTeacher()
    run = await generated(pack, tmp_path / "run", teacher)
    asked = [request.inputs["index"] for request in teacher.requests if request.task == "persona"]
    assert sorted(asked) == [1, 3]
    assert contents(run) == contents(await generated(pack, tmp_path / "fresh", FakeTeacher()))


async def test_only_a_window_of_rows_is_under_way(pack: Domain, tmp_path: Path) -> None:
    class Watched(FakeTeacher):
        open = most = 0

        async def complete(self, request: ChatRequest) -> ChatReply:
            self.open += 1
            self.most = max(self.most, self.open)
            reply = await super().complete(request)
            self.open -= 1
            return reply

    teacher = Watched(delays=1)
    run = run_of(tmp_path / "run", sessions=60)
    server = run.experiment.servers["fake"]
    limited = server.model_copy(update={"limits": Limits(max_concurrency=4)})
    experiment = run.experiment.model_copy(update={"servers": {"fake": limited}})
    await generate(Run(run.path, experiment), pack, teacher, silent())
    assert teacher.most == 8


class Twins(FakeTeacher):
    """Writes the same person for some rows, until it is asked for somebody else often enough."""

    def answer(self, request: ChatRequest) -> Any:
        told = super().answer(request)
        if request.task == "persona" and told["index"] in self.told["twins"]:
            again = sum(message.role == "assistant" for message in request.messages)
            if again < self.told["twins"][told["index"]]:
                return {**told, "bike": "tandem", "about": "two sisters who ride to the sea"}
        return told


async def test_no_two_personas_are_alike(pack: Domain, tmp_path: Path) -> None:
    twins = {1: 9, 4: 1, 5: 2, 8: 9}
    run = await generated(pack, tmp_path / "run", Twins(twins=twins))
    personas = read_jsonl(run.generation / "personas.jsonl", Persona)
    texts = [persona.persona["about"] for persona in personas]
    assert len(texts) == len(set(texts)) == 11
    by_id = {persona.id: persona for persona in personas}
    assert by_id["persona-00002"].persona["bike"] == "tandem"
    assert [len(by_id[f"persona-{row:05d}"].provenance["calls"]) for row in (2, 5, 6)] == [1, 2, 3]
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert [(failure.kind, failure.row) for failure in failures] == [
        ("persona", 8), ("scenario", 8), ("draft", 8),
    ]  # fmt: skip
    assert failures[0].reason.startswith("too like persona-00002 (similarity 1.00")
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts["persona"] == {"asked": 12, "written": 11, "failed": 1}


async def test_parting_twins_does_not_depend_on_what_finishes_first(
    pack: Domain, tmp_path: Path
) -> None:
    twins = {0: 1, 1: 9, 4: 1, 5: 2, 8: 9, 11: 3}
    plain = await generated(pack, tmp_path / "a", Twins(twins=twins))
    mixed = await generated(pack, tmp_path / "b", Twins(twins=twins, delays=1))
    await generated(pack, tmp_path / "c", Twins(twins=twins), sessions=6)
    grown = await generated(pack, tmp_path / "c", Twins(twins=twins))
    assert contents(plain) == contents(mixed) == contents(grown)


async def test_the_best_of_several_drafts_is_taken(pack: Domain, tmp_path: Path) -> None:
    scores = iter([6, 9, 8, 7, 7, 7, None, 5, 9])
    run = await generated(pack, tmp_path / "run", FakeTeacher(scores=scores), sessions=3, best_of=3)
    synthetic = read_jsonl(run.generation / "synthetic.jsonl", Session)
    assert len(read_jsonl(run.generation / "drafts.jsonl", Session)) == 9
    assert statuses(run)["rejected", "outranked"] == 6
    means = sorted(draft.ranking["mean"] for draft in synthetic if draft.ranking)
    assert means == [7, 9, 9]
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts["draft"] == {"asked": 9, "written": 9, "failed": 0}
    assert counts["ranking"] == {"asked": 9, "written": 8, "failed": 1}


async def test_a_best_draft_that_is_a_copy_leaves_its_place_to_the_next(
    pack: Domain, tmp_path: Path
) -> None:
    class Copies(FakeTeacher):
        """Writes the same first draft for every row."""

        def answer(self, request: ChatRequest) -> Any:
            if request.task == "session":
                index = request.inputs["persona"]["index"]
                if index not in self.told:
                    self.told[index] = "copied"
                    return {"turns": self.turns(request, random.Random(0), 0)}
            return super().answer(request)

    one = {"sessions": 2, "best_of": 2, "min_exchanges": 3, "max_exchanges": 3}
    run = await generated(pack, tmp_path / "run", Copies(), **one)
    taken = {draft.id for draft in read_jsonl(run.generation / "synthetic.jsonl", Session)}
    assert len(taken) == 2
    assert statuses(run) == {
        ("accepted", "rank"): 2, ("rejected", "outranked"): 1, ("rejected", "near_duplicate"): 1,
    }  # fmt: skip


async def test_a_failed_turn_is_the_only_one_asked_again(pack: Domain, tmp_path: Path) -> None:
    told: dict[str, Any] = {"sessions": 2, "method": "two-agent", "max_exchanges": 4}
    limits = Limits(retries=0)

    async with fake_server(turns(fail_at=9)) as server:
        with CallStore(tmp_path / "calls.sqlite") as calls:
            async with aiohttp.ClientSession() as http:
                endpoint = Endpoint("attached", server.url, "m", limits)
                teacher = Client(
                    http, endpoint, calls, AdaptiveLimiter(1), stage="generation", role="teacher"
                )
                run = run_of(tmp_path / "run", **told)
                await generate(run, pack, teacher, silent())
                before = len(server.bodies)
                assert read_json(run.generation / "report.json")["counts"]["draft"]["failed"] == 1
                await generate(run, pack, teacher, silent())
    sent = [json.dumps(body) for body in server.bodies]
    assert sent[8] in sent[before:]
    assert len(sent) - len(set(sent)) == 1


def turns(fail_at: int) -> Any:
    """A server that answers everything but one request, by the schema that it carries."""

    async def behave(_: Any, server: FakeServer) -> Any:
        body, number = server.bodies[-1], len(server.bodies)
        if number == fail_at:
            return failure(500)
        text, _ = fault_server.answer(body, json.dumps(body))
        return completion(text)

    return behave
