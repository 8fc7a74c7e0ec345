"""`hybridtune eval ...`: options of the modes without a simulated patient."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import Overrides, Place, RunFolder

eval_app = typer.Typer(
    help="Compare without a simulated patient: on real sessions, or on talks that happened.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@eval_app.command("replay")
def eval_replay(
    run: RunFolder,
    metric: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A local module of the library `evaluate`, beside the metrics that are built in. "
            "May be repeated.",
        ),
    ] = None,
) -> None:
    """Let every variant answer the counselor turns of held-out real sessions.

    Each gets the true history; replies are compared with what the counselor said (chrF, ROUGE-L),
    by session. Held-out perplexity is the one that training measured.
    """
    from hybridtune.cli.evaluate import replay_run as command  # noqa: PLC0415

    command(run, metric or [])


@eval_app.command("logs")
def eval_logs(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSON or JSONL: sessions, OpenAI messages or ShareGPT."
        ),
    ],
    config: Annotated[
        Path, typer.Option("--config", metavar="CONFIG", help="The experiment with the judge.")
    ],
    overrides: Overrides = None,
    run: Place = None,
) -> None:
    """Score conversations that happened with the experiment's judge and rubric.

    Those with a `variant` are scored by variant, all others together.
    """
    from hybridtune.cli.evaluate import logs as command  # noqa: PLC0415

    command(file, config, overrides or [], run=run)
