"""Chats in JSON and JSON Lines: read back as written, or one clear error."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.encoding import mender
from corpus.formats import chat, esconv
from corpus.transcript import Hints, Source, Transcript
from hybridtune.errors import DataError
from hybridtune.records import Message, Session

LETTERS = "aBc .,:[]{}\\/'\"-?\né\u2019\u201c\u201d 😀\u00a0"
words = (
    st.text(LETTERS, min_size=1, max_size=30)
    .map(str.strip)
    .filter(lambda text: text != "" and mender()(text) == text)
)
said = st.lists(st.tuples(st.booleans(), words), min_size=1, max_size=8)
chats = st.lists(said, min_size=1, max_size=5)
Said = list[tuple[bool, str]]


def source(content: str | bytes, name: str = "chat.json") -> Source:
    data = content.encode() if isinstance(content, str) else content
    return Source(name, f"folder/{name}", len(data), lambda: io.BytesIO(data))


def pairs(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(each.speaker, each.text) for each in transcript.utterances]


def expected(said: Said, labels: tuple[str, str]) -> list[tuple[str, str]]:
    """What is read of a chat whose counselor and patient have these labels."""
    return [(labels[not counsels], text) for counsels, text in said]


def check(read: Iterator[Transcript], conversations: list[Said], labels: tuple[str, str]) -> None:
    transcripts = list(read)
    assert [pairs(each) for each in transcripts] == [
        expected(each, labels) for each in conversations
    ]
    assert len({each.id for each in transcripts}) == len(transcripts)
    for each in transcripts:
        roles = {labels[0]: "counselor", labels[1]: "patient"}
        assert each.parts == {
            label: roles[label] for label, _ in dict.fromkeys(pairs(each)) if label
        }


def render(values: list[Any], layout: str, ascii_only: bool) -> str:
    if layout == "lines":
        return "".join(json.dumps(each, ensure_ascii=ascii_only) + "\r\n" for each in values)
    if layout == "objects":
        return "\n".join(json.dumps(each, ensure_ascii=ascii_only, indent=1) for each in values)
    return json.dumps(values, ensure_ascii=ascii_only, indent=1 if layout == "list" else None)


layouts = st.sampled_from(["lines", "list", "one line", "objects"])


@settings(max_examples=60, deadline=None)
@given(
    chats,
    st.sampled_from([("supporter", "seeker"), ("listener", "speaker"), ("sys", "usr")]),
    layouts,
    st.booleans(),
)
def test_esconv_is_read_back(
    conversations: list[Said], labels: tuple[str, str], layout: str, ascii_only: bool
) -> None:
    values = [
        {
            "experience_type": "Current Experience",
            "situation": "x",
            "survey_score": {"seeker": {"empathy": "5"}, "supporter": {}},
            "dialog": [
                {"speaker": label, "annotation": {}, "content": text + "\n"}
                for label, text in expected(said, labels)
            ],
        }
        for said in conversations
    ]
    check(esconv.read(source(render(values, layout, ascii_only)), Hints()), conversations, labels)


@settings(max_examples=60, deadline=None)
@given(chats, st.sampled_from([("gpt", "human"), ("assistant", "user")]), layouts, st.booleans())
def test_sharegpt_is_read_back(
    conversations: list[Said], labels: tuple[str, str], layout: str, ascii_only: bool
) -> None:
    values = [
        {
            "id": f"own-{number}",
            "conversations": [
                {"from": "system", "value": "Be kind."},
                *({"from": who, "value": text} for who, text in expected(said, labels)),
            ],
        }
        for number, said in enumerate(conversations)
    ]
    text = render(values, layout, ascii_only)
    check(chat.read(source(text), Hints()), conversations, labels)
    first = next(chat.read(source(text), Hints()))
    assert (first.id, first.format, first.kind) == ("own-0", "chat", "session")


@settings(max_examples=60, deadline=None)
@given(chats, layouts, st.booleans(), st.booleans())
def test_openai_messages_are_read_back(
    conversations: list[Said], layout: str, ascii_only: bool, parted: bool
) -> None:
    labels = ("assistant", "user")
    values = []
    for said in conversations:
        messages: list[dict[str, Any]] = [{"role": "system", "content": ""}] * parted
        for who, text in expected(said, labels):
            content = [{"type": "text", "text": line} for line in text.split("\n")]
            messages.append({"role": who, "content": content if parted else text, "weight": 1})
        values.append({"messages": messages})
    check(chat.read(source(render(values, layout, ascii_only)), Hints()), conversations, labels)


@settings(max_examples=30, deadline=None)
@given(chats)
def test_our_own_sessions_are_read_back(conversations: list[Said]) -> None:
    labels = ("assistant", "user")
    sessions = [
        Session(
            id=f"s-{number}",
            domain="therapy",
            source="real",
            messages=tuple(
                Message(role="assistant" if counsels else "user", content=text)
                for counsels, text in said
            ),
        )
        for number, said in enumerate(conversations)
    ]
    text = "".join(each.line() + "\n" for each in sessions)
    read = list(chat.read(source(text, "real.jsonl"), Hints()))
    check(iter(read), conversations, labels)
    assert [each.id for each in read] == [each.id for each in sessions]


def test_a_bare_conversation() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    for text in (json.dumps(messages), lines):
        (transcript,) = chat.read(source(text), Hints())
        assert pairs(transcript) == [("user", "Hi"), ("assistant", "Hello")]


def test_lines_and_repeated_ids() -> None:
    message = {"role": "user", "content": "Hi"}
    text = "\n" + "\n\n".join(json.dumps({"id": 7, "messages": [message]}) for _ in range(2))
    assert [(each.id, each.utterances[0].line) for each in chat.read(source(text), Hints())] == [
        ("7", 2),
        ("7:4", 4),
    ]
    text = json.dumps([{"dialog": [{"speaker": "usr", "content": "\n"}]}] * 2, indent=1)
    assert [each.utterances[0].line for each in esconv.read(source(text), Hints())] == [2, 10]


def test_escapes_hide_nothing_from_the_repair() -> None:
    """Written as ASCII, a broken apostrophe and half a pair are only seen after decoding."""
    content = "can\u00e2\u20ac\u2122t \ud83d"
    text = json.dumps({"messages": [{"role": "user", "content": content}]})
    (transcript,) = chat.read(source(text), Hints())
    words = transcript.utterances[0].text
    assert words.startswith("can\u2019t") or words.startswith("can't")
    assert words.encode()


def test_json_lines_are_streamed() -> None:
    line = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})
    read = chat.read(source(f"{line}\n" * 3 + "{broken"), Hints())
    assert [next(read).id for _ in range(3)] == ["1", "2", "3"]
    with pytest.raises(DataError, match=r"chat\.json:4: not JSON"):
        next(read)


FINE = '{"messages": [{"role": "user", "content": "Hi"}]}'


def one(**message: Any) -> str:
    return f"{FINE}\n" + json.dumps({"messages": [{"role": "user", "content": "Hi"}, message]})


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("", 1, "empty"),
        ("[]", 1, "nothing in it"),
        ("{}", 1, "without messages"),
        ("[\n1]", 2, "without messages"),
        ('{"messages": []}', 1, "without messages"),
        ('{"segments": [{"text": "x"}]}', 1, "without messages"),
        (f"{FINE}\n" + FINE[:-4], 2, "not JSON"),
        (f"{FINE}\n{FINE} {FINE}", 2, "more than one value"),
        (f"[\n{FINE},\n{FINE}\n", 4, "neither goes on nor ends"),
        (f"[\n{FINE},\n{FINE[:-20]}", 3, "not JSON"),
        (f"[\n{FINE},\n]", 3, "not JSON: Expecting value"),
        (f"[\n{FINE}\n]\n]", 4, "follows the list"),
        (f"[\n{FINE}\n{FINE}]", 3, "neither goes on nor ends"),
        ('{\n "messages": [\n  {"role": "user" "content": "Hi"}]}', 3, "not JSON"),
        ("[" * 100_000, 1, "nested too deep"),
        (f"{FINE}\n" + '{"a": ' + "1" * 5000 + "}", 2, "a number too long"),
        ("Therapist: Hello.\nClient: Hi.\n", 1, "not JSON"),
        (FINE.encode("utf-16")[:-1], 1, "UTF-16"),
        (one(role="user"), 2, "message 2 has no content"),
        (one(content="Hi"), 2, "message 2 has no role"),
        (one(role="narrator", content="Hi"), 2, "message 2 has the unknown role 'narrator'"),
        (one(role="assistant", content=" \n"), 2, "message 2 (assistant) is empty"),
        (one(role="assistant", content=None), 2, "message 2 has no content"),
        (one(role="assistant", content=["x"]), 2, "a part that is no text"),
        (one(role="user", content=[{"type": "image_url"}]), 2, "a part that is no text"),
        (one(role="tool", content="42"), 2, "message 2 is a tool's"),
        (one(role="assistant", content="", tool_calls=[{"id": "1"}]), 2, "message 2 is a tool's"),
        ('{"conversations": ["Hi"]}', 1, "message 1 has no role"),
    ],
)
def test_malformed_chats(content: str | bytes, line: int, what: str) -> None:
    with pytest.raises(DataError) as caught:
        list(chat.read(source(content), Hints()))
    assert str(caught.value).startswith(f"folder/chat.json:{line}: ")
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ('[\n{"dialog": []}]', 2, "without a dialog"),
        ('[{"messages": [{"role": "user", "content": "Hi"}]}]', 1, "without a dialog"),
        ('[\n\n{"dialog": [{"speaker": "seeker"}]}]', 3, "message 1 lacks"),
        ('[{"dialog": [{"content": "x"}]}]', 1, "message 1 lacks"),
        ('[{"dialog": [{"speaker": "nurse", "content": "x"}]}]', 1, "unknown speaker 'nurse'"),
        ('[{"dialog": ["x"]}]', 1, "message 1 lacks"),
        ('[{"dialog": [{"speaker": "seeker", "content": "x"', 1, "not JSON"),
    ],
)
def test_malformed_support_chats(content: str, line: int, what: str) -> None:
    with pytest.raises(DataError) as caught:
        list(esconv.read(source(content), Hints()))
    assert str(caught.value).startswith(f"folder/chat.json:{line}: ")
    assert what in str(caught.value)
