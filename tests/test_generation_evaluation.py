"""Held-out scenarios by the teacher, and the training data that keeps away from them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_domain, make_experiment, make_run
from fake_teacher import HELD, FakeTeacher, bicycles, contents, run_of
from typer.testing import CliRunner

from eval.analysis import analyse
from eval.claims import scenario_writers
from eval.grounds import scenario_ground
from eval.simulate import choose_scenarios, simulate
from generation.evaluation import check_split, evaluation_rows, write_evaluation
from generation.space import load_space
from generation.split import Split, claim, key_of, training_rows
from generation.stage import generate, preview
from hybridtune.calls import CallStore
from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest
from hybridtune.cli.app import app
from hybridtune.cli.plan import loads, scenario_count
from hybridtune.cli.preflight import preflight, roles_called
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import HOME, Domain, load_domain
from hybridtune.errors import ConfigError, DataError, DomainError, ServerError, StageError
from hybridtune.manifest import Manifest
from hybridtune.overlap import HeldOut
from hybridtune.progress import silent
from hybridtune.records import (
    Message,
    Persona,
    Scenario,
    Session,
    read_json,
    read_jsonl,
    write_jsonl,
)
from hybridtune.runs import Run
from hybridtune.scenarios import read_held_out, read_scenarios
from hybridtune.serving.models import open_models

ROOT = HOME.parent
TWIN = "The saddle turns on every bump although I have tightened all the bolts that I can find"
TOLD = "My pedals fall off whenever I cross the tracks near the mill and nobody knows the reason"


class Teacher(FakeTeacher):
    """Writes the same story for some rows until they were asked for often enough.

    Its personas say which person of the row they are.
    """

    def answer(self, request: ChatRequest) -> Any:
        data = super().answer(request)
        if request.task == "persona":
            return data | {"person": len(request.messages) // 2}
        person = request.inputs.get("persona", {})
        if request.task == "scenario" and person["person"] < self.told.get("until", 0):
            text = self.told.get("stories", {}).get(person["index"])
            return {"problem": text} if text else data
        return data


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    bicycles(tmp_path / "bikes")
    axes = tmp_path / "bikes" / "taxonomy" / "axes.yaml"
    town, tools = "town: [hilly, flat, windy, wet]\n", "tools: [none at all, some, many, all]\n"
    axes.write_text(axes.read_text() + town + tools)
    return Domain(tmp_path / "bikes")


def generated_run(path: Path, count: int = 12, *, share: float = 0.2, **generation: Any) -> Run:
    run = run_of(path, **generation)
    evaluation = {"scenarios": "generated", "generated": {"count": count, "share": share}}
    values = run.experiment.model_dump(mode="json") | {"evaluation": evaluation}
    return Run(path, Experiment.model_validate(values))


async def written(
    pack: Domain, folder: Path, teacher: ChatModel, count: int = 12, **more: Any
) -> Run:
    run = generated_run(folder, count, **more)
    await write_evaluation(run, pack, teacher, silent())
    return run


def report_of(run: Run) -> Any:
    return read_json(run.generation / "evaluation.json")


async def test_scenarios_come_from_their_side_in_exact_quotas(pack: Domain, tmp_path: Path) -> None:
    run = await written(pack, tmp_path / "run", Teacher(), 48)
    scenarios = read_held_out(run, pack)
    assert [one.id for one in scenarios] == [f"evaluation-{n:05d}" for n in range(1, 49)]
    axes, split = load_space(pack).axes, Split(run.experiment.seed, 0.2)
    for one in scenarios:
        key = claim(one, axes)
        assert key
        assert split.evaluation(dict(key))
        assert one.persona["bike"] == one.provenance["axes"]["bike"]
        assert set(one.provenance["prompt_sha256"]) == {"persona", "scenario"}
        assert len(one.provenance["calls"]) == 2
    report = report_of(run)
    assert report["counts"] == {"asked": 48, "written": 48, "failed": 0}
    assert report["split"] == {"by": "hash", "share": 0.2, "claimed": 0, "crossed": 0}
    assert report["coverage"]["met"] is True
    assert {each["written"] for each in report["coverage"]["axes"]["theme"].values()} == {16}
    assert report["tokens"]["persona"]["calls"] == report["tokens"]["scenario"]["calls"] == 48


async def test_training_rows_are_the_others_and_their_quotas_hold(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = Teacher()
    run = await written(pack, tmp_path / "run", teacher, sessions=48)
    await generate(run, pack, teacher, silent())
    report = read_json(run.generation / "report.json")
    assert report["split"] == {"by": "hash", "share": 0.2, "claimed": 0, "crossed": 0}
    assert report["coverage"]["met"] is True
    assert report["held_out"]["scenarios"] == 12
    assert report["held_out"]["disjoint"] is True
    axes = load_space(pack).axes
    held = {claim(one, axes) for one in read_held_out(run, pack)}
    trained = [
        key_of({"theme": one.provenance["theme"], **one.provenance["axes"]})
        for one in read_jsonl(run.generation / "personas.jsonl", Persona)
    ]
    assert len(trained) == 48
    assert not held & set(trained)
    assert len({request.seed for request in teacher.requests}) == len(teacher.requests)


async def test_the_same_seed_gives_the_same_bytes_and_more_keeps_what_is_there(
    pack: Domain, tmp_path: Path
) -> None:
    told: dict[str, Any] = {"stories": {3: TWIN, 7: TWIN, 8: TWIN}, "until": 1}
    plain = await written(pack, tmp_path / "a", Teacher(**told))
    mixed = await written(pack, tmp_path / "b", Teacher(**told, delays=1))
    more = await written(pack, tmp_path / "c", Teacher(**told), 24)
    text = (plain.generation / "evaluation.jsonl").read_bytes()
    assert text == (mixed.generation / "evaluation.jsonl").read_bytes()
    assert (more.generation / "evaluation.jsonl").read_bytes().startswith(text)


async def test_scenarios_that_say_the_same_are_replaced(pack: Domain, tmp_path: Path) -> None:
    teacher = Teacher(stories={3: TWIN, 7: TWIN, 8: TWIN}, until=1)
    run = await written(pack, tmp_path / "run", teacher)
    report = report_of(run)
    assert report["counts"] == {"asked": 12, "written": 12, "failed": 0}
    assert (report["replaced"], report["failures"]) == (2, [])
    scenarios = read_held_out(run, pack)
    assert [one.id for one in scenarios if TWIN in one.line()] == ["evaluation-00004"]
    for number, one in enumerate(scenarios):
        assert HeldOut(scenarios[:number]).too_close(one.scenario) is None
    # One person more each, whose calls the record names.
    assert len(scenarios[7].provenance["calls"]) == 3
    assert report["tokens"]["scenario"]["calls"] == 14


async def test_what_stays_too_near_is_a_failure_with_its_reason(
    pack: Domain, tmp_path: Path
) -> None:
    teacher = Teacher(stories={3: TWIN, 7: TWIN}, until=9, fail_scenario=[5], fail_persona=[6])
    run = await written(pack, tmp_path / "run", teacher)
    report = report_of(run)
    assert report["counts"] == {"asked": 12, "written": 9, "failed": 3}
    assert report["replaced"] == 0
    told = {each["id"]: (each["stage"], each["reason"]) for each in report["failures"]}
    unusable = "no usable answer in 3 tries"
    assert told == {
        "evaluation-00006": ("scenario", f"scenario: {unusable}"),
        "evaluation-00007": ("persona", f"persona: {unusable}"),
        "evaluation-00008": (
            "scenario", "shares its words with evaluation-00004, after 3 tries",
        ),
    }  # fmt: skip
    assert {one.id for one in read_held_out(run, pack)}.isdisjoint(told)


async def test_a_scenario_that_a_real_session_tells_is_replaced(
    pack: Domain, tmp_path: Path
) -> None:
    run = generated_run(tmp_path / "run")
    said = (Message(role="user", content=f"Well. {TOLD}."), Message(role="assistant", content="?"))
    real = Session(id="real-9", domain="bikes", source="real", messages=said)
    write_jsonl(run.corpus / "real.jsonl", [real])
    await write_evaluation(run, pack, Teacher(stories={4: TOLD}, until=1), silent())
    assert report_of(run)["replaced"] == 1
    assert TOLD not in (run.generation / "evaluation.jsonl").read_text()
    await write_evaluation(run, pack, Teacher(stories={4: TOLD}, until=9), silent())
    (failure,) = report_of(run)["failures"]
    assert failure["reason"] == "shares its words with the real session real-9, after 3 tries"


async def test_people_who_are_alike_are_replaced(pack: Domain, tmp_path: Path) -> None:
    run = await written(pack, tmp_path / "run", Teacher(people={2: [TWIN], 9: [TWIN]}))
    assert report_of(run)["replaced"] == 1
    scenarios = read_held_out(run, pack)
    assert [one.id for one in scenarios if TWIN in one.line()] == ["evaluation-00003"]


async def test_people_are_looked_at_until_nobody_is_like_another(
    pack: Domain, tmp_path: Path
) -> None:
    """Who fails for good leaves others to be looked at, though nobody is asked for again."""
    twins = {1: [TWIN], 3: [TWIN], 7: [TOLD], 9: [TOLD]}
    run = await written(pack, tmp_path / "run", Teacher(people=twins), reasks=0)
    failed = [each["id"] for each in report_of(run)["failures"]]
    assert failed == ["evaluation-00004", "evaluation-00010"]


@pytest.mark.parametrize("best_of", [1, 3])
async def test_a_teacher_that_knows_no_other_story_is_told_so(
    best_of: int, pack: Domain, tmp_path: Path
) -> None:
    teacher = Teacher(stories={0: HELD}, until=9)
    run = await written(pack, tmp_path / "run", teacher, best_of=best_of)
    few = rf"only {2 * best_of} of {12 * best_of} sessions .* name another teacher, or"
    with pytest.raises(StageError, match=few):
        await generate(run, pack, FakeTeacher(copy=range(10)), silent())


async def test_who_gives_way_takes_nobody_with_it(pack: Domain, tmp_path: Path) -> None:
    """The later of two that are alike stays where the earlier one is a real session's."""
    run = generated_run(tmp_path / "run")
    said = (Message(role="user", content=TOLD), Message(role="assistant", content="?"))
    real = Session(id="real-9", domain="bikes", source="real", messages=said)
    write_jsonl(run.corpus / "real.jsonl", [real])
    stories = {3: f"{TOLD}. {TWIN}", 7: TWIN}
    await write_evaluation(run, pack, Teacher(stories=stories, until=9), silent())
    assert [each["id"] for each in report_of(run)["failures"]] == ["evaluation-00004"]
    assert report_of(run)["replaced"] == 0
    assert TWIN in read_held_out(run, pack)[6].line()


