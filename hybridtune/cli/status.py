"""`hybridtune status`: what of a run is done, and what it cost."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybridtune.calls import CallStore
from hybridtune.cli.reproduce import find_run
from hybridtune.cli.steps import steps_of
from hybridtune.domain import load_domain
from hybridtune.errors import InputError
from hybridtune.manifest import Manifest
from hybridtune.places import check_run_places
from hybridtune.runs import Run, load_run
from hybridtune.steps import why_run


def status(folder: Path) -> None:
    """Print a table of the steps and one of the model calls."""
    run = load_run(find_run(folder))
    manifest = Manifest(run.path)
    console = Console()
    table = Table(title=f"{run.experiment.name} in {run.path}", title_justify="left")
    for column in ("step", "state", "seconds"):
        table.add_column(column)
    try:
        check_run_places(run, run.experiment.all_roles())
    except InputError as error:
        console.print(f"[yellow]note:[/] {escape(str(error))}", soft_wrap=True)
    for name, state in states(run, manifest):
        done = manifest.steps.get(name, {})
        table.add_row(name, escape(state), str(done.get("seconds", "")))
    console.print(table)
    if not run.calls.exists():
        return
    calls = Table(title="model calls", title_justify="left")
    for column in ("stage", "role", "calls", "prompt tokens", "completion tokens", "waited, s"):
        calls.add_column(column, justify="right" if column not in {"stage", "role"} else "left")
    with CallStore(run.calls) as store:
        for row in store.usage():
            numbers = (row.calls, row.prompt_tokens, row.completion_tokens)
            calls.add_row(
                row.stage, row.role, *(f"{number:,}" for number in numbers), f"{row.seconds:,.0f}"
            )
    console.print(calls)


def states(run: Run, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Every step and whether it is up to date, as far as that can be told from this folder."""
    try:
        steps = steps_of(run, load_domain(run.experiment.domain))
    except InputError as error:
        yield from ((name, f"cannot be told: {error}") for name in manifest.steps)
        return
    for step in steps:
        try:
            yield step.name, why_run(step, manifest) or "up to date"
        except InputError as error:
            yield step.name, f"cannot be told: {error}"
