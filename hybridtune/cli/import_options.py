"""The options of `hybridtune import`, one a name."""

from pathlib import Path
from typing import Annotated

import typer

from hybridtune.cli.options import FORMATS, KINDS, LEVELS, PRESETS, RIGHTS, one_of

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATHS...", help="Files, folders, globs or zip archives."),
]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the sessions go (JSONL).")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="auto, captions (VTT, SRT), json3, whisper, text, docx, pdf, table (CSV, TSV, "
        "parquet), esconv, chat (ShareGPT, OpenAI), qa.",
        autocompletion=one_of(FORMATS),
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help=f"Columns of a known table: {', '.join(PRESETS)}.", autocompletion=one_of(PRESETS)
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        help="What it is: roleplay, consented, clinical or public-qa.",
        autocompletion=one_of(KINDS),
    ),
]
Authority = Annotated[
    str | None,
    typer.Option(help="For clinical material: the approval under which you process it."),
]
Rights = Annotated[
    str | None,
    typer.Option(
        help=f"What you may do with it: {', '.join(RIGHTS)}; `corpus export` obeys it.",
        autocompletion=one_of(RIGHTS),
    ),
]
RightsNote = Annotated[
    str | None, typer.Option(help="The licence, contract or consent form itself.")
]
Level = Annotated[
    str | None,
    typer.Option(
        help="What of um, uh and stutters stays: keep, light (the default), medium.",
        autocompletion=one_of(LEVELS),
    ),
]
CounselorLabels = Annotated[
    list[str] | None, typer.Option(help="A speaker label of the counselor. May be repeated.")
]
PatientLabels = Annotated[
    list[str] | None, typer.Option(help="A speaker label of the patient. May be repeated.")
]
NoDeidentify = Annotated[
    bool, typer.Option("--no-deidentify", help="Leave names, places and numbers as they are.")
]
MappingFile = Annotated[
    Path | None,
    typer.Option(help="Also write what was replaced by what into this file (mode 0600)."),
]
Limit = Annotated[int | None, typer.Option(help="At most this many sessions, drawn.")]
Base = Annotated[
    Path | None,
    typer.Option(metavar="CONFIG", help="Start from the corpus section of this experiment."),
]
DomainName = Annotated[str, typer.Option(help="A domain pack, for its labels.")]
Seed = Annotated[int, typer.Option(help="Behind pseudonyms and the draw.")]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other key, e.g. --set corpus.filters.min_turns=6. May be repeated.",
    ),
]