@pytest.mark.parametrize(
    ("told", "fix"),
    [
        ({"fail_scenario": range(7)}, "the same command asks only"),
        ({"stories": dict.fromkeys(range(8), TWIN), "until": 9}, "the teacher repeats itself"),
    ],
)
async def test_not_even_half_is_an_error(
    told: dict[str, Any], fix: str, pack: Domain, tmp_path: Path
) -> None:
    few = rf"7 of 12 evaluation scenarios did not come, the first .* \({fix}"
    with pytest.raises(StageError, match=few):
        await written(pack, tmp_path / "run", Teacher(**told))
    assert report_of(generated_run(tmp_path / "run"))["counts"]["written"] == 5


async def test_fewer_than_will_be_played_are_told_before_the_training(
    pack: Domain, tmp_path: Path
) -> None:
    run = generated_run(tmp_path / "run")
    evaluation = run.experiment.evaluation.model_copy(update={"count": 11})
    run = Run(run.path, run.experiment.model_copy(update={"evaluation": evaluation}))
    with pytest.raises(StageError, match=r"2 of 12 .* did not come, .*; evaluation.count is 11 \("):
        await write_evaluation(run, pack, Teacher(fail_scenario=[2, 3]), silent())
    await write_evaluation(run, pack, Teacher(fail_scenario=[2]), silent())
    assert len(choose_scenarios(run, pack)) == 11


