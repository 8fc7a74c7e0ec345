"""Sessions that say the same as a held-out one are not trained, counted and named."""

import random

import pytest
from annomi import sessions as annomi
from test_training_mixture import ids, make_run, talk

from hybridtune.records import Message, Session, read_json, write_jsonl
from training.leaks import without_near_duplicates
from training.mixture import split, write_mixture


def copied(session, name, source="real"):
    """A session with the words of another."""
    return Session(id=name, domain="d", source=source, messages=session.messages)


def with_copies(path):
    """A run whose held-out session stands again among the real and the synthetic ones."""
    run = make_run(path, {"real": {"real": 1}, "hybrid": {"real": 1, "synthetic": 1}}, real=10)
    real = [talk(f"real-{number}", turns=20) for number in range(10)]
    held_out = split(real, 0.1, 3)[0][0]
    # Sessions of one group are split together; a copy in no group may land on either side.
    twin = copied(held_out, "twin")
    assert twin.id not in [each.id for each in split([*real, twin], 0.1, 3)[0]]
    write_jsonl(run.corpus / "real.jsonl", [*real, twin])
    made = [talk("synthetic-0", "synthetic", 20), copied(held_out, "synthetic-1", "synthetic")]
    write_jsonl(run.generation / "synthetic.jsonl", made)
    return run, held_out


def test_copies_of_held_out_sessions_are_removed_and_named(tmp_path):
    run, held_out = with_copies(tmp_path)
    for variant in ("real", "hybrid"):
        write_mixture(run, variant)
    assert ids(run, "real", "held_out.jsonl") == [held_out.id]
    assert "twin" not in ids(run, "hybrid")
    assert "synthetic-1" not in ids(run, "hybrid")
    assert len(ids(run, "hybrid")) == 10
    removed = read_json(run.variant("hybrid") / "mixture.json")["removed_near_duplicates"]
    entry = {"held_out": held_out.id, "containment": 1.0}
    assert removed == [
        {"session": "twin", "source": "real", **entry},
        {"session": "synthetic-1", "source": "synthetic", **entry},
    ]
    removed = read_json(run.variant("real") / "mixture.json")["removed_near_duplicates"]
    assert [each["session"] for each in removed] == ["twin"]


@pytest.mark.parametrize("letters", [40, 2])
def test_short_sessions_are_duplicates_where_they_are_equal(letters):
    def short(name):
        messages = [
            turn.model_copy(update={"content": turn.content[:letters]})
            for turn in talk(name).messages
        ]
        return Session(id=name, domain="d", source="real", messages=messages)

    kept, removed = without_near_duplicates([short("b"), short("a")], [short("a")], 0.1)
    assert [each.id for each in kept] == ["b"]
    assert [(each.session, each.held_out) for each in removed] == [("a", "a")]


def test_nothing_held_out_removes_nothing():
    sessions = [talk("a"), talk("b")]
    assert without_near_duplicates(sessions, [], 0.1) == (sessions, [])


def test_answers_to_one_question_are_not_duplicates_for_the_question():
    question = "why " * 3 + " ".join(f"q{n}" for n in range(40))

    def pair(name):
        answer = " ".join(f"{name}{n}" for n in range(40))
        messages = [
            Message(role="user", content=question),
            Message(role="assistant", content=answer),
        ]
        return Session(
            id=name, domain="d", source="real", messages=messages, provenance={"kind": "qa"}
        )

    assert not without_near_duplicates([pair("a")], [pair("b")], 0.1)[1]


def test_on_annomi_only_copies_are_removed():
    real = [
        Session(
            id=f"s{number}",
            domain="therapy",
            source="real",
            messages=[
                Message(role="assistant" if who == "therapist" else "user", content=text)
                for who, text in each
            ],
        )
        for number, each in enumerate(annomi())
    ]
    held_out, rest = split(real, 0.1, 3)
    again = [heard_again(each) for each in held_out]
    kept, removed = without_near_duplicates([*rest, *again], held_out, 0.1)
    assert [each.session for each in removed] == [each.id for each in again]
    assert kept == rest


def heard_again(session):
    """Another transcript of a session, with every tenth word lost."""
    rng = random.Random(session.id)
    messages = []
    for turn in session.messages:
        heard = " ".join(word for word in turn.content.split() if rng.random() > 0.1)
        messages.append(Message(role=turn.role, content=heard))
    return session.model_copy(update={"id": f"{session.id}-again", "messages": tuple(messages)})
