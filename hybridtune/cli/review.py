"""`hybridtune review`: read the drafts that wait for a person, decide, and put it into effect."""

import fcntl
import getpass
import json
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from corpus.export import ExportFormat, export_sessions
from generation.agreement import Agreement, agreement
from generation.decisions import Decided
from generation.form import read_form, write_form
from generation.queue import ACTIONS, Decision, Queue, Waiting
from generation.retold import as_written
from generation.show import draft as shown_draft
from generation.show import facts, talk
from generation.stage import rewrite
from generation.steps import fingerprint_with, steps
from hybridtune.cli.editor import edited, text_of
from hybridtune.cli.reproduce import find_run
from hybridtune.domain import load_domain
from hybridtune.errors import InputError
from hybridtune.manifest import Manifest, digest
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.reviews import ReviewEvent
from hybridtune.runs import load_run, lock_run
from hybridtune.steps import run_steps, why_run

KEYS: dict[str, Decision] = {"a": "accept", "e": "edit", "r": "reject", "u": "undo"}
WORDS = {action: decision for decision, action in ACTIONS.items()}
"""What the log calls an action, in the words of the command line."""
QUESTION = "[a]ccept, [e]dit, [r]eject, [u]ndo, [n]ext, [q]uit"


def review(
    place: Path,
    name: str | None,
    decision: str | None,
    *,
    reason: str,
    reviewer: str | None,
    messages: Path | None,
    as_json: bool,
    stats: bool,
    apply: bool,
    export: Path | None,
    form: str | None,
) -> None:
    """List what waits, decide about one draft, go through all, or put decisions into effect.

    Raises:
        InputError: an unknown draft or decision, a decision that cannot be made, or an option that
            would have no effect.
    """
    writes, one = apply or export is not None, name is not None
    for option, given, fits, where in (
        ("--messages", messages is not None, decision == "edit", "ID edit"),
        ("--reason", reason, one, "ID DECISION"),
        ("--reviewer", reviewer, one or not (as_json or stats or writes), "a decision"),
        ("--json", as_json, not (one or stats or writes), "the list alone"),
        ("--stats", stats, not one, "all drafts, not with one"),
        ("--format", form is not None, export is not None, "--export FILE"),
    ):
        if given and not fits:
            raise InputError("has no effect here", where=option, fix=f"it goes with {where}")
    form = known_format(form)
    run = load_run(find_run(place))
    queue, console = Queue(run, load_domain(run.experiment.domain)), Console()
    who = reviewer or getpass.getuser()
    if name is not None:
        text = None if messages is None else text_of(messages)
        event = decide(queue, name, decision, who, reason, text, str(messages))
        typer.echo(settled(queue, event))
    elif stats:
        console.print(agreement_table(agreement(queue)))
    elif not writes:
        look(queue, console, who, as_json=as_json)
    if writes:
        put_into_effect(queue)
    if export:
        write_export(queue, export, form)


def look(queue: Queue, console: Console, reviewer: str, *, as_json: bool) -> None:
    """Go through what waits at a terminal; elsewhere list it."""
    if as_json:
        typer.echo(json.dumps([told(each) for each in queue.waiting()], indent=2))
    elif console.is_terminal:
        walk(queue, console, reviewer)
    else:
        console.print(listing(queue))
        if keys_wait():
            typer.echo(
                "keys are read at a terminal only, and this output is none: nothing was decided; "
                "`hybridtune review RUN ID DECISION` decides about one draft",
                err=True,
            )


def keys_wait() -> bool:
    """Whether somebody has piped something in; it is left there for who reads it next."""
    try:
        answer = fcntl.ioctl(sys.stdin.fileno(), termios.FIONREAD, bytes(4))
    except (OSError, ValueError, AttributeError):  # no input, or one that does not tell
        return False
    (count,) = struct.unpack("i", answer)
    return bool(count > 0)


def settled(queue: Queue, event: ReviewEvent) -> str:
    """What was decided; of an undo, what stands now: an earlier decision, if there is one."""
    line = f"{WORDS[event.action]}: {event.subject}"
    if event.action != "undo":
        return line
    stands = queue.log.standing(event.subject, event.text_sha256)
    if stands is None:
        return f"{line}; no decision stands now, the rules decide"
    return f"{line}; {WORDS[stands.action]} by {stands.reviewer} stands now"


def decide(
    queue: Queue,
    name: str,
    decision: str | None,
    reviewer: str,
    reason: str,
    text: str | None,
    where: str,
) -> ReviewEvent:
    """Write one decision; an edit without a text opens the editor."""
    if decision not in get_args(Decision):
        raise InputError(
            f"no decision {decision!r}" if decision else "say what you decide",
            where=name,
            fix=f"one of {', '.join(get_args(Decision))}",
        )
    messages = None
    if decision == "edit":
        names = queue.domain.settings
        if text is None:
            text = edited(write_form(queue.take(name).draft.messages, names))
            where = "the edited text"
        if text is None:
            raise InputError("nothing was changed", where=name)
        messages = read_form(text, names, where)
    chosen: Decision = decision  # type: ignore[assignment]
    return queue.decide(name, chosen, reviewer=reviewer, reason=reason, messages=messages)


