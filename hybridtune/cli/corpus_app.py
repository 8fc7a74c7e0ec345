"""`hybridtune import` and `hybridtune corpus ...`: their options; the work is done elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.import_options import (
    Authority,
    Base,
    CounselorLabels,
    DomainName,
    Format,
    Keys,
    Kind,
    Level,
    Limit,
    MappingFile,
    NoDeidentify,
    Out,
    Paths,
    PatientLabels,
    Preset,
    Rights,
    RightsNote,
    Seed,
)
from hybridtune.cli.options import DECISIONS, EXPORTS, RIGHTS, one_of

corpus_app = typer.Typer(
    help="Look at imported sessions, decide about those that wait, export them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def import_(
    paths: Paths = None,
    out: Out = Path("real.jsonl"),
    format_: Format = None,
    preset: Preset = None,
    source_kind: Kind = None,
    authority: Authority = None,
    rights: Rights = None,
    rights_note: RightsNote = None,
    disfluencies: Level = None,
    counselor_label: CounselorLabels = None,
    patient_label: PatientLabels = None,
    no_deidentify: NoDeidentify = False,
    mapping: MappingFile = None,
    limit: Limit = None,
    config: Base = None,
    domain: DomainName = "therapy",
    seed: Seed = 0,
    overrides: Keys = None,
) -> None:
    """Turn transcripts into clean, de-identified sessions: captions, text, tables, chats, ...

    Beside FILE go its history (raw words), what waits for a person, report and data card.

    A file that cannot be read is told with its line; the others are imported. Exit code 1 then.

    For example: hybridtune import recordings/ --out real.jsonl --rights own
    """
    from hybridtune.cli.importing import import_ as command  # noqa: PLC0415

    command(
        paths or [],
        out,
        config=config,
        domain=domain,
        seed=seed,
        options={
            ("format",): format_,
            ("table", "preset"): preset,
            ("source", "kind"): source_kind,
            ("source", "authority"): authority,
            ("source", "rights"): rights,
            ("source", "rights_note"): rights_note,
            ("disfluencies",): disfluencies,
            ("counselor_labels",): counselor_label,
            ("patient_labels",): patient_label,
            ("deidentify", "enabled"): False if no_deidentify else None,
            ("deidentify", "mapping"): None if mapping is None else str(mapping),
            ("limit",): limit,
        },
        overrides=overrides or [],
    )


Imported = Annotated[
    Path,
    typer.Argument(metavar="PLACE", help="A run folder, or the file that `import` wrote."),
]


@corpus_app.command("show")
def corpus_show(
    place: Imported,
    session: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A session's id, or its start; else all are listed."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Colour the raw words against the clean ones.")
    ] = False,
) -> None:
    """Print a session, or with --diff what cleaning did to it, turn by turn."""
    from hybridtune.cli.corpus import show as command  # noqa: PLC0415

    command(place, session, diff=diff)


@corpus_app.command("report")
def corpus_report(place: Imported) -> None:
    """Print an import's report: what was read, kept, left out, changed and replaced."""
    from hybridtune.cli.corpus import report as command  # noqa: PLC0415

    command(place)


@corpus_app.command("review")
def corpus_review(
    place: Imported,
    session: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Decide about this session.")
    ] = None,
    decision: Annotated[
        str | None,
        typer.Argument(
            metavar="[DECISION]",
            help="approve; swap (the roles are the other way round); reject; undo.",
            autocompletion=one_of(DECISIONS),
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; a rejection needs one.")] = "",
    reviewer: Annotated[
        str | None, typer.Option(help="Who decides; your user name by default.")
    ] = None,
) -> None:
    """Go through the sessions that wait for a person, or list them where there is no terminal.

    Decisions are appended to a log and hold for the words that they were made on; the next import
    takes them over.
    """
    from hybridtune.cli.corpus import review as command  # noqa: PLC0415

    command(place, session, decision, reason=reason, reviewer=reviewer)


@corpus_app.command("export")
def corpus_export(
    place: Imported,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the sessions go.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="openai, sharegpt or session (our own records).",
            autocompletion=one_of(EXPORTS),
        ),
    ] = "openai",
    allow_rights: Annotated[
        list[str] | None,
        typer.Option(
            help="Let sessions with these rights through. May be repeated.",
            autocompletion=one_of(RIGHTS),
        ),
    ] = None,
    identified: Annotated[
        bool,
        typer.Option("--identified", help="Let sessions through that were not de-identified."),
    ] = False,
    opener: Annotated[
        bool,
        typer.Option("--opener", help="Give sessions that the counselor opens a neutral opener."),
    ] = False,
    domain: Annotated[str, typer.Option(help="A domain pack, for its opener.")] = "therapy",
) -> None:
    """Write the sessions for other tools; refused where their rights do not allow it."""
    from hybridtune.cli.corpus import export as command  # noqa: PLC0415

    command(
        place,
        out,
        form,
        allow=allow_rights or [],
        identified=identified,
        opener=opener,
        domain=domain,
    )
