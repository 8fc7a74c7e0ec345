"""Export: formats that others train on, and rights that are obeyed."""

import json
from pathlib import Path
from typing import Any

import pytest

from corpus.export import export_sessions
from hybridtune.errors import DataError
from hybridtune.records import Message, Session, read_jsonl, write_jsonl

TALK = (("assistant", "Mm-hmm."), ("user", "I felt low."), ("assistant", "Since when?"))


def session(name: str, rights: str | None = "own", **more: Any) -> Session:
    messages = tuple(Message(role=role, content=text) for role, text in TALK)  # type: ignore[arg-type]
    provenance = {} if rights is None else {"rights": rights}
    values = {"source": "real", "messages": messages, "untrained": (0,), "provenance": provenance}
    return Session(id=name, domain="therapy", **{**values, **more})


def exported(tmp_path: Path, sessions: list[Session], **options: Any) -> list[dict[str, Any]]:
    write_jsonl(tmp_path / "real.jsonl", sessions)
    export_sessions(tmp_path / "real.jsonl", tmp_path / "out" / "data.jsonl", **options)
    lines = (tmp_path / "out" / "data.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_openai_gives_weight_0_to_untrained_turns(tmp_path: Path) -> None:
    assert exported(tmp_path, [session("s")], format="openai") == [
        {
            "messages": [
                {"role": "assistant", "content": "Mm-hmm.", "weight": 0},
                {"role": "user", "content": "I felt low."},
                {"role": "assistant", "content": "Since when?"},
            ]
        }
    ]


def test_sharegpt(tmp_path: Path) -> None:
    system = Message(role="system", content="Listen.")
    talk = session("s", messages=(system, *session("s").messages), untrained=())
    assert exported(tmp_path, [talk], format="sharegpt") == [
        {
            "conversations": [
                {"from": "system", "value": "Listen."},
                {"from": "gpt", "value": "Mm-hmm."},
                {"from": "human", "value": "I felt low."},
                {"from": "gpt", "value": "Since when?"},
            ]
        }
    ]


def test_our_own_format_tells_nothing_that_identifies(tmp_path: Path) -> None:
    told = {
        "source_id": "5f",
        "source_kind": "roleplay",
        "rights": "licensed",
        "rights_note": "CC BY 4.0",
        "kind": "session",
        "steps": {"joined": 2},
    }
    secret = {"file": "Ann Smith.vtt", "group": "aa", "span": {"first_line": 3}, "title": "x"}
    real = session("s", provenance={**secret, **told})
    [line] = exported(tmp_path, [real], format="session")
    assert line["provenance"] == told
    [again] = read_jsonl(tmp_path / "out" / "data.jsonl", Session)
    assert again == real.model_copy(update={"provenance": told})


@pytest.mark.parametrize("rights", ["own", "public-domain", "licensed", "permission"])
def test_rights_that_include_passing_on(rights: str, tmp_path: Path) -> None:
    assert len(exported(tmp_path, [session("s", rights)], format="openai")) == 1


@pytest.mark.parametrize("form", ["openai", "sharegpt", "session"])
def test_without_rights_nothing_is_written(form: str, tmp_path: Path) -> None:
    sessions = [session("a"), session("b", None), session("c", "unstated")]
    sessions += [session("d", "local-use"), session("e", "licensed")]
    with pytest.raises(DataError) as caught:
        exported(tmp_path, sessions, format=form)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'real.jsonl'}: nothing exported, ")
    assert "rights do not allow it: 1 local-use, 2 unstated (" in line
    assert "--rights licensed|own|permission|public-domain" in line
    assert "--allow-rights local-use --allow-rights unstated" in line
    assert "\n" not in line
    assert list((tmp_path / "out").iterdir()) == []


