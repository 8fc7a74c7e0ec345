"""Try an import without an experiment.

Run: `python -m corpus PATH... --out real.jsonl [--format vtt] [--domain therapy]`
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from corpus.build import import_transcripts
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import load_domain
from hybridtune.errors import HybridtuneError
from hybridtune.progress import Reporter
from hybridtune.records import write_jsonl


def main(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    out: Annotated[Path, typer.Option(help="Where the sessions go.")] = Path("real.jsonl"),
    format_: Annotated[
        Literal["auto", "vtt", "whisperx", "text", "csv"],
        typer.Option("--format", help="How the files are written."),
    ] = "auto",
    domain: Annotated[str, typer.Option(help="A domain pack, for its speaker labels.")] = "therapy",
) -> None:
    """Import transcripts into a file of sessions, and print what was done."""
    console = Console(stderr=True)
    settings = CorpusSettings(paths=tuple(paths), format=format_)
    try:
        report = import_transcripts(settings, load_domain(domain), 0, Reporter(console))
        write_jsonl(out, report.sessions)
    except HybridtuneError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    console.print(report.table())
    for line in report.warnings():
        console.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
