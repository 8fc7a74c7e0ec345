"""`hybridtune train ...`: their options; the work is done elsewhere."""

from typing import Annotated

import typer

from hybridtune.cli.options import RunFolder

train_app = typer.Typer(
    help="Look at what a variant is trained on, train it, compare.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Variant = Annotated[str, typer.Argument(metavar="VARIANT", help="A trained variant of the run.")]


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