async def test_training_keeps_away_from_them_and_replaces_what_does_not(
    pack: Domain, tmp_path: Path
) -> None:
    run = await written(pack, tmp_path / "run", Teacher(stories={0: HELD}, until=9))
    teacher = FakeTeacher(copy_once=[1], copy_in_draft_once=[4], copy=[6])
    await generate(run, pack, teacher, silent())
    found = read_json(run.generation / "report.json")["held_out"]
    assert (found["scenarios_replaced"], found["drafts_replaced"]) == (1, 1)
    assert (found["scenarios_removed"], found["drafts_removed"]) == (1, 0)
    assert HELD not in (run.generation / "synthetic.jsonl").read_text()


async def test_traits_that_both_sides_were_given_are_nobodys_words(tmp_path: Path) -> None:
    """A long value of an axis is in half of all personas, on either side."""
    value = "rides the same nine miles to work and home again in all weathers every single day"
    assert len(value.split()) > 12
    domain = bicycles(tmp_path / "bikes")
    path = domain.path / "taxonomy" / "axes.yaml"
    path.write_text(f"bike: [racer, '{value}']\nn: [a, b, c, d, e, f]\nm: [a, b, c, d, e, f]\n")
    domain = Domain(domain.path)
    run = await written(domain, tmp_path / "run", Teacher())
    assert value in (run.generation / "evaluation.jsonl").read_text()
    assert report_of(run)["replaced"] == 0
    await generate(run, domain, FakeTeacher(), silent())
    found = read_json(run.generation / "report.json")["held_out"]
    assert (found["personas_replaced"], found["scenarios_removed"]) == (0, 0)