def test_a_refusal_leaves_an_earlier_export_alone(tmp_path: Path) -> None:
    before = exported(tmp_path, [session("a")], format="openai")
    with pytest.raises(DataError, match="1 unstated"):
        exported(tmp_path, [session("a", "unstated")], format="sharegpt")
    kept = (tmp_path / "out" / "data.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == before


def test_allowing_one_kind_of_rights_allows_no_other(tmp_path: Path) -> None:
    sessions = [session("a", "local-use"), session("b", "own")]
    assert len(exported(tmp_path, sessions, format="openai", allow=["local-use"])) == 2
    sessions.append(session("c", None))
    with pytest.raises(DataError, match=r"do not allow it: 1 unstated \("):
        exported(tmp_path, sessions, format="openai", allow=["local-use"])
    assert len(exported(tmp_path, sessions, format="openai", allow=["local-use", "unstated"])) == 3


def test_rights_that_we_do_not_know_cannot_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=": 1 whatever") as caught:
        exported(tmp_path, [session("a", "whatever")], format="openai", allow=["whatever"])
    assert "--allow-rights" not in str(caught.value)


def test_what_models_wrote_needs_no_rights(tmp_path: Path) -> None:
    sessions = [session("a", None, source="synthetic"), session("b", None, source="simulated")]
    write_jsonl(
        tmp_path / "all.jsonl", [*sessions, session("c"), session("d", messages=(), untrained=())]
    )
    report = export_sessions(tmp_path / "all.jsonl", tmp_path / "out.jsonl", format="openai")
    assert (report.sessions, report.real, report.empty) == (3, {"own": 1}, 1)
    assert (report.untrained_turns, report.openers) == (3, 0)


def test_an_opener_stands_first_where_the_counselor_opens(tmp_path: Path) -> None:
    system = Message(role="system", content="Listen.")
    turns = session("s").messages
    sessions = [
        session("counselor"),
        session("patient", messages=turns[1:], untrained=(1,)),
        session("system", messages=(system, *turns), untrained=(1, 3)),
    ]
    one, two, three = exported(tmp_path, sessions, format="openai", opener="(It begins.)")
    opener = {"role": "user", "content": "(It begins.)"}
    assert one["messages"][0] == opener
    assert [turn.get("weight") for turn in one["messages"]] == [None, 0, None, None]
    assert opener not in two["messages"]
    assert [turn.get("weight") for turn in two["messages"]] == [None, 0]
    assert three["messages"][:2] == [system.model_dump(), opener]
    assert [turn.get("weight") for turn in three["messages"]] == [None, None, 0, None, 0]
    [chat, _, _] = exported(tmp_path, sessions, format="sharegpt", opener="(It begins.)")
    assert chat["conversations"][0] == {"from": "human", "value": "(It begins.)"}
    [own, _, _] = exported(tmp_path, sessions, format="session", opener="(It begins.)")
    assert own["messages"] == [turn.model_dump() for turn in turns]
    report = export_sessions(
        tmp_path / "real.jsonl", tmp_path / "o.jsonl", format="openai", opener="(It begins.)"
    )
    assert report.openers == 2


def test_errors_name_the_place(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    with pytest.raises(DataError, match=r"real\.jsonl: no such file"):
        export_sessions(path, tmp_path / "out.jsonl", format="openai")
    write_jsonl(path, [])
    with pytest.raises(DataError, match=r"real\.jsonl: no sessions to export"):
        export_sessions(path, tmp_path / "out.jsonl", format="openai")
    write_jsonl(path, [session("s")])
    with pytest.raises(DataError, match="would replace the sessions"):
        export_sessions(path, tmp_path / "." / "real.jsonl", format="openai")
    path.write_text(session("s").line() + '\n{"id": 5}\n')
    with pytest.raises(DataError, match=r"real\.jsonl:2: not a Session record"):
        export_sessions(path, tmp_path / "out.jsonl", format="openai")
    assert [each.name for each in tmp_path.iterdir()] == ["real.jsonl"]


def test_words_as_they_were_spoken_need_a_word_of_their_own(tmp_path: Path) -> None:
    told = {"rights": "own", "deidentified": False}
    one = session("real-Anns-third-hour", provenance=told)
    path = tmp_path / "real.jsonl"
    write_jsonl(path, [one])
    with pytest.raises(DataError, match="it was not de-identified"):
        export_sessions(path, tmp_path / "out.jsonl", format="session")
    export_sessions(path, tmp_path / "out.jsonl", format="session", identified=True)
    assert "Anns" not in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
