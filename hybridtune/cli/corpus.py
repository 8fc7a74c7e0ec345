"""`hybridtune corpus`: look at imported sessions, decide about those that wait, export them."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from corpus.export import ExportFormat, export_sessions
from corpus.outputs import Outputs
from corpus.review import Decision, Queue, Waiting
from corpus.show import all_sessions, compared, find_history, find_session, plain
from hybridtune.cli.importing import print_report
from hybridtune.config.corpus import Rights
from hybridtune.domain import load_domain
from hybridtune.errors import InputError
from hybridtune.records import read_json
from hybridtune.reviews import ReviewEvent

KEYS: dict[str, Decision] = {"a": "approve", "s": "swap", "r": "reject", "u": "undo"}
LINES = 12
QUESTION = "[a]pprove, [s]wap roles, [r]eject, [u]ndo, [m]ore turns, [n]ext, [q]uit"
UNTRAINED = {
    "openai": "{turns} counselor turns are bare back-channels and have weight 0",
    "sharegpt": "note: {turns} counselor turns are bare back-channels; this format cannot say that "
    "they should not be trained",
    "session": "{turns} counselor turns are bare back-channels, named in `untrained`",
}


def show(place: Path, session: str | None, *, diff: bool) -> None:
    """Print one session, or the list of all."""
    outputs, console = Outputs.find(place), Console()
    if session is None:
        for each in all_sessions(outputs):
            flags = ", ".join(each.provenance.get("flags", {}))
            console.print(
                f"{each.id}  {len(each.messages)} turns  {flags}", markup=False, highlight=False
            )
        return
    found = find_session(outputs, session)
    domain = load_domain(found.domain).settings
    if diff:
        history = find_history(outputs, found.id)
        turns = compared(history, domain, colours=console.is_terminal)
    else:
        turns = plain(found, domain)
    for turn in turns:
        console.print(turn, soft_wrap=True, highlight=False)


def report(place: Path) -> None:
    """Print an import's report again."""
    print_report(read_json(Outputs.find(place).report), Console())


def review(
    place: Path, session: str | None, decision: str | None, *, reason: str, reviewer: str | None
) -> None:
    """List what waits, decide about one, or go through all at the terminal.

    Raises:
        InputError: an unknown session or decision.
    """
    queue, console = Queue(Outputs.find(place)), Console()
    who = reviewer or getpass.getuser()
    if session is not None:
        event = decide(queue, session, decision, reason=reason, reviewer=who)
        typer.echo(f"{event.action}: {event.subject}; {next_step(place)}")
    elif console.is_terminal and decision is None:
        walk(queue, console, who, reason)
        typer.echo(next_step(place))
    else:
        console.print(listing(queue))


def decide(
    queue: Queue, session: str, decision: str | None, *, reason: str, reviewer: str
) -> ReviewEvent:
    """Write one decision."""
    known = get_args(Decision)
    if decision not in known:
        raise InputError(
            f"no decision {decision!r}" if decision else "say what you decide",
            where=session,
            fix=f"one of {', '.join(known)}",
        )
    return queue.decide(session, decision, reviewer=reviewer, reason=reason)  # type: ignore[arg-type]


def next_step(place: Path) -> str:
    """How decisions take effect."""
    return f"the next import into {place} (or `hybridtune reproduce`) takes the decisions over"


def listing(queue: Queue) -> Table:
    """What waits, a line each."""
    table = Table(title="waiting for a person", title_justify="left")
    for column in ("session", "why", "decided"):
        table.add_column(column, overflow="fold")
    for each in queue.waiting():
        why = "; ".join(f"{flag}: {text}" for flag, text in each.held.reasons.items())
        where = f" ({each.held.file})" if each.held.file else ""
        decided = f"{each.decision.action} by {each.decision.reviewer}" if each.decision else ""
        table.add_row(escape(each.held.id + where), escape(why), escape(decided))
    return table


def walk(queue: Queue, console: Console, reviewer: str, reason: str) -> None:
    """Go through what waits, one session after the other."""
    names = [each.held.id for each in queue.waiting() if each.held.session is not None]
    for number, name in enumerate(names, start=1):
        each = next(waiting for waiting in queue.waiting() if waiting.held.id == name)
        show_waiting(each, console, f"{number} of {len(names)}", LINES)
        while (key := typer.prompt(QUESTION, default="n")[:1]) == "m":
            show_waiting(each, console, f"{number} of {len(names)}", None)
        if key == "q":
            return
        if key in KEYS:
            decision = KEYS[key]
            why = reason or (typer.prompt("why", default="") if decision == "reject" else "")
            try:
                queue.decide(name, decision, reviewer=reviewer, reason=why)
            except InputError as error:
                console.print(f"[red]{escape(str(error))}[/]")


def show_waiting(waiting: Waiting, console: Console, heading: str, lines: int | None) -> None:
    """The reasons and the turns of a held session, the first few or all."""
    session = waiting.held.session
    assert session is not None
    console.rule(f"{heading}: {escape(session.id)}")
    for flag, why in waiting.held.reasons.items():
        console.print(f"[yellow]{flag}[/]: {escape(why)}")
    turns = list(plain(session, load_domain(session.domain).settings))
    for turn in turns[:lines]:
        console.print(turn, soft_wrap=True, highlight=False)
    if lines is not None and len(turns) > lines:
        console.print(f"[dim]... and {len(turns) - lines} more turns[/]")
    if waiting.decision:
        console.print(f"[dim]decided: {waiting.decision.action}[/]")


def export(
    place: Path,
    out: Path,
    form: str,
    *,
    allow: Sequence[str],
    identified: bool,
    opener: bool,
    domain: str,
) -> None:
    """Write the sessions in another format, as far as their rights allow.

    Raises:
        InputError: an unknown format or right, or rights that do not allow it.
    """
    forms, rights = get_args(ExportFormat), get_args(Rights)
    for value, known, option in [
        (form, forms, "--format"), *((each, rights, "--allow-rights") for each in allow)
    ]:  # fmt: skip
        if value not in known:
            raise InputError(f"no {value!r}", where=option, fix=f"one of {', '.join(known)}")
    first = load_domain(domain).settings.opener if opener else None
    source = place if place.is_file() else Outputs.find(place).real
    done = export_sessions(
        source,
        out,
        format=form,  # type: ignore[arg-type]
        allow=allow,  # type: ignore[arg-type]
        identified=identified,
        opener=first,
    )
    typer.echo(f"{done.sessions} sessions in {out}")
    if done.untrained_turns:
        typer.echo(UNTRAINED[form].format(turns=done.untrained_turns), err=True)
