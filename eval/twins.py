"""A conversation changed in one known way, so that it is known what a good judge must make of it.

Reads `probes.yaml` of the domain pack: a sentence of sympathy that fits anything, and padding that
says nothing.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybridtune.domain import Domain
from hybridtune.errors import DomainError
from hybridtune.records import Message
from hybridtune.scripted.text import sentences

Messages = tuple[Message, ...]


@dataclass(frozen=True)
class Twists:
    """The pack's words for changing a conversation."""

    sympathy: str
    padding: tuple[str, ...]


def read_twists(domain: Domain) -> Twists:
    """`probes.yaml` of the pack.

    Raises:
        DomainError: there is none, or one of its two keys is missing.
    """
    words = domain.words("probes")
    if not words.get("sympathy") or not words.get("padding"):
        raise DomainError(
            "needs `sympathy`, a sentence, and `padding`, a list of sentences",
            where=str(domain.path / "probes.yaml"),
            fix="domains/therapy/probes.yaml is an example",
        )
    return Twists(str(words["sympathy"]), tuple(map(str, words["padding"])))


def replies_changed(
    messages: Sequence[Message], change: Callable[[int, str, str], str]
) -> Messages:
    """The conversation with every reply changed, given its number, the words heard, and itself."""
    changed: list[Message] = []
    heard, number = "", 0
    for turn in messages:
        if turn.role == "assistant":
            words = change(number, heard, turn.content)
            changed.append(turn.model_copy(update={"content": words}))
            number += 1
            continue
        heard = turn.content if turn.role == "user" else heard
        changed.append(turn)
    return tuple(changed)


def with_sympathy(messages: Sequence[Message], twists: Twists) -> Messages:
    """One sentence of sympathy behind the last reply."""
    last = sum(turn.role == "assistant" for turn in messages) - 1
    return replies_changed(
        messages,
        lambda number, _, reply: f"{reply} {twists.sympathy}" if number == last else reply,
    )


def padded(messages: Sequence[Message], twists: Twists) -> Messages:
    """A sentence that says nothing behind every reply, the pack's in turn."""
    padding = itertools.cycle(twists.padding)
    return replies_changed(messages, lambda _, __, reply: f"{reply} {next(padding)}")


def parroted(messages: Sequence[Message]) -> Messages:
    """Every reply only says the patient's last words again."""
    return replies_changed(messages, lambda _, heard, __: heard)


def emptied(messages: Sequence[Message]) -> Messages:
    """Every reply is empty."""
    return replies_changed(messages, lambda *_: "")


def in_markdown(messages: Sequence[Message]) -> Messages:
    """Every reply's sentences as a list, the first in bold: the same words, dressed up."""

    def dressed(_: int, __: str, reply: str) -> str:
        first, *rest = sentences(reply) or (reply,)
        return "\n".join([f"**{first}**", "", *(f"- {sentence}" for sentence in rest)]).strip()

    return replies_changed(messages, dressed)


def answered_by(messages: Sequence[Message], other: Sequence[Message]) -> Messages:
    """The replies of another conversation, in turn, to this one's patient."""
    replies = [turn.content for turn in other if turn.role == "assistant"]
    return replies_changed(messages, lambda number, _, __: replies[number % len(replies)])