class Dying:
    """A model that cannot be reached any more after some calls."""

    def __init__(self, model: ChatModel, calls: int) -> None:
        self.model, self.left = model, calls

    @property
    def description(self) -> dict[str, Any]:
        return self.model.description

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.left -= 1
        if self.left < 0:
            raise ServerError("connection refused, after 7 tries")
        return await self.model.complete(request)


def scripted_run(path: Path) -> tuple[Run, Domain]:
    domain = load_domain("text2cypher")
    values = generated_run(path, 20).experiment.model_dump(mode="json")
    values |= {"domain": "text2cypher", "seed": 2}
    path.mkdir()
    return Run(path, Experiment.model_validate(values)), domain


async def test_what_was_interrupted_asks_for_the_rest_alone(tmp_path: Path) -> None:
    async def write(run: Run, domain: Domain, wrap: Callable[[ChatModel], ChatModel]) -> int:
        stage = open_models(run, domain, ["teacher"], stage="generation", reporter=silent())
        async with stage as models:
            await write_evaluation(run, domain, wrap(models["teacher"]), silent())
        with CallStore(run.calls) as store:
            return sum(each.calls for each in store.usage())

    whole, domain = scripted_run(tmp_path / "whole")
    calls = await write(whole, domain, lambda model: model)
    parts, _ = scripted_run(tmp_path / "parts")
    with pytest.raises(ServerError):
        await write(parts, domain, lambda model: Dying(model, 17))
    assert not (parts.generation / "evaluation.jsonl").exists()
    assert await write(parts, domain, lambda model: model) == calls
    assert await write(parts, domain, lambda model: model) == calls
    for name in ("evaluation.jsonl", "evaluation.json"):
        texts = [(run.generation / name).read_bytes() for run in (whole, parts)]
        assert texts[0] == texts[1]
    assert len(read_scenarios(parts.generation / "evaluation.jsonl", domain)) >= 18


async def test_evaluation_plays_them_once_they_are_there(pack: Domain, tmp_path: Path) -> None:
    run = generated_run(tmp_path / "run")
    with pytest.raises(DataError, match=r"evaluation.jsonl: .* not written yet .*tune generate"):
        choose_scenarios(run, pack)
    with pytest.raises(DataError, match="not written yet"):
        await generate(run, pack, Teacher(), silent())
    assert scenario_count(run, pack) == 12
    assert [load.calls for load in loads(run.experiment, 12) if load.purpose] == [24]
    await write_evaluation(run, pack, Teacher(), silent())
    assert len(choose_scenarios(run, pack)) == scenario_count(run, pack) == 12
    await generate(run, pack, FakeTeacher(), silent())
    await simulate(run, pack, FakeTeacher(), FakeTeacher(), silent())
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    assert [one.provenance["scenario"] for one in conversations] == [
        one.id for one in read_held_out(run, pack)
    ]
    sources = read_json(run.eval / "overlap.json")["sources"]
    assert (sources["synthetic"]["sessions"], sources["synthetic"]["sharing"]) == (12, 0)


