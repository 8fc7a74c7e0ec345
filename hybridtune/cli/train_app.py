"""`hybridtune train ...`: their options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import Overrides, Place, RunFolder

train_app = typer.Typer(
    help="Look before, at and after the training of a variant.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Variant = Annotated[
    str, typer.Argument(metavar="VARIANT", help="A variant with an adapter to train.")
]


@train_app.command("inspect")
def train_inspect(
    run: RunFolder,
    variant: Variant,
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Show this session's tokens, by its id or its start."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show the tokens of so many sessions.")
    ] = 0,
    table: Annotated[
        bool, typer.Option("--table", help="The table also where sessions are shown.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Mark trained tokens by [[ ]], without colours.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show which tokens a training will learn, and count them; needs no weights.

    The check that precedes every training is made too: exit code 2 and one line where it refuses.

    For example: hybridtune train inspect runs/demo hybrid --sample 1
    """
    from hybridtune.cli.train_inspect import inspect as command  # noqa: PLC0415

    command(run, variant, session or [], sample, table=table, plain=plain, as_json=as_json)


@train_app.command("compare")
def train_compare(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN [VARIANT]...",
            help="A run folder, then the variants wanted of it (all that are trained, if none is "
            "named); further runs may follow in the same way.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the losses too: .svg, or .html with the table."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 where they are not comparable.")
    ] = False,
) -> None:
    """Print trainings side by side, and say whether and in what they can be compared.

    For example: hybridtune train compare runs/paper real hybrid-matched --plot losses.html
    """
    from hybridtune.cli.train_compare import compare_trainings as command  # noqa: PLC0415

    command(places, as_json=as_json, plot=plot, strict=strict)


@train_app.command("run")
def train_run(
    place: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="The experiment, or the folder of its run."),
    ],
    variant: Variant,
    overrides: Overrides = None,
    run: Place = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train again, even if the adapter is up to date.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Go on in a run folder whose configuration has changed."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command and what would be done, and stop.")
    ] = False,
) -> None:
    """Mix one variant's sessions and train its adapter; resumes what was interrupted.

    With an experiment's file, its sessions are imported and written first, as far as they are not
    there; a run's folder is taken with the sessions that it holds. `reproduce` goes on from here.
    """
    from hybridtune.cli.train_run import run as command  # noqa: PLC0415

    command(place, variant, overrides or [], run=run, force=force, update=update, dry_run=dry_run)


@train_app.command("check")
def train_check(
    place: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="The experiment, or the folder of its run."),
    ],
    variant: Annotated[
        str | None, typer.Argument(metavar="[VARIANT]", help="Check its sessions as well.")
    ] = None,
    overrides: Overrides = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(
            metavar="GIB", min=1, help="Check for a GPU with so much free, instead of what is here."
        ),
    ] = None,
) -> None:
    """Check options, servability, memory, launch, precision, template and disk. Loads no weights.

    Exit code 1 if anything failed. For a card that is not here: --gpu-memory 24
    """
    from hybridtune.cli.train_check import check as command  # noqa: PLC0415

    command(place, variant, overrides or [], gpu_memory=gpu_memory)
