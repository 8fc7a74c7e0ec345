"""The two-speaker loop, with speakers that say what a test gives them."""

from collections.abc import Iterable
from typing import Any

import pytest

from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config.servers import Sampling
from hybridtune.conversation import Conversation, converse
from hybridtune.errors import AnswerError, CallError

PATIENT, COUNSELOR = Sampling(max_tokens=50), Sampling(max_tokens=90)


class Speaker:
    """A model that reads its lines from a list; `...` at the end of a line: it was cut off."""

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        self.name, self.lines = name, iter(lines)
        self.requests: list[ChatRequest] = []

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "fake", "name": self.name}

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        try:
            text = next(self.lines)
        except StopIteration:
            raise CallError(f"{self.name} has no more lines") from None
        finish = "length" if text.endswith("...") else "stop"
        return ChatReply(text, finish, 1, 1, f"{self.name}-{len(self.requests)}", cached=False)


async def talk(
    patient: Speaker, counselor: Speaker, *, most: int = 5, seed: int = 1
) -> Conversation:
    return await converse(
        patient=patient,
        counselor=counselor,
        patient_system="You are Ann.",
        counselor_system="You are a counselor.",
        patient_inputs={"persona": {"age": 30}, "scenario": {}},
        patient_sampling=PATIENT,
        counselor_sampling=COUNSELOR,
        seed=seed,
        max_exchanges=most,
        end_marker="[END]",
        opening="Hello.",
        counselor_model="hybrid",
    )


def words(request: ChatRequest) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]


async def test_each_sees_the_conversation_from_its_own_side() -> None:
    patient, counselor = Speaker("p", ["I am sad.", "Since May."]), Speaker("c", ["Oh.", "I see."])
    conversation = await talk(patient, counselor, most=2)
    assert [(turn.role, turn.content) for turn in conversation.messages] == [
        ("user", "I am sad."),
        ("assistant", "Oh."),
        ("user", "Since May."),
        ("assistant", "I see."),
    ]
    assert (conversation.ended, conversation.cut_turns) == ("cap", 0)
    assert conversation.call_ids == ("p-1", "c-1", "p-2", "c-2")
    assert words(patient.requests[1]) == [
        ("system", "You are Ann."),
        ("user", "Hello."),
        ("assistant", "I am sad."),
        ("user", "Oh."),
    ]
    assert words(counselor.requests[1]) == [
        ("system", "You are a counselor."),
        ("user", "I am sad."),
        ("assistant", "Oh."),
        ("user", "Since May."),
    ]


async def test_histories_only_grow() -> None:
    patient, counselor = Speaker("p", "abcde"), Speaker("c", "vwxyz")
    await talk(patient, counselor)
    for speaker in (patient, counselor):
        for earlier, later in zip(speaker.requests, speaker.requests[1:], strict=False):
            assert words(later)[: len(words(earlier))] == words(earlier)


async def test_requests_carry_what_belongs_to_the_speaker() -> None:
    patient, counselor = Speaker("p", ["a", "b"]), Speaker("c", ["x", "y"])
    await talk(patient, counselor, most=2)
    asked, answered = patient.requests[0], counselor.requests[0]
    assert (asked.task, asked.sampling, asked.model) == ("patient", PATIENT, None)
    assert asked.inputs == {"persona": {"age": 30}, "scenario": {}, "max_exchanges": 2}
    assert (answered.task, answered.sampling, answered.model) == ("counselor", COUNSELOR, "hybrid")
    assert not answered.inputs
    seeds = [request.seed for request in (*patient.requests, *counselor.requests)]
    assert len(set(seeds)) == 4
    again, other = Speaker("p", ["a", "b"]), Speaker("p", ["a", "b"])
    await talk(again, Speaker("c", ["x", "y"]), most=2)
    await talk(other, Speaker("c", ["x", "y"]), most=2, seed=2)
    assert [request.seed for request in again.requests] == seeds[:2]
    assert other.requests[0].seed != seeds[0]


async def test_last_words_are_answered() -> None:
    counselor = Speaker("c", ["x", "Goodbye."])
    conversation = await talk(Speaker("p", ["a", "Thank you. [END] and more"]), counselor)
    assert [turn.content for turn in conversation.messages] == ["a", "x", "Thank you.", "Goodbye."]
    assert conversation.ended == "marker"


@pytest.mark.parametrize("nothing", ["[END]", "  [END]", "", " \n"])
async def test_without_last_words_it_ends_on_the_counselor(nothing: str) -> None:
    conversation = await talk(Speaker("p", ["a", nothing]), Speaker("c", ["x", "unasked"]))
    assert [turn.content for turn in conversation.messages] == ["a", "x"]
    assert conversation.ended == "marker"
    assert conversation.call_ids == ("p-1", "c-1", "p-2")


@pytest.mark.parametrize("nothing", ["[END]", "", "[END] Hello."])
async def test_a_conversation_needs_first_words(nothing: str) -> None:
    with pytest.raises(AnswerError, match="first answer"):
        await talk(Speaker("p", [nothing]), Speaker("c", ["x"]))


async def test_cut_turns_are_counted() -> None:
    conversation = await talk(Speaker("p", ["a...", "b"]), Speaker("c", ["x...", "y"]), most=2)
    assert conversation.cut_turns == 2


async def test_a_failed_turn_fails_the_conversation() -> None:
    with pytest.raises(CallError, match="c has no more lines"):
        await talk(Speaker("p", "abc"), Speaker("c", "x"))
