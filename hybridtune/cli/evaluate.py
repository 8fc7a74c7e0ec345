"""`hybridtune eval replay` and `hybridtune eval logs`: open the models, and show what came out."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.chats import read_chats
from eval.logs import score_logs
from eval.modules import load_module
from eval.replay import held_out_sessions, replay
from hybridtune.cli.reproduce import find_run
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import load_domain
from hybridtune.places import check_models, check_run_places
from hybridtune.progress import Reporter
from hybridtune.runs import Run, load_run, lock_run, open_run
from hybridtune.serving.models import open_models

COLUMNS = ("n", "mean", "sd", "median", "low", "high")


def replay_run(folder: Path, metrics: Sequence[Path]) -> None:
    """Replay a run's held-out sessions.

    Raises:
        HybridtuneError: there are none, a server does not start, or too many replies are missing.
    """
    run = load_run(find_run(folder))
    domain = load_domain(run.experiment.domain)
    check_run_places(run, ["counselor"])
    held_out_sessions(run)
    own = dict(load_module(path) for path in metrics)
    reporter = Reporter()

    async def work() -> dict[str, Any]:
        async with open_models(
            run, domain, ["counselor"], stage="replay", reporter=reporter
        ) as models:
            return await replay(run, domain, models["counselor"], reporter, own)

    with lock_run(run.path):
        found = asyncio.run(work())
    console = Console()
    console.print(measures(found["variants"], "variant", "n = held-out sessions"))
    console.print(spread(found))
    finish(console, found["notes"], run.path / "replay" / "replay.json")


def logs(file: Path, config: Path, overrides: Sequence[str], *, run: str | None) -> None:
    """Judge the conversations of a file.

    Raises:
        HybridtuneError: the file cannot be read, or the judge cannot be asked.
    """
    experiment = load_experiment(config, overrides)
    domain = load_domain(experiment.domain)
    domain.rubric(experiment.evaluation.rubric)
    read_chats(file, domain.name)
    check_models(experiment, ["judge"])
    folder = logs_folder(experiment, file, run)
    reporter = Reporter()

    async def work(opened: Run) -> dict[str, Any]:
        async with open_models(
            opened, domain, ["judge"], stage="logs", reporter=reporter
        ) as models:
            return await score_logs(opened, domain, models["judge"], file, reporter)

    with lock_run(folder):
        opened = open_run(folder, experiment)
        found = asyncio.run(work(opened))
    console = Console()
    console.print(measures(found["groups"], "group", "n = conversations"))
    finish(console, found["notes"], opened.eval / "logs.json")


def logs_folder(experiment: Experiment, file: Path, run: str | None) -> Path:
    """A folder for these conversations under this name, unless one is given."""
    if run is not None:
        return Path(run) if "/" in run or run in {".", ".."} else Path("runs") / run
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    return Path("runs") / f"{experiment.name}-logs-{digest}"


def measures(groups: dict[str, Any], what: str, caption: str) -> Table:
    """Every group on every measure."""
    table = Table(box=box.SIMPLE_HEAD, caption=caption)
    table.add_column("measure")
    table.add_column(what)
    for name in (*COLUMNS, "missing"):
        table.add_column(name, justify="right")
    for measure in next(iter(groups.values()))["measures"]:
        for name, group in groups.items():
            entry = group["measures"][measure]
            cells = [number(entry[column]) for column in COLUMNS]
            table.add_row(measure, Text(name), *cells, str(sum(group["missing"].values())))
    return table


def spread(found: dict[str, Any]) -> Table:
    """Variety of the replies and perplexity of the true ones."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("variant", "distinct-1", "distinct-2", "perplexity"):
        table.add_column(name)
    for name, entry in [*found["variants"].items(), ("(the counselors)", found["reference"])]:
        cells = [entry["distinct_1"], entry["distinct_2"], entry.get("perplexity")]
        table.add_row(Text(name), *(number(cell) for cell in cells))
    return table


def number(value: float | None) -> str:
    """A number as a person reads it."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def finish(console: Console, notes: Sequence[str], place: Path) -> None:
    """What to know, and where the numbers are."""
    for note in notes:
        console.print(Text(f"* {note}", style="dim"))
    console.print(f"written: {place}", soft_wrap=True, highlight=False)
