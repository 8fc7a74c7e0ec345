"""A session on the terminal, its raw words coloured against the clean ones.

Reads `real.jsonl` or `held.jsonl`, and `history.jsonl` beside it. What cleaning took out is red and
struck through, what it put in is green; without colours, `[-out-]` and `{+in+}`.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from rich.text import Text

from corpus.history import Held, History, TurnHistory
from corpus.outputs import Outputs
from hybridtune.domain import DomainSettings
from hybridtune.errors import InputError
from hybridtune.records import Session, iter_jsonl

PIECES = re.compile(r"\s+|[^\s]+")


def find_session(outputs: Outputs, name: str) -> Session:
    """A session by its id, or by the start of it where only one begins so.

    Raises:
        InputError: there is none, or several.
    """
    found: dict[str, Session] = {}
    for session in all_sessions(outputs):
        if session.id == name:
            return session
        if session.id.startswith(name) or session.id.removeprefix("real-").startswith(name):
            found[session.id] = session
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"{len(found)} sessions begin so: {', '.join(list(found)[:5])}"
    raise InputError(
        what if found else "no such session", where=name, fix="see the ids in the file"
    )


def all_sessions(outputs: Outputs) -> Iterator[Session]:
    """What is ready, then what waits."""
    yield from iter_jsonl(outputs.real, Session)
    if outputs.held.is_file():
        held = iter_jsonl(outputs.held, Held)
        yield from (each.session for each in held if each.session is not None)


def find_history(outputs: Outputs, session: str) -> History:
    """A session's history.

    Raises:
        InputError: there is none.
    """
    for history in iter_jsonl(outputs.history, History):
        if history.id == session:
            return history
    raise InputError("has no history", where=session, fix="import the transcripts again")


def plain(session: Session, domain: DomainSettings) -> Iterator[Text]:
    """A session's turns."""
    for place, message in enumerate(session.messages):
        trained = message.role != "assistant" or place not in session.untrained
        yield headed(message.role, Text(message.content), domain, trained=trained)


def compared(history: History, domain: DomainSettings, *, colours: bool) -> Iterator[Text]:
    """A session's turns, raw against clean, each with what was done to it."""
    for turn in history.turns:
        text = difference(" ".join(turn.raw), turn.text, colours=colours)
        line = headed(turn.role, text, domain, trained=turn.trained)
        yield line.append(f"   {steps_of(turn)}" if turn.steps else "", style="dim")


def headed(role: str, text: Text, domain: DomainSettings, *, trained: bool) -> Text:
    """A turn behind its speaker's name."""
    name = domain.counselor if role == "assistant" else domain.patient
    style = "bold cyan" if role == "assistant" else "bold"
    note = Text("" if trained else "(context only) ", style="dim italic")
    return Text.assemble((f"{name}: ", style), note, text)


def steps_of(turn: TurnHistory) -> str:
    """What was done to a turn, in a few words."""
    return ", ".join(f"{name} {count}" if count > 1 else name for name, count in turn.steps.items())


def difference(raw: str, clean: str, *, colours: bool) -> Text:
    """Word by word, what went and what came."""
    before, after = PIECES.findall(raw), PIECES.findall(clean)
    text = Text()
    for kind, start, stop, its_start, its_stop in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        gone, came = "".join(before[start:stop]), "".join(after[its_start:its_stop])
        if kind == "equal":
            text.append(came)
            continue
        if gone:
            text.append(gone if colours else f"[-{gone}-]", style="red strike")
        if came:
            text.append(came if colours else f"{{+{came}+}}", style="green")
    return text
