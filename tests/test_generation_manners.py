"""Names, language and likeness to real sessions: planted faults are found, sound drafts pass."""

import shutil
from pathlib import Path

import pytest
from fake_teacher import FakeTeacher, bicycles, generated, run_of, statuses
from test_generation_checks import SAID, changed, conversation

from generation.checks import Draft, examine, load_standards
from generation.names import CERTAIN, name_problem, names_in
from generation.stage import generate
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import ConfigError, DomainError
from hybridtune.overlap import HeldOut
from hybridtune.progress import silent
from hybridtune.records import Message, Session, read_jsonl, write_jsonl
from training.mixture import split

SPANISH = (
    "No puedo dormir por las noches porque siempre pienso en el trabajo y en todo lo que "
    "todavía me queda por hacer antes de que termine la semana, y luego estoy cansado todo el día."
)
NAMED = [
    ("user", "Hi, I'm Sam. I feel low.", ("client", "Sam")),
    ("user", "My name is Xorvik, and I came by bus.", ("client", "Xorvik")),
    ("user", "You can call me Jo-Ann.", ("client", "Jo-Ann")),
    ("user", "Thank you, Thomas", ("other", "Thomas")),
    ("assistant", "Thanks, Maria, that helps.", ("client", "Maria")),
    ("assistant", "Maria, what was that like?", ("client", "Maria")),
    ("assistant", "I\u2019m Laura, and I will listen.", ("other", "Laura")),
]
UNNAMED = [
    "I'm Polish, and my sister Anna left.",
    "I told Peter that he should go. Peter, my brother, laughed.",
    "Okay, Monday then. Well, May was hard, and I'm Catholic.",
    "Thanks, Will do. Hello, I am Fine by now.",
    "This is Hard, this is July, and my name is on the list.",
    "Sorry, Mum's at the door.",
]


@pytest.mark.parametrize(("role", "text", "found"), NAMED)
def test_what_speakers_are_called(role: str, text: str, found: tuple[str, str]) -> None:
    message = Message.model_validate({"role": role, "content": text})
    assert list(names_in(message)) == [found]


CALLED = (
    "Anna Jean-Paul Anna-Zz Zz-Anna Anna-Marie's Li-Ann-Marie McTom Ren\u00e9e Tom\u00e1s O'Tom"
)
FORMS = (
    "Hi {}", "Thanks again, {}!", "Okay, {}.", "I'm {}, and", "This is {} here", "{}, I see",
    "Yes. {}, what is it?", "See you back, {}-x", '"{}, can you"', "-{}, I", "Hi {}{}.",
    "My name is {}", "my name's {}.", "you can call me {}", "Just call me {}.",
)  # fmt: skip


def test_looking_before_matching_hides_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    called = [*CALLED.split(), "ANNA", "May", "Zzyx", "Mary-anne", "Tom\u2019s"]
    messages = [
        Message(role="user", content=form.replace("{}", name)) for form in FORMS for name in called
    ]
    found = [list(names_in(message)) for message in messages]
    assert {"Anna", "Jean-Paul", "Zzyx"} <= {name for each in found for _, name in each}
    for message, each in zip(messages, found, strict=True):
        said = message.content.replace("\u2019", "'")
        assert [name for _, name in each][: len(CERTAIN.findall(said))] == CERTAIN.findall(said)
    monkeypatch.setattr("generation.names.has_first_name", lambda _: True)
    assert [list(names_in(message)) for message in messages] == found


@pytest.mark.parametrize("text", UNNAMED)
def test_people_talked_about_and_other_capitals_are_no_names(text: str) -> None:
    for role in ("user", "assistant"):
        assert not list(names_in(Message.model_validate({"role": role, "content": text})))


def test_a_name_that_changes() -> None:
    said = conversation("I'm Sam.", "Hello, Sam, I'm Laura.", "Thanks, Laura.", "Welcome, Peter.")
    assert name_problem(said[:3], {}, "consistent") is None
    problem = name_problem(said, {}, "consistent")
    assert problem == "turn 4 calls the client 'Peter', who was 'Sam' before"
    other = name_problem(said[:2], {"name": "Ada Lowell"}, "consistent")
    assert other == "turn 1 calls the client 'Sam', whose name is 'Ada Lowell'"
    assert name_problem(said[:1], {"name": "Sam Lowell"}, "consistent") is None


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("names", changed(3, "Thanks, Maria. What goes through your mind then?")),
        ("language", (SAID[0], SPANISH, SAID[2], SPANISH, *SAID[4:])),
        ("language", changed(5, f"{SAID[5]} {SPANISH} {SPANISH}")),
    ],
)
def test_planted_faults(check: str, said: tuple[str, ...]) -> None:
    standards = load_standards(load_domain("therapy"), HeldOut([]))
    _, problem = examine(Draft(conversation(*said), 3, 0, standards))
    assert problem
    assert problem[0] == check, problem


@pytest.mark.parametrize(
    ("written", "complaint"),
    [("names: many", "names: 'many' is not one of"), ("name: none", "name: not a check")],
)
def test_a_pack_that_asks_for_what_there_is_not(
    tmp_path: Path, written: str, complaint: str
) -> None:
    shutil.copytree(load_domain("therapy").path, tmp_path / "pack")
    (tmp_path / "pack" / "checks.yaml").write_text(written)
    with pytest.raises(DomainError, match=rf"checks\.yaml: {complaint}"):
        load_standards(Domain(tmp_path / "pack"), HeldOut([]))


async def test_a_draft_like_a_real_session_is_rejected_and_counted(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    first = await generated(pack, tmp_path / "first", FakeTeacher())
    draft = read_jsonl(first.generation / "drafts.jsonl", Session)[4]
    run = run_of(tmp_path / "run")
    real = draft.model_copy(update={"id": "real-1", "source": "real"})
    write_jsonl(run.corpus / "real.jsonl", [real])
    teacher = FakeTeacher()
    await generate(run, pack, teacher, silent())
    assert statuses(run) == {("accepted", "rank"): 11, ("rejected", "near_real"): 1}
    # Other real sessions change what is taken, and not what was asked for.
    asked = len(teacher.requests)
    write_jsonl(run.corpus / "real.jsonl", [real.model_copy(update={"messages": SPANISH_TALK})])
    await generate(run, pack, teacher, silent())
    assert statuses(run) == {("accepted", "rank"): 12}
    assert len(teacher.requests) == asked


SPANISH_TALK = conversation(SPANISH, SPANISH[::-1])


async def test_a_split_never_cuts_a_persona_in_two(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    run = await generated(
        pack, tmp_path / "run", FakeTeacher(), sessions=30, scenarios_per_persona=3
    )
    sessions = read_jsonl(run.generation / "synthetic.jsonl", Session)
    for seed in range(20):
        sides = split(sessions, 0.3, seed)
        people = [{each.provenance["persona"] for each in side} for side in sides]
        assert people[0]
        assert not people[0] & people[1]


async def test_a_floor_for_what_the_rubric_does_not_score_is_one_error(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    with pytest.raises(ConfigError, match=r"generation\.floors\.safety: the rubric .*it has use"):
        await generated(pack, tmp_path / "run", FakeTeacher(), floors={"safety": 5})
