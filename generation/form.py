"""A session as plain text that a person can edit, and back.

A turn is a line that begins with the speaker's name and a colon, and all lines up to the next one.
"""

from collections.abc import Iterable

from hybridtune.domain import DomainSettings
from hybridtune.errors import InputError
from hybridtune.records import Message, Role


def write_form(messages: Iterable[Message], names: DomainSettings) -> str:
    """The turns, an empty line between two."""
    speakers = {"user": names.patient, "assistant": names.counselor}
    return "\n\n".join(f"{speakers[turn.role]}: {turn.content}" for turn in messages) + "\n"


def read_form(
    text: str, names: DomainSettings, where: str = "the edited text"
) -> tuple[Message, ...]:
    """The turns of a form.

    Raises:
        InputError: it does not begin with a speaker, or a turn says nothing; names the line.
    """
    speakers: dict[str, Role] = {names.patient: "user", names.counselor: "assistant"}
    turns: list[tuple[Role, int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, colon, rest = line.partition(":")
        if colon and name.strip() in speakers:
            turns.append((speakers[name.strip()], number, [rest.strip()]))
        elif turns:
            turns[-1][2].append(line)
        elif line.strip():
            known = " or ".join(f"{speaker}:" for speaker in speakers)
            raise InputError(
                f"not a turn: {line[:40]!r}", where=f"{where}:{number}", fix=f"begin with {known}"
            )
    messages = []
    for role, number, lines in turns:
        said = "\n".join(lines).strip()
        if not said:
            raise InputError("a turn that says nothing", where=f"{where}:{number}")
        messages.append(Message(role=role, content=said))
    return tuple(messages)
