"""Held-out evaluation scenarios: where they come from, and each checked against its pack.

Reads, as `evaluation.scenarios` says, the pack's `scenarios/evaluation.jsonl`, the run's
`generation/evaluation.jsonl`, which the teacher wrote, or the file that it names: JSONL of Scenario
records, or a CSV (`scenario_table.py`). Generation keeps away from them, evaluation plays them.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hybridtune.config.evaluation import DOMAIN, GENERATED
from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.records import Scenario, first_problem
from hybridtune.runs import Run
from hybridtune.scenario_table import TABLES, read_table
from hybridtune.schemas import misfit

Row = tuple[int, Scenario | DataError]
"""A line's number, and the scenario that it holds or what is wrong with it."""


def scenarios_path(domain: Domain, setting: str) -> Path:
    """The file of scenarios that were there before the run: the pack's, or one's own."""
    return domain.path / "scenarios" / "evaluation.jsonl" if setting == DOMAIN else Path(setting)


def is_generated(run: Run) -> bool:
    """Whether the teacher writes the evaluation scenarios."""
    return run.experiment.evaluation.scenarios == GENERATED


def evaluation_path(run: Run, domain: Domain) -> Path:
    """The file of a run's evaluation scenarios, by `evaluation.scenarios`."""
    if is_generated(run):
        return run.generation / "evaluation.jsonl"
    return scenarios_path(domain, run.experiment.evaluation.scenarios)


def read_held_out(run: Run, domain: Domain) -> list[Scenario]:
    """What training data must keep away from.

    Raises:
        DataError: the file is missing, or a line holds no scenario.
    """
    return good(read_rows(written_path(run, domain), domain))


def written_path(run: Run, domain: Domain) -> Path:
    """As `evaluation_path`, of a file that is there, if the teacher has to write it.

    Raises:
        DataError: the teacher has not.
    """
    path = evaluation_path(run, domain)
    if is_generated(run) and not path.is_file():
        raise DataError(
            "the evaluation scenarios are not written yet", where=str(path),
            fix="`hybridtune generate` writes them",
        )  # fmt: skip
    return path


def read_scenarios(path: Path, domain: Domain) -> list[Scenario]:
    """All scenarios of a file, each fitting the pack's schemas, each with an id of its own.

    Raises:
        DataError: the file is missing, or a line does not fit; names the line.
    """
    return good(checked(read_rows(path, domain), path, domain))


def read_rows(path: Path, domain: Domain) -> Iterator[Row]:
    """The lines of a JSONL or CSV file.

    Raises:
        DataError: there is no such file, or it is no text.
    """
    text = read_text(path)
    if path.suffix.lower() in TABLES:
        return read_table(text, path, domain)
    return read_lines(text, path)


def read_text(path: Path) -> str:
    """The text of a file of scenarios.

    Raises:
        DataError: there is no such file, or it is no text.
    """
    if not path.is_file():
        raise DataError("no such file", where=str(path), fix="evaluation.scenarios names it")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("not UTF-8 text", where=str(path), fix="save it as UTF-8") from None


def read_lines(text: str, path: Path) -> Iterator[Row]:
    """JSONL, a Scenario record a line."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, Scenario.model_validate_json(line)
            except ValidationError as error:
                what = f"not a Scenario record: {first_problem(error)}"
                yield number, DataError(what, where=f"{path}:{number}", fix="mend the line")


def checked(rows: Iterator[Row], path: Path, domain: Domain) -> Iterator[Row]:
    """The same rows; those that do not fit the pack, or repeat an id, become errors."""
    seen: dict[str, int] = {}
    for number, row in rows:
        if isinstance(row, Scenario) and (problem := problem_of(row, domain, seen)):
            yield number, DataError(problem, where=f"{path}:{number}", fix="mend the line")
        else:
            yield number, row
        if isinstance(row, Scenario):
            seen.setdefault(row.id, number)


def problem_of(scenario: Scenario, domain: Domain, seen: dict[str, int]) -> str | None:
    """What is wrong with a scenario, or None."""
    if scenario.id in seen:
        return f"the id {scenario.id!r} stands in line {seen[scenario.id]} too"
    for name in ("persona", "scenario"):
        if problem := misfit(getattr(scenario, name), held_out_schema(domain, name)):
            return f"{name} of {scenario.id!r} does not fit the pack, {problem}"
    return None


@cache
def held_out_schema(domain: Domain, name: str) -> dict[str, Any]:
    """The pack's schema, where lists may be empty: intake forms label nothing."""
    schema: dict[str, Any] = json.loads(json.dumps(domain.schema(name)))
    for each in schema.get("properties", {}).values():
        if isinstance(each, dict):
            each.pop("minItems", None)
    return schema


def good(rows: Iterator[Row]) -> list[Scenario]:
    """The scenarios of rows without an error.

    Raises:
        DataError: the first row's that has one.
    """
    scenarios = []
    for _, row in rows:
        if isinstance(row, DataError):
            raise row
        scenarios.append(row)
    return scenarios
