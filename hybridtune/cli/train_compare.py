"""`hybridtune train compare`: trainings side by side, and whether they can be compared."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybridtune.cli.reproduce import find_run
from hybridtune.errors import InputError
from hybridtune.records import read_json
from hybridtune.runs import Run, load_run
from training.comparison.conditions import Reports, compare
from training.comparison.verdicts import verdicts

PLOTS = (".html", ".svg")


def compare_trainings(
    words: Sequence[str], *, as_json: bool, plot: Path | None, strict: bool
) -> None:
    """Print the trainings of run folders side by side.

    Raises:
        InputError: a run or variant that is not there or not trained, or a plot that cannot be put
            where it shall.
    """
    check_plot(plot)
    reports = find_reports(words)
    found = compare(reports)
    said = verdicts(found)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(table(found))
        for line in said:
            colour = "red" if line.startswith("NOT") else "default"
            console.print(f"[{colour}]{escape(line)}[/]", soft_wrap=True, highlight=False)
    if plot is not None:
        # matplotlib takes a second to load.
        from training.comparison.curves import write_plot  # noqa: PLC0415

        write_plot(reports, found, said, plot)
        typer.echo(f"plot: {plot}", err=as_json)
    if strict and not found["comparable"]:
        raise typer.Exit(1)


def check_plot(plot: Path | None) -> None:
    """Refuse another format, to overwrite, and to make a folder of a misspelt name."""
    if plot is None:
        return
    if plot.suffix not in PLOTS:
        raise InputError(f"cannot draw {plot}", where="--plot", fix="name a .html or .svg file")
    if plot.exists():
        raise InputError(f"{plot} exists", where="--plot", fix="remove it, or name another")
    if not plot.parent.is_dir():
        raise InputError(f"no such folder: {plot.parent}", where="--plot", fix="make it first")


def find_reports(words: Sequence[str]) -> Reports:
    """Each training's report by its name: the variant's, with its run's where there are several."""
    wanted = chosen(words)
    several = len({run.path for run, _ in wanted}) > 1
    reports = {}
    for run, variant in wanted:
        name = f"{run.path.name}/{variant}" if several else variant
        reports[str(run.path / variant) if name in reports else name] = report_of(run, variant)
    return reports


def chosen(words: Sequence[str]) -> list[tuple[Run, str]]:
    """Runs, each followed by the variants wanted of it; all that are trained where none is."""
    picked: list[tuple[Run, list[str]]] = []
    for word in words:
        if picked and word in picked[-1][0].experiment.variants:
            picked[-1][1].append(word)
        elif picked and not find_run(Path(word)).is_dir():
            run = picked[-1][0]
            raise InputError(
                f"neither a run folder nor a variant: {word}",
                where=str(run.path),
                fix=f"its variants: {', '.join(run.experiment.trained_variants())}",
            )
        else:
            picked.append((load_run(find_run(Path(word))), []))
    return [
        (run, variant) for run, names in picked for variant in dict.fromkeys(names or finished(run))
    ]


def finished(run: Run) -> Iterable[str]:
    """The variants of a run whose training has ended.

    Raises:
        InputError: there is none.
    """
    names = run.experiment.trained_variants()
    done = [name for name in names if (run.variant(name) / "training.json").is_file()]
    if not done:
        raise InputError("no variant is trained yet", where=str(run.path), fix="train one first")
    return done


def report_of(run: Run, variant: str) -> dict[str, Any]:
    """A variant's `training.json`.

    Raises:
        InputError: it is not trained.
    """
    if not run.experiment.variants[variant].trained:
        raise InputError(
            "is the untouched base model", where=variant, fix="leave it out: nothing was trained"
        )
    file = run.variant(variant) / "training.json"
    if not file.is_file():
        raise InputError("is not trained yet", where=f"{run.path}: {variant}", fix="train it first")
    report: dict[str, Any] = read_json(file)
    if "tokens_in_adapter" not in report:
        raise InputError("is of an older version", where=str(file), fix="train the variant again")
    return report


def table(found: dict[str, Any]) -> Table:
    """A column for each variant."""
    variants = found["variants"]
    made = Table(title="trainings", title_justify="left")
    made.add_column("")
    for name in variants:
        made.add_column(escape(name), justify="right", overflow="fold")
    for row in next(iter(variants.values())):
        made.add_row(row, *(number(its[row]) for its in variants.values()))
    return made


def number(value: Any) -> str:
    """A value of the table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
