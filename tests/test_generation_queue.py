"""People decide about drafts: what they read, in which order, and what comes of it."""

import json
import multiprocessing
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_teacher import HELD, FakeTeacher, bicycles, generated, run_of
from typer.testing import CliRunner

from generation.agreement import agreement
from generation.form import read_form, write_form
from generation.queue import Queue, certainty, spread
from generation.review import Review
from generation.stage import generate, rewrite
from generation.store import RowStore
from hybridtune.cli.app import app
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import DataError, InputError, RunError, StageError
from hybridtune.progress import silent
from hybridtune.records import Message, Session, read_json, read_jsonl, write_json
from hybridtune.runs import Run

SCORES = [9, 8, 7, 6, 5, 4, 3, 2, 9, 6, 5, 3]  # accept at 7, reject below 4


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return bicycles(tmp_path / "pack")


async def ranked(pack: Domain, folder: Path, **told: Any) -> Queue:
    """Twelve drafts, one after the other, with these ranks."""
    settings = {key: told.pop(key) for key in ("best_of", "sessions") if key in told}
    teacher = FakeTeacher(scores=iter(told.pop("scores", SCORES)), **told)
    run = run_of(folder, blind_reviews=2, **settings)
    one = run.experiment.servers["fake"].limits.model_copy(update={"max_concurrency": 1})
    server = run.experiment.servers["fake"].model_copy(update={"limits": one})
    run = Run(folder, run.experiment.model_copy(update={"servers": {"fake": server}}))
    await generate(run, pack, teacher, silent())
    write_json(folder / "experiment.json", run.experiment.model_dump(mode="json"))
    return Queue(run, pack)


def taken(run: Run) -> dict[str, Session]:
    return {each.id: each for each in read_jsonl(run.generation / "synthetic.jsonl", Session)}


def reasons(run: Run) -> Counter[tuple[str, str, str]]:
    decisions = read_jsonl(run.generation / "decisions.jsonl", Review)
    return Counter((each.status, each.by, each.reason) for each in decisions)


def verdict(mean: float | None, reason: str = "rank") -> Review:
    return Review(
        session="s", status="flagged", by="rule", reason=reason, detail="", text_sha256="",
        mean=mean,
    )  # fmt: skip


def test_doubt() -> None:
    settings = GenerationSettings(accept_at=7, reject_below=4)
    nearer, middle = certainty(verdict(6.9), settings), certainty(verdict(5.5), settings)
    assert 0 < nearer < middle == 1.5
    assert certainty(verdict(4.0), settings) == 0
    assert certainty(verdict(None, "unranked"), settings) == 0
    assert certainty(verdict(9.5, "evidence"), settings) == 0