async def test_a_preview_does_not_wait_for_them(pack: Domain, tmp_path: Path) -> None:
    run = generated_run(tmp_path / "run")
    shown = await preview(run, pack, FakeTeacher(), 2)
    assert not run.path.exists()
    rows = list(training_rows(run, pack))
    assert [outcome.row for outcome in shown] == rows[:2]
    await write_evaluation(run, pack, Teacher(), silent())
    await generate(run, pack, FakeTeacher(), silent())
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    takes = [take for outcome in shown for chain in outcome.chains for take in chain.takes]
    assert [take.draft.messages for take in takes] == [one.messages for one in drafts[:2]]


async def test_whoever_changes_them_changes_what_follows(pack: Domain, tmp_path: Path) -> None:
    run = await written(pack, tmp_path / "run", Teacher())

    def fingerprints(run: Run) -> dict[str, str]:
        steps = [step for step in steps_of(run, pack) if step.stage in ("generation", "eval")]
        return {step.name: step.fingerprint() for step in steps}

    before = fingerprints(run)
    names = list(before)
    assert names[:2] == ["generation:evaluation", "generation"]
    path = run.generation / "evaluation.jsonl"
    path.write_text(path.read_text().replace("evaluation-00001", "evaluation-00100"))
    edited = fingerprints(run)
    changed = {name for name in names if edited[name] != before[name]}
    assert changed == {"generation", "eval:conversations"}
    other = fingerprints(generated_run(run.path, share=0.3))
    changed = {name for name in names if other[name] != edited[name]}
    assert {"generation:evaluation", "generation"} <= changed
    counts = run.generation / "evaluation.json"
    counts.write_text(counts.read_text().replace('"replaced": 0', '"replaced": 1'))
    told = fingerprints(run)
    assert {name for name in names if told[name] != edited[name]} == {"generation:report"}
    fewer = fingerprints(generated_run(run.path, reasks=0))
    assert fewer["generation:evaluation"] != told["generation:evaluation"]
    run.corpus.mkdir()
    (run.corpus / "real.jsonl").write_text("")
    with_real = fingerprints(run)
    assert with_real["generation:evaluation"] != told["generation:evaluation"]
    assert "generation:evaluation" not in fingerprints(run_of(run.path))
    steps = [step for step in steps_of(run, pack) if step.name == "generation:evaluation"]
    assert roles_called(steps, Manifest(run.path)) == ("teacher",)


async def test_rows_in_the_store_are_written_anew_for_other_scenarios(
    pack: Domain, tmp_path: Path
) -> None:
    run = await written(pack, tmp_path / "run", Teacher())
    await generate(run, pack, FakeTeacher(), silent())
    before, idle = contents(run), FakeTeacher()
    await generate(run, pack, idle, silent())
    assert (contents(run), idle.requests) == (before, [])
    path = run.generation / "evaluation.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    busy = FakeTeacher()
    await generate(run, pack, busy, silent())
    assert sum(request.task == "persona" for request in busy.requests) == 12
    assert read_json(run.generation / "report.json")["held_out"]["scenarios"] == 11


def test_what_cannot_be_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    demo = ROOT / "configs" / "demo.yaml"
    generated = "evaluation.scenarios=generated"
    preflight(load_experiment(demo, [generated]), load_domain("therapy"))
    few = ["evaluation.generated.count=8", "evaluation.count=9"]
    with pytest.raises(ConfigError, match=r"count is 9, but generated.count is 8"):
        load_experiment(demo, [generated, *few])
    small = bicycles(tmp_path / "bikes")
    with pytest.raises(DomainError, match=r"12 combinations .* cannot be split"):
        evaluation_rows(generated_run(tmp_path / "run", share=0.02).experiment, small)
    check_split(generated_run(tmp_path / "run", 2, share=0.9, sessions=0), small)
    with pytest.raises(DomainError, match=r"12 combinations .* cannot be split"):
        check_split(generated_run(tmp_path / "run", 2, share=0.9), small)


