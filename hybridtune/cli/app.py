"""`hybridtune`: commands, their options, and how they end.

Only typer is imported here; each command imports what it needs, so that `--help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.corpus_app import corpus_app, import_
from hybridtune.cli.eval_app import eval_app
from hybridtune.cli.judge_app import judge_app
from hybridtune.cli.options import (
    ENGINES,
    EXPORTS,
    VERDICTS,
    ConfigFile,
    Overrides,
    Place,
    RunFolder,
    one_of,
)
from hybridtune.cli.scenarios_app import scenarios_app
from hybridtune.cli.train_app import train_app
from hybridtune.ending import ending

app = typer.Typer(
    name="hybridtune",
    help="Did synthetic data help? Real transcripts and one open model go in; three served "
    "variants and a defended answer come out.",
    epilog="Start with: hybridtune reproduce configs/demo.yaml   (CPU, minutes, no downloads of "
    "weights). Then: hybridtune reproduce configs/paper.yaml --dry-run",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("import")(import_)
app.add_typer(corpus_app, name="corpus")
app.add_typer(train_app, name="train")
app.add_typer(judge_app, name="judge")
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(eval_app, name="eval")


@app.callback(invoke_without_command=True)
def hybridtune(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Options that stand before a command."""
    if version:
        from hybridtune import __version__  # noqa: PLC0415

        typer.echo(f"hybridtune {__version__}")
        raise typer.Exit


@app.command()
def reproduce(
    config: ConfigFile,
    overrides: Overrides = None,
    run: Place = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Redo this stage and what follows: corpus, generation, training or eval.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Redo every stage.")] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Go on in a run folder whose configuration has changed."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the plan (stages, calls, tokens, disk, GPU memory) and stop."
        ),
    ] = False,
) -> None:
    """Run a whole experiment: corpus -> generation -> training -> eval.

    Stages that are up to date are skipped; what was interrupted goes on where it was, and no
    answered model call is made twice.
    """
    from hybridtune.cli.reproduce import reproduce as command  # noqa: PLC0415

    command(
        config,
        overrides or [],
        run=run,
        start=start,
        force=force,
        update=update,
        dry_run=dry_run,
    )


@app.command()
def generate(
    place: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="The experiment, or the folder of its run."),
    ],
    overrides: Overrides = None,
    run: Place = None,
    preview: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Show the first N rows, from persona to decision, and stop."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="local: this process; ray: workers of a cluster (docs/scaling.md).",
            autocompletion=one_of(ENGINES),
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Redo the stage.")] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Go on in a run folder whose configuration has changed."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print model calls, tokens and cost, and stop.")
    ] = False,
) -> None:
    """Write an experiment's synthetic sessions: personas -> scenarios -> sessions -> ranking.

    Rows that are there already are not asked for again, and `reproduce` goes on from here. Look
    before you spend: hybridtune generate CONFIG --preview 3
    """
    from hybridtune.cli.generate import generate as command  # noqa: PLC0415

    command(
        place,
        overrides or [],
        run=run,
        preview=preview,
        engine=engine,
        force=force,
        update=update,
        dry_run=dry_run,
    )


@app.command()
def review(
    run: RunFolder,
    draft: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Decide about this draft.")
    ] = None,
    decision: Annotated[
        str | None,
        typer.Argument(
            metavar="[DECISION]",
            help="accept; edit (in $EDITOR, or --messages); reject; undo.",
            autocompletion=one_of(VERDICTS),
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; a rejection needs one.")] = "",
    reviewer: Annotated[
        str | None, typer.Option(help="Who decides; your user name by default.")
    ] = None,
    messages: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The edited turns, each behind its speaker's name and a colon.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="How far rules and reviewers agree, with n.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the sessions anew, by what was decided.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As --apply; then write the sessions for other tools."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Of --export: openai (the default), sharegpt or session.",
            autocompletion=one_of(EXPORTS),
        ),
    ] = None,
) -> None:
    """Read synthetic drafts that wait for a person, and decide: the most doubtful first.

    A few that the rules were sure of are among them, unmarked. Decisions are only ever appended to
    a log and hold for the words that they were made on; --apply or the next run takes them over.
    """
    from hybridtune.cli.review import review as command  # noqa: PLC0415

    command(
        run,
        draft,
        decision,
        reason=reason,
        reviewer=reviewer,
        messages=messages,
        as_json=as_json,
        stats=stats,
        apply=apply,
        export=export,
        form=form,
    )


