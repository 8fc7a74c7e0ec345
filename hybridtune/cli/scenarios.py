"""`hybridtune scenarios import`: every bad row told, and a file for `evaluation.scenarios`."""

from pathlib import Path

import typer

from eval.importing import FORMATS, read, write
from hybridtune.domain import load_domain
from hybridtune.errors import DataError, InputError
from hybridtune.scenario_table import TABLES


def import_scenarios(
    file: Path, out: Path, *, form: str | None, domain: str, attitude: str | None, seed: int
) -> None:
    """Check all rows, and write them if all are good.

    Raises:
        InputError: an unknown format, a file that cannot be read, or rows that cannot be used.
    """
    chosen = form or ("csv" if file.suffix.lower() in TABLES else "jsonl")
    if chosen not in FORMATS:
        raise InputError(
            f"no format {chosen!r}", where="--format", fix=f"one of {', '.join(FORMATS)}"
        )
    if attitude is not None and chosen != "cactus":
        raise InputError("only intake forms have one", where="--attitude", fix="leave it out")
    found = read(file, load_domain(domain), chosen, seed, attitude)
    for problem in found.problems:
        typer.echo(str(problem), err=True)
    if found.problems:
        total = len(found.problems) + len(found.scenarios)
        raise DataError(
            f"{len(found.problems)} of {total} scenarios cannot be used, nothing is written",
            where=str(file), fix="mend them",
        )  # fmt: skip
    for first, second in found.alike:
        typer.echo(f"warning: {second} shares long runs of words with {first}", err=True)
    write(out, found.scenarios)
    typer.echo(f"{len(found.scenarios)} scenarios in {out}; use them with")
    typer.echo(f"  --set evaluation.scenarios={out}")
