"""`hybridtune reproduce`: walk the steps, skip what is up to date, show the result."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybridtune.cli.plan import print_plan
from hybridtune.cli.preflight import check_servers, preflight, roles_called
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import InputError, ServerError
from hybridtune.manifest import Manifest
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run, load_run, lock_run, open_run
from hybridtune.steps import STAGES, run_steps


def reproduce(
    config: Path,
    overrides: Sequence[str],
    *,
    run: str | None,
    start: str | None,
    force: bool,
    update: bool,
    dry_run: bool,
) -> None:
    """Run an experiment's steps and print its results.

    Raises:
        HybridtuneError: whatever a step cannot get over; what is done stays done.
    """
    experiment = load_experiment(config, overrides)
    if start is not None and start not in STAGES:
        raise InputError(f"no stage {start!r}", where="--from", fix=f"one of {', '.join(STAGES)}")
    domain = load_domain(experiment.domain)
    folder = run_folder(experiment, overrides, run)
    reporter = Reporter()
    redo = STAGES if force else STAGES[STAGES.index(start) :] if start else ()
    planned = Run(folder, experiment)
    if dry_run:
        print_plan(planned, domain)
        try:
            preflight(experiment, domain)
            check_called(planned, domain, redo)
        except (InputError, ServerError) as error:
            reporter.say(f"[yellow]before it can run:[/] {escape(str(error))}")
        return
    preflight(experiment, domain)
    with lock_run(folder):
        check_called(planned, domain, redo)
        opened = open_run(folder, experiment, update=update)
        manifest = Manifest(folder)
        manifest.describe(experiment.seed)
        reporter.say(f"[bold]{experiment.name}[/] in {folder}")
        run_steps(steps_of(opened, domain), manifest, reporter, redo=redo)
    show_results(opened, domain, manifest, Console())


def check_called(run: Run, domain: Domain, redo: Collection[str]) -> None:
    """Look at the servers behind the steps that will run; a run that is done needs none."""
    check_servers(run.experiment, roles_called(steps_of(run, domain), Manifest(run.path), redo))


def run_folder(experiment: Experiment, overrides: Sequence[str], run: str | None) -> Path:
    """Where the run lives. Overrides get a folder of their own, so that nothing is overwritten."""
    if run is not None:
        return Path(run) if "/" in run or run in {".", ".."} else Path("runs") / run
    name = experiment.name
    if overrides:
        name += "-" + hashlib.sha256("\n".join(sorted(overrides)).encode()).hexdigest()[:8]
    return Path("runs") / name


def show(folder: Path) -> None:
    """Print the results of a run that is done."""
    run = load_run(find_run(folder))
    show_results(run, load_domain(run.experiment.domain), Manifest(run.path), Console())


def find_run(folder: Path) -> Path:
    """A run folder by path, or by its name under `runs/`."""
    named = Path("runs") / folder
    return named if not folder.exists() and named.exists() else folder


def show_results(run: Run, domain: Domain, manifest: Manifest, console: Console) -> None:
    """The table, sample exchanges, wall times and the report's path."""
    from eval.safety.show import render_safety  # noqa: PLC0415
    from eval.table import render_table, sample_exchanges  # noqa: PLC0415

    analysis = read_json(run.eval / "analysis.json")
    console.print()
    console.print(render_table(analysis))
    if (run.eval / "safety.json").is_file():
        console.print(render_safety(read_json(run.eval / "safety.json")))
    console.print(sample_exchanges(run, domain))
    console.print(times(manifest))
    console.print(f"report: {run.eval / 'report.html'}", soft_wrap=True, highlight=False)


def times(manifest: Manifest) -> Table:
    """The wall time that each step took when it ran."""
    table = Table(title="wall time", title_justify="left", box=None, padding=(0, 2))
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for name, step in manifest.steps.items():
        table.add_row(name, f"{step['seconds']:.1f}")
    table.add_row("total", f"{sum(step['seconds'] for step in manifest.steps.values()):.1f}")
    return table
