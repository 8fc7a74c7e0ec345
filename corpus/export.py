"""Sessions in the formats that other tools train on, as far as their rights allow.

Reads a file of Session records; writes one JSON object a line, whole or not at all. A real session
goes out only if somebody said that it may: what nobody stated is refused.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO, get_args

from hybridtune.config.corpus import Rights
from hybridtune.errors import DataError
from hybridtune.records import Message, Session, atomic_write, iter_jsonl

ExportFormat = Literal["openai", "sharegpt", "session"]
FREE: frozenset[str] = frozenset({"own", "public-domain", "licensed", "permission"})
RIGHTS: tuple[str, ...] = get_args(Rights)
SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}
TOLD = ("source_id", "source_kind", "rights", "rights_note", "kind", "steps")
"""What of the provenance goes out: nothing that leads back to a file, a video or a person."""


@dataclass
class ExportReport:
    """What went out.

    Attributes:
        sessions: written.
        real: of these, by their rights.
        untrained_turns: counselor turns that carry no loss; ShareGPT has no key to say so.
        openers: sessions that got an opening user turn.
        empty: sessions without messages, such as a conversation that failed; left out.
    """

    sessions: int = 0
    real: Counter[str] = field(default_factory=Counter)
    untrained_turns: int = 0
    openers: int = 0
    empty: int = 0


def export_sessions(
    path: Path,
    out: Path,
    *,
    format: ExportFormat,  # noqa: A002 - named like the option
    allow: Collection[Rights] = (),
    identified: bool = False,
    opener: str | None = None,
) -> ExportReport:
    """Write the sessions of a file in another format.

    Args:
        path: a file of Session records.
        out: the file to write.
        format: `openai` (`messages`, with weight 0 on untrained turns), `sharegpt`, or `session`
            (our own records, with what of the provenance identifies nobody).
        allow: rights that are let through although they do not include passing on.
        identified: let real sessions through that were not de-identified; their ids, which are
            made of file names, are replaced by numbers.
        opener: first user turn, in the chat formats, of sessions that the counselor opens: many
            chat templates refuse them otherwise.

    Raises:
        DataError: real sessions whose rights do not allow it, nothing to write, or `out` is `path`.
    """
    if out.resolve() == path.resolve():
        raise DataError("would replace the sessions", where=str(out), fix="name another file")
    allowed = FREE | ({*allow} & {*RIGHTS})
    report, refused = ExportReport(), Counter[str]()
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, session in enumerate(iter_jsonl(path, Session), start=1):
            rights = rights_of(session)
            if rights is not None and session.provenance.get("deidentified") is False:
                if not identified:
                    raise not_safe(path, session)
                session = session.model_copy(update={"id": f"real-{number:05d}"})
            if rights is not None and rights not in allowed:
                refused[rights] += 1
            elif not session.messages:
                report.empty += 1
            elif not refused:
                write(session, file, format, opener, report)
        if refused:
            raise not_allowed(path, refused)
        if not report.sessions:
            raise DataError("no sessions to export", where=str(path))
    return report


def not_safe(path: Path, session: Session) -> DataError:
    """A session that holds the words as they were spoken, names included."""
    return DataError(
        "nothing exported: it was not de-identified",
        where=f"{path}: {session.id}",
        fix="import it again without --no-deidentify; or, if you may, --identified",
    )


def rights_of(session: Session) -> str | None:
    """What a real session's provenance says; None for words that a model wrote."""
    if session.source != "real":
        return None
    return str(session.provenance.get("rights") or "unstated")


def not_allowed(path: Path, refused: Counter[str]) -> DataError:
    """How many sessions are refused for which rights, and the ways on."""
    counts = ", ".join(f"{count} {rights}" for rights, count in sorted(refused.items()))
    options = " ".join(f"--allow-rights {each}" for each in sorted(refused) if each in RIGHTS)
    fix = f"state them at import by --rights {'|'.join(sorted(FREE))}"
    fix += f"; or, if you may and this copy is not passed on, {options}" if options else ""
    return DataError(
        f"nothing exported, since there are sessions whose rights do not allow it: {counts}",
        where=str(path),
        fix=fix,
    )


def write(
    session: Session, file: TextIO, form: ExportFormat, opener: str | None, report: ExportReport
) -> None:
    """One line, and its counts."""
    shown = opened(session, opener) if opener and form != "session" else session
    file.write(json.dumps(FORMS[form](shown), ensure_ascii=False, allow_nan=False) + "\n")
    report.sessions += 1
    report.untrained_turns += len(session.untrained)
    report.openers += shown is not session
    if rights := rights_of(session):
        report.real[rights] += 1


def opened(session: Session, opener: str) -> Session:
    """The session with a first user turn where the counselor opens it, after a system prompt."""
    start = sum(message.role == "system" for message in session.messages[:1])
    if [message.role for message in session.messages[start : start + 1]] != ["assistant"]:
        return session
    before, after = session.messages[:start], session.messages[start:]
    messages = (*before, Message(role="user", content=opener), *after)
    untrained = tuple(place + 1 for place in session.untrained)
    return session.model_copy(update={"messages": messages, "untrained": untrained})


def openai(session: Session) -> dict[str, Any]:
    """OpenAI's chat format; weight 0 is its own way to say that a turn carries no loss."""
    messages: list[dict[str, Any]] = [message.model_dump() for message in session.messages]
    for place in session.untrained:
        messages[place]["weight"] = 0
    return {"messages": messages}


def sharegpt(session: Session) -> dict[str, Any]:
    """ShareGPT; all counselor turns are alike in it."""
    turns = [{"from": SHAREGPT[each.role], "value": each.content} for each in session.messages]
    return {"conversations": turns}


def ours(session: Session) -> dict[str, Any]:
    """Our own record, with what of the provenance identifies nobody."""
    told = {name: session.provenance[name] for name in TOLD if name in session.provenance}
    return session.model_copy(update={"provenance": told}).model_dump(mode="json")


FORMS: dict[ExportFormat, Callable[[Session], dict[str, Any]]] = {
    "openai": openai,
    "sharegpt": sharegpt,
    "session": ours,
}
