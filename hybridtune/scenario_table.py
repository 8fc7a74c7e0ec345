"""Scenarios from a table: one row each, the columns named as the pack's schemas name them.

    id, theme, occupation, attitude, ..., summary, cognitive_distortions, scenario

A column that both schemas know is written `persona.NAME` or `scenario.NAME`. `id` may be left out,
`theme` is kept as provenance, an empty cell is a property left out. A list of texts stands in its
cell with `|` between them; a list of objects as JSON, or each as `first: second` by the schema's
first two properties, as in `labeling: I am a failure | mind reading: They laugh at me`.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.records import Scenario

TABLES = (".csv", ".tsv")
BESIDES = ("id", "theme")
Place = tuple[str, str]
"""`persona` or `scenario`, and the property there; `""` and the column for those besides."""


def read_table(text: str, path: Path, domain: Domain) -> Iterator[tuple[int, Scenario | DataError]]:
    """The rows of a table, each with the line that it begins on.

    Raises:
        DataError: it is no table, or has a column that the pack does not know.
    """
    lines = split(text, path)
    _, header = next(lines, (1, []))
    columns = [name.strip() for name in header]
    places = [place_of(name, domain, path) for name in columns]
    if twice := {name for name in columns if columns.count(name) > 1}:
        raise DataError(f"the column {min(twice)!r} is there twice", where=f"{path}:1")
    for number, (begins, cells) in enumerate(lines, start=1):
        if any(cell.strip() for cell in cells):
            yield begins, row_of(cells, places, number, f"{path}:{begins}", domain)


def split(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, the header's too, with the line that it begins on."""
    header = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(",;\t", key=header.count))
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"not a table: {error}", where=f"{path}:{begins}") from None


def row_of(
    cells: list[str], places: list[Place], number: int, where: str, domain: Domain
) -> Scenario | DataError:
    """One row as a scenario."""
    if len(cells) > len(places):
        return DataError(
            f"{len(cells)} cells under {len(places)} columns", where=where,
            fix="put cells that hold a comma in quotes",
        )  # fmt: skip
    found: dict[str, dict[str, Any]] = {"": {}, "persona": {}, "scenario": {}}
    for (part, name), cell in zip(places, cells, strict=False):
        if not cell.strip():
            continue
        rule = domain.schema(part)["properties"][name] if part else {}
        try:
            found[part][name] = value_of(cell.strip(), rule)
        except ValueError as error:
            return DataError(f"{name}: {error}", where=where, fix="mend the cell")
    besides = found[""]
    theme = {"theme": besides["theme"]} if "theme" in besides else {}
    return Scenario(
        id=besides.get("id", f"scenario-{number:03d}"),
        domain=domain.name,
        persona=found["persona"],
        scenario=found["scenario"],
        provenance={"source": "imported table", **theme},
    )


def place_of(column: str, domain: Domain, path: Path) -> Place:
    """Where a column's cells go."""
    if column in BESIDES:
        return "", column
    known = {part: domain.schema(part)["properties"] for part in ("persona", "scenario")}
    part, _, name = column.partition(".")
    if part in known and name in known[part]:
        return part, name
    having = [part for part in known if column in known[part]]
    if len(having) == 1:
        return having[0], column
    if having:
        raise DataError(
            f"both persona and scenario have a {column!r}", where=f"{path}:1",
            fix=f"name the column persona.{column} or scenario.{column}",
        )  # fmt: skip
    names = [*BESIDES, *known["persona"], *known["scenario"]]
    near = get_close_matches(column, names, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    raise DataError(f"the pack knows no column {column!r}", where=f"{path}:1", fix=fix)


def value_of(cell: str, rule: Mapping[str, Any]) -> Any:
    """A cell's value by the schema's type; a ValueError says what it should have been."""
    if rule.get("type") in ("integer", "number"):
        return int(cell) if rule["type"] == "integer" else float(cell)
    if rule.get("type") != "array":
        return cell
    if cell.startswith("["):
        try:
            return json.loads(cell)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error.msg}") from None
    entries = [entry.strip() for entry in cell.split("|") if entry.strip()]
    if rule["items"].get("type") != "object":
        return entries
    return [object_of(entry, list(rule["items"]["properties"])) for entry in entries]


def object_of(entry: str, names: list[str]) -> dict[str, str]:
    """`first: second` as an object of the schema's first two properties."""
    first, colon, second = entry.partition(":")
    if not colon or len(names) < 2:
        raise ValueError(f"{entry[:60]!r} is not `{': '.join(names[:2])}`")
    return {names[0]: first.strip(), names[1]: second.strip()}
