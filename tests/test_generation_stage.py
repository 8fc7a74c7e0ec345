"""The generation stage with a fake teacher, in a pack of bicycle repairs made for the test."""

import asyncio
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_teacher import HELD, PACK, FakeTeacher, bicycles, contents, generated, run_of, statuses
from rich.console import Console

from generation.outcomes import Failure
from generation.review import Review, text_digest
from generation.stage import generate, preview
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, DomainError, ServerError, StageError
from hybridtune.progress import Reporter, silent
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


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return bicycles(tmp_path / "bikes")


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
    for review, draft in zip(read_jsonl(folder / "decisions.jsonl", Review), drafts, strict=True):
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


async def test_what_stays_near_an_evaluation_scenario_is_removed_and_counted(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = FakeTeacher(copy=[1, 4], copy_in_draft=[7])
    run = await generated(pack, tmp_path / "run", teacher)
    report = read_json(run.generation / "report.json")
    assert report["held_out"] == {
        "scenarios": 1,
        "limit_shared_8grams": 5,
        "personas_replaced": 0,
        "scenarios_replaced": 0,
        "drafts_replaced": 0,
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
    # Each was asked for three times in all: once, and again for `reasks`.
    asked = Counter(request.task for request in teacher.requests)
    assert (asked["scenario"], asked["session"]) == (10 + 2 * 3, 9 + 3)


async def test_what_is_near_once_is_replaced_and_no_session_is_lost(
    pack: Domain, tmp_path: Path
) -> None:
    told: dict[str, Any] = {
        "people": {2: [HELD]}, "copy_once": [1, 4], "copy_in_draft_once": [7]
    }  # fmt: skip
    run = await generated(pack, tmp_path / "run", FakeTeacher(**told))
    mixed = await generated(pack, tmp_path / "mixed", FakeTeacher(delays=3, **told))
    assert contents(run) == contents(mixed)
    report = read_json(run.generation / "report.json")
    found = report["held_out"]
    assert [found[f"{kind}s_replaced"] for kind in ("persona", "scenario", "draft")] == [1, 2, 1]
    assert (found["scenarios_removed"], found["drafts_removed"]) == (0, 0)
    assert all(count["failed"] == 0 for count in report["counts"].values())
    assert report["coverage"]["met"] is True
    assert len(read_jsonl(run.generation / "synthetic.jsonl", Session)) == 12
    for path in run.generation.glob("*.jsonl"):
        assert HELD not in path.read_text()
    calls = {task: count["calls"] for task, count in report["tokens"].items()}
    assert calls == {"persona": 13, "scenario": 14, "session": 13, "judge": 12}
    second = read_jsonl(run.generation / "scenarios.jsonl", Scenario)[1]
    assert len(second.provenance["calls"]) == 2


async def test_best_of_replaces_each_draft_for_itself(pack: Domain, tmp_path: Path) -> None:
    teacher = FakeTeacher(copy_in_draft_once=[3])
    run = await generated(pack, tmp_path / "run", teacher, best_of=2)
    report = read_json(run.generation / "report.json")
    assert report["held_out"]["drafts_replaced"] == 1
    assert report["counts"]["draft"] == {"asked": 24, "written": 24, "failed": 0}
    assert len({request.seed for request in teacher.requests}) == len(teacher.requests)


async def test_a_persona_that_stays_near_takes_its_scenarios_with_it(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = FakeTeacher(people={2: [HELD]})
    run = await generated(
        pack, tmp_path / "run", teacher, reasks=0, scenarios_per_persona=2, sessions=6
    )
    counts = read_json(run.generation / "report.json")["counts"]
    assert counts["persona"] == {"asked": 3, "written": 3, "failed": 0}
    assert counts["scenario"] == {"asked": 6, "written": 4, "failed": 2}
    assert sum(request.task == "scenario" for request in teacher.requests) == 4
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert {failure.stage for failure in failures} == {"persona"}


async def test_who_was_near_and_then_like_another_counts_as_replaced(
    pack: Domain, tmp_path: Path
) -> None:
    twin = "rides to the mill and back " * 3
    teacher = FakeTeacher(people={1: [twin], 4: [HELD, twin]})
    run = await generated(pack, tmp_path / "run", teacher)
    report = read_json(run.generation / "report.json")
    assert report["held_out"]["personas_replaced"] == 1
    assert report["counts"]["persona"] == {"asked": 12, "written": 12, "failed": 0}
    assert report["tokens"]["persona"]["calls"] == 14


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
    duplicate = read_jsonl(run.generation / "decisions.jsonl", Review)[9]
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
    left = {file.name for file in (tmp_path / "run" / "generation").iterdir()}
    assert left == {"rows.sqlite"}


async def test_not_one_session_is_an_error_with_the_first_reason(
    pack: Domain, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=r"first failure: session: no usable answer in 3 tries"):
        await generated(pack, tmp_path / "run", FakeTeacher(fail_session=range(12)))
    failures = read_jsonl(run_of(tmp_path / "run").generation / "failures.jsonl", Failure)
    assert len(failures) == 12


async def test_no_ranking_is_an_error_and_a_few_failures_are_told(
    pack: Domain, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run")
    scores = [9, 9, *[None] * 10]
    with pytest.raises(StageError, match=r"only 2 of 12 drafts were ranked; the first failure: j"):
        await generate(run, pack, FakeTeacher(scores=iter(scores)), silent())
    assert len(read_jsonl(run.generation / "rankings.jsonl", Judgment)) == 12
    console = Console(file=StringIO(), width=200)
    teacher = FakeTeacher(scores=iter([None] * 2 + [9] * 10), fail_session=[3])
    await generate(run_of(tmp_path / "other"), pack, teacher, Reporter(console))
    told = console.file.getvalue()
    assert "3 records failed, the first for: " in told
    assert "--force asks again for what was never answered" in told


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
    takes = [take for outcome in shown for chain in outcome.chains for take in chain.takes]
    assert [take.draft.messages for take in takes] == [draft.messages for draft in drafts[:2]]
