"""`hybridtune train ...`: its commands and their options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import Overrides

train_app = typer.Typer(
    help="Look before, at and after the training of a variant.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Experimental = Annotated[
    Path,
    typer.Argument(metavar="CONFIG|RUN", help="The experiment, or the folder of its run."),
]


@train_app.command("check")
def train_check(
    place: Experimental,
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