async def test_the_list(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run")
    listed = queue.waiting()
    flagged = [each.review for each in listed if not each.blind]
    assert [each.mean for each in flagged] == sorted(
        (each.mean for each in flagged), key=lambda mean: min(7 - mean, mean - 4)
    )
    assert sorted(each.mean for each in flagged) == [4, 5, 5, 6, 6]
    blind = [each.review for each in listed if each.blind]
    assert len(blind) == 2
    assert all(each.status != "flagged" for each in blind)
    assert not listed[0].blind
    assert [each.review.session for each in queue.waiting()] == [
        each.review.session for each in listed
    ]


def test_blind_ones_stand_evenly_among_the_rest() -> None:
    listed = [(verdict(5), False)] * 6
    mixed = spread(listed, [(verdict(9), True)] * 2)
    assert [hidden for _, hidden in mixed].count(True) == 2
    assert [place for place, (_, hidden) in enumerate(mixed) if hidden] == [3, 6]
    assert spread([], [(verdict(9), True)]) == [(verdict(9), True)]


async def test_decisions_take_effect_and_can_be_taken_back(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run")
    run = queue.run
    before = {path.name: path.read_bytes() for path in run.generation.glob("*.json*")}
    flagged = [each.review.session for each in queue.waiting() if not each.blind]
    accepted = next(iter(taken(run)))
    queue.decide(flagged[0], "accept", reviewer="kim")
    queue.decide(accepted, "reject", reviewer="kim", reason="a lecture")
    edited = tuple(
        turn.model_copy(update={"content": f"{turn.content} Yes."})
        for turn in queue.take(flagged[1]).draft.messages
    )
    queue.decide(flagged[1], "edit", reviewer="kim", messages=edited)
    rewrite(run, pack)
    now = taken(run)
    assert flagged[0] in now
    assert accepted not in now
    assert now[flagged[1]].messages == edited
    assert now[flagged[1]].provenance["review"]["action"] == "edit"
    assert "kim" not in json.dumps([each.model_dump(mode="json") for each in now.values()])
    assert reasons(run)["accepted", "person", "person"] == 2
    assert reasons(run)["rejected", "person", "person"] == 1
    assert read_json(run.generation / "report.json")["reasons"]["rejected"]["person"] == 1
    for name in (flagged[0], accepted, flagged[1]):
        queue.decide(name, "undo", reviewer="kim")
    log = (run.generation / "reviews.jsonl").read_text()
    assert len(log.splitlines()) == 6
    rewrite(run, pack)
    after = {path.name: path.read_bytes() for path in run.generation.glob("*.json*")}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"reviews.jsonl", "report.json"}  # the report names the log's digest


async def test_what_nobody_may_do(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", copy_in_draft=[3], scores=[9] * 12)
    with pytest.raises(
        InputError, match=r"synthetic-00004-1: cannot be accepted: shares its words"
    ):
        queue.decide("synthetic-00004-1", "accept", reviewer="kim")
    with pytest.raises(InputError, match="a rejection needs its reason"):
        queue.decide("synthetic-00001-1", "reject", reviewer="kim", reason=" ")
    huge = f"synthetic-{'9' * 23}-1"
    for name in ("synthetic-00099-1", "nonsense", "synthetic-00001-7", "synthetic-x-1", huge):
        with pytest.raises(InputError, match="no such draft"):
            queue.decide(name, "accept", reviewer="kim")
    with pytest.raises(DataError, match="no decision about"):
        queue.decide("synthetic-00001-1", "undo", reviewer="kim")
    turns = queue.take("synthetic-00001-1").draft.messages
    leaking = (*turns[:1], Message(role="assistant", content="As an AI, I never ride."), *turns[2:])
    with pytest.raises(InputError, match="the edited text fails a check: leak"):
        queue.decide("synthetic-00001-1", "edit", reviewer="kim", messages=leaking)
    near = (Message(role="user", content=HELD), *turns[1:])
    with pytest.raises(InputError, match="fails a check: held_out"):
        queue.decide("synthetic-00001-1", "edit", reviewer="kim", messages=near)
    assert not queue.log.decisions()


async def test_an_edit_is_checked_again_when_it_takes_effect(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", scores=[9] * 12)
    turns = queue.take("synthetic-00001-1").draft.messages
    near = (Message(role="user", content=HELD), *turns[1:])
    event = queue.decide("synthetic-00001-1", "edit", reviewer="kim", messages=turns)
    queue.log.append(  # as if the evaluation scenarios had been others then
        "synthetic-00001-1", "edit", reviewer="kim", text_sha256=event.text_sha256, messages=near
    )
    rewrite(queue.run, pack)
    assert "synthetic-00001-1" not in taken(queue.run)
    assert reasons(queue.run)["rejected", "rule", "held_out"] == 1
    assert read_json(queue.run.generation / "report.json")["held_out"]["disjoint"] is True


async def test_a_decision_on_other_words_does_not_hold(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", scores=[9] * 12)
    queue.log.append(
        "synthetic-00002-1", "reject", reviewer="kim", reason="bad", text_sha256="0" * 64
    )
    rewrite(queue.run, pack)
    assert "synthetic-00002-1" in taken(queue.run)


async def test_a_person_overrules_the_best_of_several(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", sessions=1, best_of=2, scores=[9, 8])
    (best,) = taken(queue.run)
    (other,) = {"synthetic-00001-1", "synthetic-00001-1-2"} - {best}
    queue.decide(other, "accept", reviewer="kim")
    rewrite(queue.run, pack)
    assert set(taken(queue.run)) == {other}
    queue.decide(other, "reject", reviewer="kim", reason="stiff")
    rewrite(queue.run, pack)
    assert set(taken(queue.run)) == {best}


async def test_agreement_counts_blind_ones_only(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run")
    listed = queue.waiting()
    for each in listed:
        sure = each.review.status == "accepted"
        queue.decide(
            each.review.session,
            "accept" if sure or not each.blind else "reject",
            reviewer="kim",
            reason="so",
        )
    found = agreement(queue)
    (row,) = found.rows
    assert (row.reviewer, row.decided, row.blind, row.agree) == ("kim", len(listed), 2, 2)
    assert row.share == 1
    assert row.bounds
    assert row.bounds[0] == pytest.approx(0.342, abs=1e-3)  # 2 / (2 + 1.96^2)
    assert found.waiting == 0
    blind = next(each for each in queue.waiting() if each.blind)
    other = "reject" if blind.review.status == "accepted" else "accept"
    for reviewer in ("kim", "lee"):  # one has seen the scores by now, the other has not
        queue.decide(blind.review.session, other, reviewer=reviewer, reason="no")  # type: ignore[arg-type]
    kim, lee = agreement(queue).rows
    assert (kim.blind, kim.agree) == (2, 2)
    assert (lee.decided, lee.blind, lee.agree) == (1, 1, 0)


async def test_a_draft_that_failed_a_check_can_be_taken(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", leak=[2, 5], scores=[9] * 12)
    leaking, other = "synthetic-00003-1", "synthetic-00006-1"
    queue.decide(leaking, "accept", reviewer="kim", reason="a joke")
    turns = queue.take(other).draft.messages
    mended = (turns[0], turns[1].model_copy(update={"content": "It will not hurt."}), *turns[2:])
    queue.decide(other, "edit", reviewer="kim", messages=mended)
    rewrite(queue.run, pack)
    both = taken(queue.run)
    assert both[leaking].ranking is both[other].ranking is None
    assert reasons(queue.run)["accepted", "person", "person"] == 2


async def test_an_edit_keeps_nothing_of_the_old_words(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", scores=[9] * 12)
    name, like = "synthetic-00004-1", "synthetic-00001-1"
    turns = queue.take(name).draft.messages
    assert taken(queue.run)[name].ranking
    queue.decide(name, "edit", reviewer="kim", messages=turns[:2])
    rewrite(queue.run, pack)
    now = taken(queue.run)[name]
    assert now.ranking is None
    assert "held_out" in now.provenance["checks"]
    assert len(now.provenance["checks"]) == len(set(now.provenance["checks"]))
    queue.decide(name, "edit", reviewer="kim", messages=queue.take(like).draft.messages)
    rewrite(queue.run, pack)
    assert name not in taken(queue.run)
    assert reasons(queue.run)["rejected", "rule", "near_duplicate"] == 1


async def test_what_the_rules_said_of_a_near_duplicate_stays(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", same=[0, 1], scores=[9] * 12)
    name = "synthetic-00002-1"
    assert reasons(queue.run)["rejected", "rule", "near_duplicate"] == 1
    before = [each.session for each in queue.rules() if each.reason == "near_duplicate"]
    queue.decide(name, "accept", reviewer="kim")
    rewrite(queue.run, pack)
    assert name in taken(queue.run)
    after = [each.session for each in queue.rules() if each.reason == "near_duplicate"]
    assert before == after == [name]


async def test_no_decision_about_other_words_is_listed(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run")
    name = queue.waiting()[0].review.session
    queue.log.append(name, "approve", reviewer="kim", text_sha256="0" * 64)
    assert queue.waiting()[0].decision is None
    assert not agreement(queue).rows


async def test_rows_of_two_settings_are_no_dataset(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run", scores=[9] * 12)
    other = queue.run.experiment.model_copy(update={"seed": 6})
    await generate(Run(tmp_path / "other", other), pack, FakeTeacher(), silent())
    before = (queue.run.generation / "synthetic.jsonl").read_bytes()
    with RowStore(queue.run.generation / "rows.sqlite") as mine:
        theirs = tmp_path / "other" / "generation" / "rows.sqlite"
        mine.database.execute("ATTACH ? AS theirs", (str(theirs),))
        mine.database.execute("REPLACE INTO rows SELECT * FROM theirs.rows WHERE number < 4")
        mine.database.commit()
    with pytest.raises(StageError, match="4 of 12 rows are of other settings than the rest"):
        rewrite(queue.run, pack)
    assert (queue.run.generation / "synthetic.jsonl").read_bytes() == before


def decide_all(folder: Path, pack: Path, reviewer: str) -> None:
    run = Run(folder, run_of(folder).experiment)
    queue = Queue(run, Domain(pack))
    for number in range(1, 13):
        queue.decide(f"synthetic-{number:05d}-1", "accept", reviewer=reviewer)


async def test_two_reviewers_at_once(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher())
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=decide_all, args=(run.path, pack.path, who)) for who in ("a", "b")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert Queue(run, pack).log.verify() == 24


async def test_missing_rows_are_no_dataset(pack: Domain, tmp_path: Path) -> None:
    run = await generated(pack, tmp_path / "run", FakeTeacher(), sessions=3)
    more = run_of(run.path, sessions=5)
    with pytest.raises(StageError, match="rows are missing"):
        rewrite(more, pack)


def test_the_form_and_back(pack: Domain) -> None:
    names = pack.settings
    messages = (
        Message(role="user", content="It squeaks: always.\nSince May."),
        Message(role="assistant", content="Where?"),
    )
    form = write_form(messages, names)
    assert form == "Rider: It squeaks: always.\nSince May.\n\nMechanic: Where?\n"
    assert read_form(form, names, "f") == messages
    with pytest.raises(InputError, match="f:1: not a turn: 'Hello'"):
        read_form("Hello\nRider: no", names, "f")
    with pytest.raises(InputError, match="f:2: a turn that says nothing"):
        read_form("Rider: no\nMechanic:\n", names, "f")


async def test_a_damaged_row_is_one_line(pack: Domain, tmp_path: Path) -> None:
    queue = await ranked(pack, tmp_path / "run")
    file = queue.run.generation / "rows.sqlite"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE rows SET outcome = '{\"row\": 1' WHERE number = 2")
    told = r"rows.sqlite: cannot be read: row 3: Invalid JSON.* \(move it away and run"
    with pytest.raises(RunError, match=told):
        queue.take("synthetic-00003-1")
    assert queue.take("synthetic-00001-1")
    with pytest.raises(RunError, match=told):
        rewrite(queue.run, pack)
    with pytest.raises(RunError, match=r"rows.sqlite: cannot be read: (row 3|malformed JSON)"):
        await generate(queue.run, pack, FakeTeacher(), silent())
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(RunError, match="cannot be used as row store"):
        queue.take("synthetic-00001-1")


Command = Callable[..., str]


@pytest.fixture
async def command(pack: Domain, tmp_path: Path) -> Command:
    """`hybridtune review` on a run of twelve drafts, with what is typed; returns all output."""
    run = (await ranked(pack, tmp_path / "run")).run
    experiment = run.experiment.model_copy(update={"domain": str(pack.path)})
    write_json(run.path / "experiment.json", experiment.model_dump(mode="json"))

    def hybridtune(*words: str, **told: Any) -> str:
        whole = ["review", str(run.path), *words]
        done = CliRunner().invoke(app, whole, catch_exceptions=False, **told)
        assert done.exit_code == 0, done.output
        return done.output

    return hybridtune


async def test_the_command(command: Command, tmp_path: Path) -> None:
    hybridtune = command
    listed = json.loads(hybridtune("--json"))
    assert {key for line in listed for key in line} == {"id", "decided"}
    text = hybridtune()
    assert all(line["id"] in text for line in listed)
    assert not any(word in text for word in ("flagged", "accepted", "rejected", "mean"))
    first = listed[0]["id"]
    assert hybridtune(first, "accept", "--reviewer", "kim") == f"accept: {first}\n"
    form = tmp_path / "form.txt"
    form.write_text("Rider: It squeaks when I brake.\nMechanic: On which wheel is it?\n")
    second = listed[1]["id"]
    assert hybridtune(second, "edit", "--messages", str(form)) == f"edit: {second}\n"
    assert {line["decided"] for line in json.loads(hybridtune("--json"))[:2]} == {"accept", "edit"}
    assert "6 sessions in" in hybridtune("--apply")
    out = tmp_path / "out.jsonl"
    assert "6 sessions in" in hybridtune("--export", str(out), "--format", "openai")
    assert len(out.read_text().splitlines()) == 6
    assert "kim" in hybridtune("--stats")


def test_an_undo_tells_what_stands(command: Command) -> None:
    first = json.loads(command("--json"))[0]["id"]
    command(first, "accept", "--reviewer", "kim")
    command(first, "accept", "--reviewer", "lee")
    assert command(first, "undo") == f"undo: {first}; accept by kim stands now\n"
    assert "accept by kim" in command()
    assert command(first, "undo") == f"undo: {first}; no decision stands now, the rules decide\n"


def test_options_that_would_have_no_effect_are_refused(command: Command, tmp_path: Path) -> None:
    form, out = tmp_path / "form.txt", tmp_path / "out.jsonl"
    form.write_text("Rider: It squeaks.\nMechanic: Where?\n")
    first = json.loads(command("--json"))[0]["id"]
    before = (tmp_path / "run" / "generation" / "report.json").stat().st_mtime_ns
    for words in (
        ["--messages", str(form), first, "accept"],
        ["--messages", str(form)],
        ["--reason", "so"],
        ["--reviewer", "kim", "--apply"],
        ["--json", "--apply"],
        ["--stats", first, "accept"],
        ["--format", "openai"],
        ["--format", "openai", "--apply"],
    ):
        with pytest.raises(InputError, match=f"{words[0]}: has no effect here .it goes with"):
            command(*words)
    for unknown in ("foo", ""):
        with pytest.raises(InputError, match=f"--format: no '{unknown}' .one of openai, sharegpt"):
            command(first, "accept", "--export", str(out), "--format", unknown)
    assert json.loads(command("--json"))[0]["decided"] is None
    assert (tmp_path / "run" / "generation" / "report.json").stat().st_mtime_ns == before
    assert not out.exists()


def test_a_text_that_is_not_utf_8(command: Command, tmp_path: Path) -> None:
    form = tmp_path / "form.txt"
    form.write_bytes("Rider: It squeaks.\nMechanic: Où?\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"form.txt:2: not UTF-8 text \(save it as UTF-8\)"):
        command("synthetic-00001-1", "edit", "--messages", str(form))
    form.write_bytes("Rider: It squeaks.\r\nMechanic: Where is it?\r\n".encode("utf-8-sig"))
    assert command("synthetic-00001-1", "edit", "--messages", str(form)).startswith("edit: ")


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("false", "EDITOR=false: the editor failed: exit code 1"),
        ("no-such-editor -w", "EDITOR=no-such-editor -w: the editor failed: No such file"),
        ("vi '", "EDITOR=vi ': the editor failed: No closing quotation"),
        ("true", "synthetic-00001-1: nothing was changed"),
        (r"sed -i s/:/:\\xff/", "the edited text:1: not UTF-8 text"),
    ],
)
def test_an_editor_that_fails(
    command: Command, monkeypatch: pytest.MonkeyPatch, editor: str, told: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(InputError, match=f"^{re.escape(told)}"):
        command("synthetic-00001-1", "edit")
    assert not any(line["decided"] for line in json.loads(command("--json")))


def test_a_walk_outlives_an_editor(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("VISUAL", "false")
    first, second = (line["id"] for line in json.loads(command("--json"))[:2])
    shown = command(input="e\na\nu\nn\na\nq\n")
    assert "the editor failed" in shown
    assert f"accept: {first}" in shown
    assert "no decision stands now" in shown
    decided = {line["id"]: line["decided"] for line in json.loads(command("--json"))}
    assert (decided[first], decided[second]) == (None, "accept")
    monkeypatch.setenv("VISUAL", "sed -i s/^Rider:/&Well,/")
    assert command(first, "edit") == f"edit: {first}\n"
