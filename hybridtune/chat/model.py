"""What a chat model is to everything else: one request in, one reply out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hybridtune.config.servers import Sampling
from hybridtune.records import Message


@dataclass(frozen=True)
class ChatRequest:
    """One call of a model.

    Attributes:
        messages: the conversation so far, as the model shall see it.
        sampling: how the answer is drawn.
        task: what is asked, in a word ("persona", "judge", ...), for the logs and the stand-ins.
        seed: for the server's sampler; the same seed gives the same answer where it can.
        schema: JSON Schema that the answer must satisfy, or None for plain text.
        sample: distinguishes repeated draws of an otherwise equal request.
        inputs: the values behind the rendered prompt; sent to scripted servers only.
        model: name at the server, where it serves several (a variant's name, say).
        reasks: how often an answer that fails the schema is asked for again, with the error.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    task: str
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    inputs: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    reasks: int = 2


@dataclass(frozen=True)
class ChatReply:
    """One answer.

    Attributes:
        text: as the model wrote it.
        data: the parsed and validated JSON, where the request had a schema.
        finish_reason: "stop", "length" or what else the server says.
        prompt_tokens: as counted by the server, over all tries.
        completion_tokens: as counted by the server, over all tries.
        call_id: the request's key in `calls.sqlite` (of the last try, where it was re-asked).
        cached: whether the answer came from there.
        tries: how often it was asked for until it fitted the schema.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    call_id: str
    cached: bool
    data: Any = None
    tries: int = 1


class ChatModel(Protocol):
    """Anything that answers chat requests; the shipped one is `hybridtune.chat.client.Client`."""

    @property
    def description(self) -> dict[str, Any]:
        """What a record says of the model: kind ("scripted", "managed", ...), name, digest."""
        ...

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises:
            AnswerError: answers came, but none that fits the schema after all re-asks.
            CallError: this request failed for good (too long, or timed out on every try).
            ServerError: the server cannot be reached or refuses us; no other call can work.
        """
        ...
