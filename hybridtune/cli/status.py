"""`hybridtune status`: what of a run is done, and what it cost."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from hybridtune.calls import CallStore
from hybridtune.cli.reproduce import find_run
from hybridtune.cli.steps import steps_of
from hybridtune.domain import load_domain
from hybridtune.manifest import Manifest
from hybridtune.runs import load_run
from hybridtune.steps import why_run


def status(folder: Path) -> None:
    """Print a table of the steps and one of the model calls."""
    run = load_run(find_run(folder))
    manifest = Manifest(run.path)
    console = Console()
    table = Table(title=f"{run.experiment.name} in {run.path}", title_justify="left")
    for column in ("step", "state", "seconds"):
        table.add_column(column)
    for step in steps_of(run, load_domain(run.experiment.domain)):
        why = why_run(step, manifest)
        done = manifest.steps.get(step.name, {})
        table.add_row(step.name, why or "up to date", str(done.get("seconds", "")))
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