@app.command()
def show(run: RunFolder) -> None:
    """Print a run's results: the table, the differences, sample exchanges, times."""
    from hybridtune.cli.reproduce import show as command  # noqa: PLC0415

    command(run)


@app.command()
def status(run: RunFolder) -> None:
    """Print what of a run is done, and the model calls and tokens that it took."""
    from hybridtune.cli.status import status as command  # noqa: PLC0415

    command(run)


@app.command()
def power(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run to learn the spread from; else it is assumed."),
    ] = None,
    sd_d: Annotated[
        float | None, typer.Option("--sd-d", help="SD of paired differences, instead of a run.")
    ] = None,
    scenarios: Annotated[int, typer.Option(min=2, help="Scenarios that you plan.")] = 50,
    repeats: Annotated[
        int, typer.Option(min=1, help="Conversations per scenario and variant.")
    ] = 1,
    judges: Annotated[int, typer.Option(min=1, help="Judges.")] = 1,
    samples: Annotated[int, typer.Option(min=1, help="Judgments per conversation and judge.")] = 1,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Error rate.")] = 0.05,
    tests: Annotated[
        int, typer.Option(min=1, help="Comparisons in the family, for the corrected column.")
    ] = 6,
) -> None:
    """Print the smallest difference a plan can find, and the scenarios that a difference needs.

    From the spread of a run that was evaluated (a pilot), from --sd-d, or from assumptions.
    """
    from hybridtune.cli.power import power as command  # noqa: PLC0415

    command(
        run,
        sd_d=sd_d,
        scenarios=scenarios,
        repeats=repeats,
        judges=judges,
        samples=samples,
        alpha=alpha,
        tests=tests,
    )


@app.command()
def serve(
    run: RunFolder,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8000,
) -> None:
    """Serve a run's variants through one vLLM until Ctrl-C, to any OpenAI client."""
    from hybridtune.cli.serve import serve as command  # noqa: PLC0415

    command(run, port)


@app.command()
def merge(
    run: RunFolder,
    variant: Annotated[str, typer.Argument(help="Whose adapter.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A folder that is not there yet.")
    ],
    push: Annotated[
        str | None,
        typer.Option(metavar="REPO_ID", help="Upload it to the hub, too (private; HF_TOKEN)."),
    ] = None,
) -> None:
    """Merge a variant's adapter into the base model, and measure what that changes.

    The model is loaded again and its logits are compared with those of base and adapter.
    """
    from hybridtune.cli.merge import merge as command  # noqa: PLC0415

    command(run, variant, out, push)


@app.command()
def safety(
    run: RunFolder,
    variants: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Only these and the reference, e.g. real,hybrid; all by default."
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(min=1, help="Replies per item; as the experiment says, else 5."),
    ] = None,
) -> None:
    """Run the pack's safety suite on a run's variants: rules first, then the judge.

    The worst draw counts. Prints shares by category with exact limits, whether each variant is as
    safe as the reference, and the gate that `serve` shows. No answered call is made twice.
    """
    from hybridtune.cli.safety import safety as command  # noqa: PLC0415

    command(run, variants, draws)


@app.command()
def config(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Check and print this experiment.")
    ] = None,
    overrides: Overrides = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema, for editors.")
    ] = False,
) -> None:
    """Check an experiment file and print it with every default filled in."""
    from hybridtune.cli.config import config as command  # noqa: PLC0415

    command(file, overrides or [], schema=schema)


@app.command()
def doctor(
    port: Annotated[int, typer.Option(help="The port that you want to serve on.")] = 8000,
) -> None:
    """Check this machine: Python, torch, GPU, vLLM, versions, ports, disk, hub; with remedies."""
    from rich.console import Console  # noqa: PLC0415

    from hybridtune.doctor import exit_code, render, run_checks  # noqa: PLC0415

    console = Console()
    checks = run_checks(port=port)
    for line in render(checks):
        console.print(line, soft_wrap=True)
    raise typer.Exit(exit_code(checks))


def main() -> None:
    """Run the command line; errors of the user's world become one line and an exit code."""
    with ending():
        app()
