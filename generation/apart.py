"""One answer after another, until one is not too near to an evaluation scenario.

Pure, no files. A record that is removed is a hole in the quotas; one that is asked for again costs
a call, and only where the first was too near. What is asked depends on this row and on how often
it was asked, never on the words of other rows, so a row that is resumed asks the same again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from hybridtune.chat.model import ChatReply
from hybridtune.records import Message

Answer = TypeVar("Answer")
Found = TypeVar("Found")

PERSON = (
    "This person is too like another one of the collection. Invent somebody else "
    "with the same decided traits but another life, in the same form."
)
SCENARIO = (
    "This is too like another one of the collection. Invent something else that this person could "
    "bring under the same theme, with other events and other words, in the same form."
)


@dataclass
class Talk:
    """What was asked and answered for one record so far; each answer is to be another one.

    Attributes:
        turns: after the prompt, each answer with the wish for something else.
        calls: the ids of the calls.
    """

    turns: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def heard(self, reply: ChatReply, wish: str) -> None:
        """Go on after an answer."""
        self.calls.append(reply.call_id)
        self.turns += [
            Message(role="assistant", content=reply.text),
            Message(role="user", content=wish),
        ]


class Kept(NamedTuple, Generic[Answer, Found]):
    """The last answer that was asked for.

    Attributes:
        answer: it.
        near: what it is still too near to, if anything.
        replaced: what the answers before it were too near to.
    """

    answer: Answer
    near: Found | None
    replaced: tuple[Found, ...]


async def apart(
    ask: Callable[[], Awaitable[Answer]], near: Callable[[Answer], Found | None], most: int
) -> Kept[Answer, Found]:
    """The first answer that is near to nothing, or the last of `most` answers, at least one.

    Args:
        ask: for the next answer.
        near: what an answer is too near to, if anything.
        most: answers to ask for.
    """
    replaced: list[Found] = []
    while True:
        answer = await ask()
        found = near(answer)
        if found is None or len(replaced) + 1 >= most:
            return Kept(answer, found, tuple(replaced))
        replaced.append(found)