def test_a_later_block_that_cannot_be_split_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value in a third of all rows is in 33 or in 34 of a hundred; here not all blocks do."""
    monkeypatch.setattr("generation.parting.PATIENCE", 60)
    folder = bicycles(tmp_path / "bikes").path / "taxonomy"
    (folder / "themes.yaml").write_text("brakes: a\ngears: b\nwheels: c\nlights: d\n")
    (folder / "axes.yaml").write_text("bike: [racer, cargo, city]\nriding: [daily, weekends]\n")
    small = Domain(folder.parent)

    def check(sessions: int) -> None:
        run = generated_run(tmp_path / "run", 2, share=0.5, sessions=sessions)
        check_split(Run(run.path, run.experiment.model_copy(update={"seed": 90})), small)

    check(100)
    with pytest.raises(DomainError, match=r"24 combinations .* 1 of 100 rows find none"):
        check(500)


def test_the_command_writes_both_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "140")
    run = tmp_path / "run"
    words = ["generate", "configs/text2cypher-demo.yaml", "--run", str(run)]
    for setting in ("scenarios=generated", "generated.count=12", "count=10"):
        words += ["--set", f"evaluation.{setting}"]
    words += ["--set", "generation.sessions=16"]

    def hybridtune(*more: str) -> str:
        done = CliRunner().invoke(app, [*words, *more], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "teacher, evaluation scenarios" in hybridtune("--dry-run")
    assert "still to come" in hybridtune("--preview", "1")
    told = hybridtune()
    assert told.index("generation:evaluation") < told.index("generation  (")
    assert "evaluation.jsonl" in told
    report = read_json(run / "generation" / "report.json")
    assert report["held_out"]["disjoint"] is True
    assert report["evaluation"]["counts"]["asked"] == 12
    page = (run / "generation" / "report.html").read_text()
    assert "kept for evaluation (20.0 %, by hash); rows that have one: 0" in page
    assert re.search(r"Evaluation scenarios by the teacher: \d+ of 12, of which \d+ in the", page)
    card = (run / "generation" / "DATASET_CARD.md").read_text()
    assert "20% are kept for evaluation, by hash over the seed;\n0 personas here" in card
    assert "still to come" not in hybridtune("--preview", "1", "--run", str(run))
    assert hybridtune().count("up to date") == 4


def test_one_family_that_wrote_the_scenarios_too_is_pointed_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", server="remote")
    run = Run(run.path, make_experiment("remote", scenarios="generated"))
    path = run.eval / "scenarios.jsonl"
    teacher = {"teacher": {"kind": "attached", "name": "remote"}}
    scenarios = read_jsonl(path, Scenario)
    write_jsonl(path, (one.model_copy(update={"provenance": teacher}) for one in scenarios))
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    assert analysis["scenario_writers"] == analysis["models"]["teacher"] == [teacher["teacher"]]
    assert any(note.startswith("One family of models (remote) wrote") for note in analysis["notes"])
    assert any("are by the teacher (remote)" in note for note in analysis["notes"])
    assert scenario_ground(analysis)[0].weak is True


def test_the_report_says_who_wrote_the_scenarios(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    path = run.eval / "scenarios.jsonl"
    by_people = [
        one.model_copy(update={"provenance": {"teacher": "one of the school"}})
        for one in read_jsonl(path, Scenario)
    ]
    write_jsonl(path, by_people)
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    assert (analysis["scenario_writers"], scenario_ground(analysis)) == ([], [])
    model = {"kind": "managed", "name": "big"}
    mine = analysis | {"scenario_writers": [model]}
    assert scenario_writers(mine) == []
    assert scenario_ground(mine)[0].text == "written by big"
    mine["models"] = analysis["models"] | {"teacher": [model]}
    assert "are by the teacher (big), as are the synthetic sessions" in scenario_writers(mine)[0]
    assert scenario_ground(mine)[0].weak is True
