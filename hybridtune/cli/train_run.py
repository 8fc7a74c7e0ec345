"""`hybridtune train run`: one variant of an experiment, from its sessions to its adapter."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hybridtune.cli.generate import what_and_where
from hybridtune.cli.preflight import check_corpus, check_servers, preflight_of_teacher, roles_called
from hybridtune.cli.reproduce import find_run
from hybridtune.cli.steps import steps_of
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DataError
from hybridtune.manifest import Manifest
from hybridtune.places import check_models
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run, lock_run, open_run
from hybridtune.steps import Step, run_steps, why_run
from training.launch import launch_command
from training.launch_file import accelerate_config, check_launch
from training.mixture import session_files, sources_of, trained_variant
from training.options import check_training


def run(
    place: Path,
    variant: str,
    overrides: Sequence[str],
    *,
    run: str | None,
    force: bool,
    update: bool,
    dry_run: bool,
) -> None:
    """Run what stands before the training as far as it is needed, and then the training.

    Raises:
        HybridtuneError: whatever a step cannot get over; what is done stays done.
    """
    experiment, folder = what_and_where(place, overrides, run)
    domain = load_domain(experiment.domain)
    trained_variant(experiment, variant)
    check_training(experiment.training)
    launch_file = accelerate_config(experiment.training.accelerate_config)
    check_launch(experiment.training, launch_file)
    check_models(experiment, [])
    alone = find_run(place).is_dir()
    planned = Run(folder, experiment)
    command = launch_command(planned, variant, domain)
    if alone:
        check_sessions(planned, variant)
    elif "synthetic" in sources_of(experiment, variant):
        preflight_of_teacher(experiment, domain)
    else:
        check_corpus(experiment)
    reporter, console = Reporter(), Console()
    redo = ("training",) if force else ()
    if dry_run:
        show_plan(steps_for(planned, domain, variant, alone), Manifest(folder), force, console)
        console.print(shlex.join(command), soft_wrap=True, highlight=False, markup=False)
        return
    with lock_run(folder):
        opened = planned if alone else open_run(folder, experiment, update=update)
        manifest = Manifest(folder)
        manifest.describe(experiment.seed)
        steps = steps_for(opened, domain, variant, alone)
        check_servers(experiment, roles_called(steps, manifest, redo))
        reporter.say(f"[bold]{escape(experiment.name)}[/] in {escape(str(folder))}")
        run_steps(steps, manifest, reporter, redo=redo)
    show_trained(opened.variant(variant), console)


def check_sessions(run: Run, variant: str) -> None:
    """Refuse a run that does not hold the sessions which the variant is made of."""
    for path in session_files(run, variant):
        if not path.is_file():
            raise DataError(
                "no such file",
                where=str(path),
                fix="give the experiment's file instead of the folder: it is then written",
            )


def steps_for(run: Run, domain: Domain, variant: str, alone: bool) -> list[Step]:
    """The variant's training, and before it, unless it stands alone, what its sessions need."""
    made = "synthetic" in sources_of(run.experiment, variant)
    needed = {"corpus": True, "generation": made}
    before = [] if alone else [stage for stage, wanted in needed.items() if wanted]
    name = f"training:{variant}"
    return [step for step in steps_of(run, domain) if step.stage in before or step.name == name]


def show_plan(steps: Sequence[Step], manifest: Manifest, force: bool, console: Console) -> None:
    """Which steps would run, and why."""
    stale = False
    for step in steps:
        why = "asked for" if force and step.stage == "training" else why_run(step, manifest)
        stale = stale or why is not None
        console.print(f"{step.name}: {why or ('after the others' if stale else 'up to date')}")


def show_trained(folder: Path, console: Console) -> None:
    """What came of it."""
    report = read_json(folder / "training.json")
    loss = report["held_out_loss"]
    measured = f"{loss['before']:.3f} -> {loss['after']:.3f}" if loss["after"] else "not measured"
    early = ", stopped early" if report["stopped_early"] else ""
    console.print(
        f"{report['steps']} steps{early}; adapter of step {report['best_step']} "
        f"({report['best_by']}); held-out loss {measured}; {report['tokens_per_s']:,} tokens/s",
        soft_wrap=True,
        highlight=False,
    )
    for name, file in (("adapter", "adapter"), ("report", "training.json")):
        console.print(f"{name}: {folder / file}", soft_wrap=True, highlight=False)
