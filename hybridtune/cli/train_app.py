"""`hybridtune train ...`: its commands and their options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import Overrides, Place

train_app = typer.Typer(
    help="Train a variant's adapter.", no_args_is_help=True, rich_markup_mode="rich"
)


@train_app.command("run")
def train_run(
    place: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="The experiment, or the folder of its run."),
    ],
    variant: Annotated[str, typer.Argument(help="Which variant to train.")],
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
