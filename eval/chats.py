"""Conversations that happened, as sessions in groups: our records, OpenAI's messages, ShareGPT.

JSON or JSONL of `{"messages": [{"role", "content"}]}` or `{"conversations": [{"from", "value"}]}`,
each with `variant` if they are to be compared, beside `messages` or in `metadata` or `provenance`.
System messages are left out: the judge reads what the two said to each other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.jsonfiles import entries
from hybridtune.errors import DataError
from hybridtune.records import Message, Role, Session

ROLES: Mapping[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
UNSAID = frozenset({"system", "developer"})
ALL = "all"
"""The one group of a file that names none."""
SHAPE = 'needs {"messages": [{"role", "content"}, ...]} or {"conversations": [{"from", "value"}]}'


def read_chats(path: Path, domain: str) -> list[Session]:
    """The conversations of a file, each with its group in `provenance`.

    Raises:
        DataError: not JSON, or an entry that is no conversation; names the line.
    """
    sessions: list[Session] = []
    ids: set[str] = set()
    for number, (line, chat) in enumerate(entries(path), start=1):
        where = f"{path}:{line}"
        messages = messages_of(chat, where)
        own = chat.get("id")
        name = str(own) if isinstance(own, str | int) and own != "" else f"log-{number:04d}"
        if name in ids:
            raise DataError(f"the id {name!r} is there twice", where=where, fix="rename one")
        ids.add(name)
        provenance = {"variant": group_of(chat), "scenario": name, "repeat": 0, "line": line}
        sessions.append(
            Session(id=name, domain=domain, source="real", messages=messages, provenance=provenance)
        )
    if not sessions:
        raise DataError("no conversation", where=str(path), fix=SHAPE)
    return sessions


def group_of(chat: Mapping[str, Any]) -> str:
    """The variant that a conversation was held with, where it says so."""
    places = (chat, chat.get("metadata"), chat.get("provenance"))
    told = (place.get("variant") for place in places if isinstance(place, Mapping))
    return next((str(name) for name in told if name not in (None, "")), ALL)


def messages_of(chat: Any, where: str) -> tuple[Message, ...]:
    """What the two said."""
    turns = chat.get("messages", chat.get("conversations")) if isinstance(chat, dict) else None
    if not isinstance(turns, list) or not turns:
        raise DataError("no conversation", where=where, fix=SHAPE)
    found = []
    for place, turn in enumerate(turns, start=1):
        turn = turn if isinstance(turn, dict) else {}
        role = str(turn.get("role", turn.get("from", ""))).strip().lower()
        if role in UNSAID:
            continue
        text = text_of(turn.get("content", turn.get("value")))
        if role not in ROLES or text is None:
            what = f"message {place} has " + (
                f"the role {role[:40]!r}" if role not in ROLES else "no text"
            )
            raise DataError(what, where=where, fix=f"roles: {', '.join([*ROLES, *sorted(UNSAID)])}")
        found.append(Message(role=ROLES[role], content=text))
    if not any(turn.role == "assistant" for turn in found):
        raise DataError("a conversation without a counselor turn", where=where, fix="remove it")
    return tuple(found)


def text_of(content: Any) -> str | None:
    """Content as text, which may come in parts; None where it is none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [part.get("text") if isinstance(part, dict) else None for part in content]
    known = [text for text in texts if isinstance(text, str)]
    return "\n".join(known) if known and len(known) == len(texts) else None
