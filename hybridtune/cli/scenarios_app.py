"""`hybridtune scenarios ...`: options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import SCENARIO_FORMATS, one_of

scenarios_app = typer.Typer(
    help="Bring held-out scenarios of your own.", no_args_is_help=True, rich_markup_mode="rich"
)


@scenarios_app.callback()
def scenarios() -> None:
    """Keep `import` a command of its own, though it is the only one."""


@scenarios_app.command("import")
def scenarios_import(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSONL, a table, or CACTUS's evaluation.json.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where they go, as JSONL.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="jsonl, csv or cactus; by the file's name if left out, cactus never.",
            autocompletion=one_of(SCENARIO_FORMATS),
        ),
    ] = None,
    domain: Annotated[str, typer.Option(help="The domain pack that they must fit.")] = "therapy",
    attitude: Annotated[
        str | None,
        typer.Option(help="Of intake forms: this one for all, instead of one drawn for each."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws what an intake form does not tell.")] = 0,
) -> None:
    """Check scenarios against a pack and write them as a file for evaluation.scenarios.

    Every row that does not fit is told with its line, and then nothing is written.
    """
    from hybridtune.cli.scenarios import import_scenarios as command  # noqa: PLC0415

    command(file, out, form=form, domain=domain, attitude=attitude, seed=seed)
