"""Chats as models are trained on: ShareGPT's and OpenAI's, and our own sessions; JSON or JSONL.

`{"conversations": [{"from", "value"}]}` or `{"messages": [{"role", "content"}]}`. Who asks is the
patient, who answers the counselor; system messages are nobody's words. Chats with tools are no
sessions.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from corpus.formats.jsonstream import Numbered, mend, read_values
from corpus.transcript import Hints, Part, Source, Transcript, Utterance

PARTS: Mapping[str, Part] = {
    "human": "patient",
    "user": "patient",
    "gpt": "counselor",
    "assistant": "counselor",
    "model": "counselor",
}
SYSTEM = {"system", "developer"}
TOOLS = {"tool", "function", "function_call", "observation"}
CALLS = ("tool_calls", "function_call", "tool_call_id")
SHAPE = 'needs {"messages": [{"role", "content"}, ...]} or {"conversations": [{"from", "value"}]}'


def read(source: Source, _hints: Hints) -> Iterator[Transcript]:
    """Read a file's conversations.

    Raises:
        DataError: not JSON, or a message that is none; names the line.
    """
    taken: set[str] = set()
    for number, (line, chat) in enumerate(conversations(source), start=1):
        utterances = tuple(read_messages(source, chat, line))
        speakers = dict.fromkeys(each.speaker for each in utterances if each.speaker)
        parts = {speaker: PARTS[speaker.lower()] for speaker in speakers}
        own = name_of(chat, number)
        name = f"{own}:{line}" if own in taken else own
        taken.add(name)
        yield Transcript(name, source.name, "chat", utterances, parts)


def conversations(source: Source) -> Iterator[Numbered]:
    """A file's conversations; one may stand there bare, as a list or as lines of messages."""
    values = read_values(source)
    for line, value in values:
        if is_message(value):
            yield line, {"messages": [value, *(other for _, other in values)]}
        else:
            yield line, value


def is_message(value: Any) -> bool:
    """Whether a value is no conversation but a message of one."""
    return isinstance(value, dict) and ({"role", "content"} <= value.keys() or "from" in value)


def name_of(chat: dict[str, Any], number: int) -> str:
    """A conversation's own id, or its place in the file."""
    own = chat.get("id")
    return (mend(str(own)) if isinstance(own, str | int) else "") or str(number)


def read_messages(source: Source, chat: Any, line: int) -> Iterator[Utterance]:
    """What the two say."""
    chat = chat if isinstance(chat, dict) else {}
    messages = chat.get("messages", chat.get("conversations"))
    if not isinstance(messages, list) or not messages:
        raise source.error("a conversation without messages", line, SHAPE)
    for place, message in enumerate(messages, start=1):
        try:
            role, text = read_message(message)
        except ValueError as error:
            raise source.error(f"message {place} {error}", line, SHAPE) from None
        if role.lower() not in SYSTEM:
            yield Utterance(role, mend(text), line)


def read_message(message: Any) -> tuple[str, str]:
    """A message's role and words; a ValueError says what it lacks."""
    message = message if isinstance(message, dict) else {}
    role = message.get("role", message.get("from"))
    if not isinstance(role, str):
        raise ValueError("has no role")
    role = role.strip()
    if role.lower() in TOOLS or any(message.get(name) for name in CALLS):
        raise ValueError("is a tool's or calls one; such a chat is no session, remove it")
    if role.lower() in SYSTEM:
        return role, ""
    if role.lower() not in PARTS:
        raise ValueError(f"has the unknown role {role[:40]!r}")
    text = words(message.get("content", message.get("value")))
    if not text.strip():
        raise ValueError(f"({role}) is empty")
    return role, text


def words(content: Any) -> str:
    """Content as text: it may be in parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ValueError("has no content")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            raise ValueError("has a part that is no text")
        texts.append(text)
    return "\n".join(texts)