def told(waiting: Waiting) -> dict[str, Any]:
    """A draft in the list; what the rules say only once a person has decided."""
    event = waiting.decision
    line: dict[str, Any] = {"id": waiting.review.session, "decided": event and WORDS[event.action]}
    if event:
        line |= {"blind": waiting.blind, "rules": waiting.review.status}
    return line


def listing(queue: Queue) -> Table:
    """What waits, a line each. Reasons are not told: they would give the blind ones away."""
    table = Table(title="drafts to read, the most doubtful first", title_justify="left")
    for column in ("draft", "theme", "decided"):
        table.add_column(column, overflow="fold")
    for each in queue.waiting():
        theme = queue.take(each.review.session).draft.provenance.get("theme", "")
        event = each.decision
        decided = f"{WORDS[event.action]} by {event.reviewer}" if event else ""
        table.add_row(escape(each.review.session), escape(str(theme)), escape(decided))
    return table


def walk(queue: Queue, console: Console, reviewer: str) -> None:
    """One draft after the other; scores are shown after the decision, so that nobody is led."""
    waiting = [each for each in queue.waiting() if each.decision is None]
    for number, each in enumerate(waiting, start=1):
        name = each.review.session
        console.rule(f"{number} of {len(waiting)}: {escape(name)}")
        for part in unread(queue, name):
            console.print(part)
        while (key := typer.prompt(QUESTION, default="n")[:1].lower()) not in {"n", "q"}:
            if key not in KEYS:
                continue
            why = typer.prompt("why", default="") if KEYS[key] == "reject" else ""
            try:
                event = decide(queue, name, KEYS[key], reviewer, why, None, "")
            except InputError as error:
                console.print(Text(str(error), style="red"))
                continue
            console.print(Text(settled(queue, event)))
            console.print(read(queue, each))
        if key == "q":
            break
    console.print("decisions are kept; `hybridtune review RUN --apply` puts them into effect")


def unread(queue: Queue, name: str) -> Iterator[RenderableType]:
    """What a reviewer sees before deciding: who, what, and the turns."""
    take = queue.take(name)
    yield facts("persona", take.draft.persona or {})
    yield facts("scenario", take.draft.scenario or {})
    yield talk(take.draft.messages, queue.domain.settings)


def read(queue: Queue, waiting: Waiting) -> RenderableType:
    """What the rules and the ranking say of it."""
    decided = Decided(queue.take(waiting.review.session), waiting.review, None)
    return shown_draft(decided, queue.domain.settings, turns=False)


def put_into_effect(queue: Queue) -> None:
    """Write the stage's files anew; the manifest follows where it was up to date before.

    Where nothing has been decided or changed since they were written, they stay.

    Raises:
        RunError: another process works in the run folder.
    """
    run, domain = as_written(queue.run), queue.domain
    with lock_run(run.path):
        manifest, report = Manifest(run.path), run.generation / "report.json"
        before = read_json(report)["reviews_sha256"]
        known = manifest.steps.get("generation", {}).get("fingerprint")
        current = known == fingerprint_with(run, domain, before)
        step, drawn = steps(run, domain)[-2:]  # evaluation scenarios may come before
        changed = why_run(step, manifest) is not None
        if changed:
            rewrite(run, domain)
        if current and changed:
            manifest.steps["generation"] |= {
                "fingerprint": fingerprint_with(run, domain, read_json(report)["reviews_sha256"]),
                "outputs": {str(path.relative_to(run.path)): digest(path) for path in step.outputs},
            }
            manifest.save()
        if current:
            redo = ("generation",) if changed else ()
            run_steps([drawn], manifest, Reporter(), redo=redo)
        taken = read_json(report)["synthetic"]
    typer.echo(f"{taken} sessions in {run.generation / 'synthetic.jsonl'}")
    if not current:
        typer.echo("the stage is out of date besides: `hybridtune generate` goes on", err=True)


def known_format(form: str | None) -> ExportFormat:
    """The format of an export; OpenAI's where none was named.

    Raises:
        InputError: there is no such format.
    """
    known: tuple[ExportFormat, ...] = get_args(ExportFormat)
    for each in known:
        if each == ("openai" if form is None else form):
            return each
    raise InputError(f"no {form!r}", where="--format", fix=f"one of {', '.join(known)}")


def write_export(queue: Queue, out: Path, form: ExportFormat) -> None:
    """Write the sessions that are taken, in another format."""
    done = export_sessions(queue.run.generation / "synthetic.jsonl", out, format=form)
    typer.echo(f"{done.sessions} sessions in {out}")


def agreement_table(found: Agreement) -> Table:
    """Reviewed, and how far rules and people agree about the drafts that they read blind."""
    table = Table(title="rules against reviewers, on drafts read blind", title_justify="left")
    for column in ("reviewer", "decided", "read blind", "agree", "share", "95 % interval"):
        table.add_column(column, justify="left" if column == "reviewer" else "right")
    for row in found.rows:
        share = "-" if row.share is None else f"{row.share:.2f}"
        bounds = "-" if row.bounds is None else f"{row.bounds[0]:.2f} to {row.bounds[1]:.2f}"
        numbers = (str(row.decided), str(row.blind), str(row.agree))
        table.add_row(escape(row.reviewer), *numbers, share, bounds)
    table.caption = f"{found.waiting} of {found.listed} drafts wait"
    return table
