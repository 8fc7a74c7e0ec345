"""`hybridtune generate`: the synthetic sessions of an experiment, or a look at the first ones."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from generation.outcomes import Outcome
from generation.show import chains, spent_on
from generation.stage import preview as first_rows
from generation.summary import render_summary
from hybridtune.cli.options import ENGINES
from hybridtune.cli.plan import loads_table, priced, scenario_loads, teacher_loads
from hybridtune.cli.preflight import check_servers, preflight_of_teacher, roles_called
from hybridtune.cli.reproduce import find_run, run_folder
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import InputError
from hybridtune.manifest import Manifest
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run, load_run, lock_run, open_run
from hybridtune.scenarios import evaluation_path, is_generated
from hybridtune.serving.models import open_models
from hybridtune.steps import run_steps

BEFORE = ("corpus", "generation")


def generate(
    place: Path,
    overrides: Sequence[str],
    *,
    run: str | None,
    preview: int | None,
    engine: str | None,
    force: bool,
    update: bool,
    dry_run: bool,
) -> None:
    """Run the corpus stage as far as it is needed, and then the generation stage.

    Raises:
        HybridtuneError: whatever a step cannot get over; what is done stays done.
    """
    check_options(preview, engine, force=force, update=update, dry_run=dry_run)
    experiment, folder = what_and_where(place, overrides, run)
    domain = load_domain(experiment.domain)
    console = Console()
    preflight_of_teacher(experiment, domain)
    if dry_run:
        rows = [*teacher_loads(experiment), *scenario_loads(with_engine(experiment, engine))]
        console.print(loads_table(experiment, rows))
        return
    reporter = Reporter()
    with lock_run(folder):
        opened = open_run(folder, experiment, update=update, pin=False)
        opened = Run(opened.path, with_engine(opened.experiment, engine))
        manifest = Manifest(folder)
        steps = [step for step in steps_of(opened, domain) if step.stage in BEFORE]
        redo = ("generation",) if force else ()
        if preview is not None:
            check_servers(experiment, ["teacher"])
            manifest.describe(experiment.seed)
            run_steps([step for step in steps if step.stage == "corpus"], manifest, reporter)
            show_preview(opened, domain, preview, reporter, console)
            return
        check_servers(experiment, roles_called(steps, manifest, redo))
        open_run(folder, experiment, update=update)
        manifest.describe(experiment.seed)
        reporter.say(f"[bold]{escape(experiment.name)}[/] in {escape(str(folder))}")
        run_steps(steps, manifest, reporter, redo=redo)
    console.print(render_summary(read_json(opened.generation / "report.json")))
    if is_generated(opened):
        place = evaluation_path(opened, domain)
        console.print(f"evaluation scenarios: {place}", soft_wrap=True, highlight=False)
    for name, file in (("sessions", "synthetic.jsonl"), ("report", "report.html")):
        console.print(f"{name}: {opened.generation / file}", soft_wrap=True, highlight=False)


def check_options(
    preview: int | None, engine: str | None, *, force: bool, update: bool, dry_run: bool
) -> None:
    """Refuse what cannot be, and options that would have no effect.

    Raises:
        InputError: there is no such engine, or a preview is asked for with what is not for it.
    """
    if engine is not None and engine not in ENGINES:
        raise InputError(
            f"no engine {engine!r}", where="--engine", fix=f"one of {', '.join(ENGINES)}"
        )
    if preview is None:
        return
    for option, given, why in (
        ("--dry-run", dry_run, "a preview asks the teacher; leave one of the two out"),
        ("--engine", engine is not None, "this process writes a preview"),
        ("--force", force, "a preview redoes nothing"),
        ("--update", update, "a preview changes no run; --run NAME makes it in another folder"),
    ):
        if given:
            raise InputError("does not go with --preview", where=option, fix=why)


def with_engine(experiment: Experiment, engine: str | None) -> Experiment:
    """The experiment with another engine; it is no part of the run's configuration, which stays."""
    if engine is None:
        return experiment
    settings = experiment.generation.model_copy(update={"engine": engine})
    return experiment.model_copy(update={"generation": settings})


def what_and_where(
    place: Path, overrides: Sequence[str], run: str | None
) -> tuple[Experiment, Path]:
    """The experiment and its run folder, by a configuration file or by the folder itself.

    Raises:
        InputError: a folder with overrides: its configuration is what it was made with.
    """
    found = find_run(place)
    if not found.is_dir():
        experiment = load_experiment(place, overrides)
        return experiment, run_folder(experiment, overrides, run)
    if overrides or run:
        raise InputError(
            "a run folder keeps the configuration that it was made with",
            where=str(place),
            fix="give the experiment's file for --set and --run",
        )
    return load_run(found).experiment, found


def show_preview(
    run: Run, domain: Domain, count: int, reporter: Reporter, console: Console
) -> None:
    """Ask for the first rows and print them; their answers stay in the request cache."""

    async def ask() -> list[Outcome]:
        roles = ["teacher"]
        async with open_models(run, domain, roles, stage="generation", reporter=reporter) as models:
            with reporter.task(f"preview of {count}"):
                return await first_rows(run, domain, models["teacher"], count)

    outcomes = asyncio.run(ask())
    if is_generated(run) and not evaluation_path(run, domain).is_file():
        console.print("note: not held against the evaluation scenarios, which are still to come")
    elif run.experiment.roles.embedder is not None:
        console.print("note: held against the evaluation scenarios by words, not by embeddings")
    for each in chains(outcomes, run.experiment.generation, domain.settings):
        console.print(each)
    console.print(extrapolated(run.experiment, outcomes))


def extrapolated(experiment: Experiment, outcomes: Sequence[Outcome]) -> Table:
    """What these rows took, and so what all would."""
    asked = sum(len(outcome.row.exchanges) for outcome in outcomes)
    whole = experiment.generation.sessions
    spent = spent_on(outcomes)
    table = Table(title="what it takes", title_justify="left")
    for name in ("", "sessions", "calls", "prompt tokens", "completion tokens", "cost"):
        table.add_column(name, justify="right" if name else "left")
    prices = experiment.prices_of("teacher")
    for name, sessions in (("this preview", asked), ("the whole, about", whole)):
        share = sessions / asked if asked else 0
        numbers = {kind: round(share * number) for kind, number in spent.items()}
        cost = priced(prices, numbers["prompt_tokens"], numbers["completion_tokens"])
        table.add_row(name, f"{sessions:,}", *(f"{n:,}" for n in numbers.values()), cost)
    return table
