"""Two speakers and the turns between them: for writing sessions and for evaluation alike.

The patient alone knows the scenario (its system prompt); the counselor knows the domain's system
prompt. Each sees the conversation from its own side: oneself is `assistant`, the other is `user`.
Histories only grow, so a server's prefix cache serves every earlier turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hybridtune.chat.model import ChatModel, ChatRequest
from hybridtune.config.servers import Sampling
from hybridtune.errors import AnswerError
from hybridtune.records import Message
from hybridtune.seeds import derive


@dataclass(frozen=True)
class Cue:
    """What the patient alone is told before one of its turns, beside what it hears.

    Attributes:
        text: stands behind the words that it hears; stays there, so that histories only grow.
        inputs: the values behind it, for scripted patients.
    """

    text: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


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
    cues: Sequence[Cue] = (),
) -> Conversation:
    """Let the two talk until the patient ends it or `max_exchanges` is reached.

    The patient opens, on the user turn `opening`, since many templates insist on one. When it ends
    the session with some last words, the counselor answers them. `counselor_model` is the name at
    the counselor's server, where it serves several variants. `cues` are for the patient's turns in
    order, as many as there are.

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
                messages=patient_view(patient_system, opening, history, cues),
                sampling=patient_sampling,
                task="patient",
                seed=derive(seed, "patient", exchange),
                inputs={
                    **patient_inputs,
                    "max_exchanges": max_exchanges,
                    **(cues[exchange].inputs if exchange < len(cues) else {}),
                },
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


def patient_view(
    system: str, opening: str, history: list[Message], cues: Sequence[Cue] = ()
) -> tuple[Message, ...]:
    """The conversation as the patient's model sees it: roles exchanged, after an opening."""
    heard = [opening, *(turn.content for turn in history if turn.role == "assistant")]
    told = [cue.text for cue in cues[: len(heard)]]
    told += [""] * (len(heard) - len(told))
    own = [turn.content for turn in history if turn.role == "user"]
    view = [Message(role="system", content=system)]
    for number, (words, cue) in enumerate(zip(heard, told, strict=True)):
        view.append(Message(role="user", content=f"{words}\n\n{cue}" if cue else words))
        view += [Message(role="assistant", content=said) for said in own[number : number + 1]]
    return tuple(view)
