"""`hybridtune train ...`: its commands and their options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

train_app = typer.Typer(
    help="Look at trainings, and compare them.", no_args_is_help=True, rich_markup_mode="rich"
)


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
