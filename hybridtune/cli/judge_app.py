"""`hybridtune judge ...`: options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import Overrides, RunFolder, one_of

judge_app = typer.Typer(
    help="Judge the judge: against people's ratings, and by what must not move it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
WITHOUT_CONFIG = ("scripted", "indicators")


@judge_app.command("calibrate")
def calibrate(
    ratings: Annotated[
        list[Path],
        typer.Option(
            "--ratings",
            metavar="FILE",
            help="Rated conversations: ESConv's JSON, EPITOME's CSVs (give --ratings once for "
            "each), or a CSV with `conversation` and columns of numbers.",
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="CONFIG", help="The experiment whose judges are calibrated."
        ),
    ] = None,
    judges: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            metavar="NAME",
            help="scripted or indicators; with --config judge, a name of "
            "evaluation.judging.judges, or indicators. May be repeated; all that there are by "
            "default.",
            autocompletion=one_of(WITHOUT_CONFIG),
        ),
    ] = None,
    rubric: Annotated[
        str | None, typer.Option(help="A rubric of the pack; the experiment's by default.")
    ] = None,
    domain: Annotated[str, typer.Option(help="A domain pack, without --config.")] = "therapy",
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the figures go.")
    ] = Path("calibration"),
    limit: Annotated[
        int | None, typer.Option(min=20, help="Use so many conversations, drawn at random.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap draws.")] = 500,
    permutations: Annotated[int, typer.Option(min=10, help="Shuffles for the null.")] = 50,
    overrides: Overrides = None,
) -> None:
    """Compare judges and indicators with people: correlations, kappa, error, null and baseline.

    Writes calibration.json and calibration.md; name the first in evaluation.judging.calibration,
    and the report shows it.

    For example: hybridtune judge calibrate --ratings ESConv.json --config configs/paper.yaml
    """
    from hybridtune.cli.judge import calibrate_command as command  # noqa: PLC0415

    command(
        ratings,
        config,
        judges,
        rubric=rubric,
        domain=domain,
        out=out,
        limit=limit,
        resamples=resamples,
        permutations=permutations,
        overrides=overrides or [],
    )


@judge_app.command("audit")
def audit(
    run: RunFolder,
    conversations: Annotated[
        int, typer.Option(min=5, help="How many of the run's conversations are read.")
    ] = 24,
    samples: Annotated[int, typer.Option(min=2, help="How often each is read.")] = 3,
) -> None:
    """Measure a run's judges: repeatability, position, verbosity, preference for their own kind.

    Writes eval/audit.json; the next `reproduce` takes it into the report.
    """
    from hybridtune.cli.judge import audit_command as command  # noqa: PLC0415

    command(run, conversations, samples)


@judge_app.command("probe")
def probe(
    run: RunFolder,
    conversations: Annotated[
        int, typer.Option(min=2, help="How many of the run's conversations are changed.")
    ] = 12,
) -> None:
    """Put a run's judges to the test: sympathy, parroting, padding, somebody else's replies, ...

    Writes eval/probes.json; the next `reproduce` takes it onto the report's first page.
    """
    from hybridtune.cli.judge import probe_command as command  # noqa: PLC0415

    command(run, conversations)
