"""Two speakers and the turns between them: for writing sessions and for evaluation alike.

The patient alone knows the scenario (its system prompt); the counselor knows the domain's system
prompt. Each sees the conversation from its own side: oneself is `assistant`, the other is `user`.
Histories only grow, so a server's prefix cache serves every earlier turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hybridtune.chat.model import ChatModel, ChatRequest
from hybridtune.config.servers import Sampling
from hybridtune.errors import AnswerError
from hybridtune.records import Message
from hybridtune.seeds import derive


@dataclass(frozen=True)
class Conversation:
    """A finished conversation.

    Attributes:
        messages: `user` is the patient, `assistant` the counselor.
        ended: "marker" where the patient ended it, "cap" where the limit did.
        call_ids: keys of all calls in `calls.sqlite`, in order.
        cut_turns: how many turns the token limit cut off.
    """

    messages: tuple[Message, ...]
    ended: Literal["marker", "cap"]
    call_ids: tuple[str, ...]
    cut_turns: int


async def converse(
    *,
    patient: ChatModel,
    counselor: ChatModel,
    patient_system: str,
    counselor_system: str,
    patient_inputs: Mapping[str, Any],
    patient_sampling: Sampling,
    counselor_sampling: Sampling,
    seed: int,
    max_exchanges: int,
    end_marker: str,
    opening: str = "[The session begins.]",
    counselor_model: str | None = None,
    counselor_task: str = "counselor",
) -> Conversation:
    """Let the two talk until the patient ends it or `max_exchanges` is reached.

    The patient opens, on the user turn `opening`, since many templates insist on one. When it ends
    the session with some last words, the counselor answers them. `counselor_model` is the name at
    the counselor's server, where it serves several variants.

    Raises:
        CallError: a turn could not be had, or the patient had nothing to say from the start.
    """
    history: list[Message] = []
    call_ids: list[str] = []
    cut = 0
    ended: Literal["marker", "cap"] = "cap"
    for exchange in range(max_exchanges):
        words = await patient.complete(
            ChatRequest(
                messages=patient_view(patient_system, opening, history),
                sampling=patient_sampling,
                task="patient",
                seed=derive(seed, "patient", exchange),
                inputs={**patient_inputs, "max_exchanges": max_exchanges},
            )
        )
        call_ids.append(words.call_id)
        cut += words.finish_reason == "length"
        said, marker, _ = words.text.partition(end_marker)
        ended = "marker" if marker else "cap"
        if said.strip():
            history.append(Message(role="user", content=said.strip()))
        if not history:
            raise AnswerError("patient: no words in its first answer")
        if not said.strip():
            ended = "marker"
            break
        reply = await counselor.complete(
            ChatRequest(
                messages=(Message(role="system", content=counselor_system), *history),
                sampling=counselor_sampling,
                task=counselor_task,
                seed=derive(seed, "counselor", exchange),
                model=counselor_model,
            )
        )
        call_ids.append(reply.call_id)
        cut += reply.finish_reason == "length"
        history.append(Message(role="assistant", content=reply.text.strip()))
        if marker:
            break
    return Conversation(tuple(history), ended, tuple(call_ids), cut)


def patient_view(system: str, opening: str, history: list[Message]) -> tuple[Message, ...]:
    """The conversation as the patient's model sees it: roles exchanged, after an opening."""
    flipped = (
        Message(role="assistant" if turn.role == "user" else "user", content=turn.content)
        for turn in history
    )
    return (
        Message(role="system", content=system),
        Message(role="user", content=opening),
        *flipped,
    )
