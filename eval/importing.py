"""Scenarios of one's own, checked and written as JSONL: what `hybridtune scenarios import` does.

Reads JSONL of Scenario records, a table or intake forms; writes JSONL that `evaluation.scenarios`
names. All rows or none: a held-out set that is silently smaller answers another question.
"""

from pathlib import Path
from typing import NamedTuple

from eval.intake import read_forms
from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.overlap import HeldOut
from hybridtune.records import Scenario, write_jsonl
from hybridtune.scenario_table import read_table
from hybridtune.scenarios import Row, checked, read_rows, read_text

FORMATS = ("jsonl", "csv", "cactus")


class Imported(NamedTuple):
    """What an import found."""

    scenarios: list[Scenario]
    problems: list[DataError]
    alike: list[tuple[str, str]]


def read(path: Path, domain: Domain, form: str, seed: int, attitude: str | None) -> Imported:
    """All scenarios of a file, everything that is wrong with it, and pairs that say the same.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    if not path.is_file():
        raise DataError("no such file", where=str(path))
    rows = list(checked(iter(rows_of(path, domain, form, seed, attitude)), path, domain))
    scenarios = [row for _, row in rows if isinstance(row, Scenario)]
    problems = [row for _, row in rows if isinstance(row, DataError)]
    if not rows:
        raise DataError("no scenario", where=str(path))
    return Imported(scenarios, problems, alike(scenarios))


def rows_of(path: Path, domain: Domain, form: str, seed: int, attitude: str | None) -> list[Row]:
    """The rows of a file in this format."""
    if form == "cactus":
        return list(read_forms(path, domain, seed, attitude))
    if form == "csv":
        return list(read_table(read_text(path), path, domain))
    return list(read_rows(path, domain))


def alike(scenarios: list[Scenario]) -> list[tuple[str, str]]:
    """Pairs of scenarios that share long runs of words: a comparison takes each for a draw anew."""
    others, pairs = HeldOut(scenarios), []
    for number, scenario in enumerate(scenarios):
        shared = others.shared([scenario.scenario])
        earlier = {which: count for which, count in shared.items() if which < number}
        if near := others.nearest(earlier):
            pairs.append((near, scenario.id))
    return pairs


def write(path: Path, scenarios: list[Scenario]) -> None:
    """Write the file, unless another is there.

    Raises:
        DataError: something else is there.
    """
    text = "".join(f"{scenario.line()}\n" for scenario in scenarios)
    if path.exists() and path.read_bytes() != text.encode():
        raise DataError("is there already", where=str(path), fix="name another with --out")
    write_jsonl(path, scenarios)
