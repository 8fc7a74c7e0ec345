"""Conversations that people have rated, from the formats that such ratings come in.

    ESConv     JSON: a list of dialogs, each with the seeker's survey (`empathy`, `relevance`: 1
               to 5)
    EPITOME    CSV: `seeker_post`, `response_post`, `level` (0 to 2), a file for each mechanism;
               files of the same pairs are joined, and `total` is the sum where all are given
    plain      CSV: `conversation`, and a column of numbers for everything that was rated; optional
               `id` and `group` (what must not be split between fitting and testing)

In a plain CSV a conversation is a JSON list of messages, or lines of `Name: words` with the speaker
labels of the domain pack.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hybridtune.domain import DomainSettings
from hybridtune.errors import DataError
from hybridtune.records import Message, first_problem, read_json

MECHANISMS = ("emotional_reactions", "interpretations", "explorations")
TOTAL = "total"
RESERVED = ("id", "group", "conversation")
SURVEYED = ("empathy", "relevance")
MESSAGES = TypeAdapter(tuple[Message, ...])


@dataclass(frozen=True)
class Rated:
    """One conversation with what people said of it, by measure."""

    id: str
    group: str
    messages: tuple[Message, ...]
    ratings: Mapping[str, float]


@dataclass(frozen=True)
class Ratings:
    """All rated conversations of one source."""

    format: str
    measures: tuple[str, ...]
    items: tuple[Rated, ...]


def read_ratings(paths: Sequence[Path], settings: DomainSettings) -> Ratings:
    """Read one file, or several of EPITOME's.

    Raises:
        DataError: no such file, a format that is none of the three, or a line that does not fit.
    """
    found = [read_file(path, settings) for path in paths]
    if len(found) == 1:
        return found[0]
    if any(one.format != "epitome" for one in found):
        raise DataError(
            "only files of EPITOME's mechanisms can be read together",
            where=", ".join(map(str, paths)),
            fix="give one file",
        )
    return joined(found, paths)


def read_file(path: Path, settings: DomainSettings) -> Ratings:
    """Read one file by its content."""
    if not path.is_file():
        raise DataError("no such file", where=str(path), fix="give the file with people's ratings")
    if path.suffix.lower() == ".json":
        return read_esconv(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            columns = csv.DictReader(file).fieldnames or []
        except UnicodeDecodeError:
            raise DataError("not UTF-8 text", where=str(path)) from None
    if {"seeker_post", "response_post", "level"} <= set(columns):
        return read_epitome(path)
    if "conversation" in columns:
        return read_plain(path, settings)
    raise DataError(
        f"no ratings that are known: the columns are {', '.join(columns) or 'none'}",
        where=f"{path}:1",
        fix="a plain CSV has `conversation` and a column of numbers for what was rated",
    )


def read_esconv(path: Path) -> Ratings:
    """ESConv's JSON; dialogs without a survey are left out, the seeker is the patient."""
    dialogs = read_json(path)
    if not isinstance(dialogs, list):
        raise DataError("not a list of dialogs as in ESConv", where=str(path))
    items = []
    for number, dialog in enumerate(dialogs, start=1):
        try:
            survey = (dialog.get("survey_score") or {}).get("seeker") or {}
            ratings = {name: float(survey[name]) for name in SURVEYED if survey.get(name)}
            turns = [(turn["speaker"], turn["content"].strip()) for turn in dialog["dialog"]]
            roles = {"seeker": "user", "usr": "user", "supporter": "assistant", "sys": "assistant"}
            messages = merged([(roles[speaker], text) for speaker, text in turns if text])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"dialog {number} is not as in ESConv: {type(error).__name__}: {error}",
                where=str(path),
                fix="it needs `dialog` (speaker, content) and `survey_score.seeker`",
            ) from None
        if ratings and messages:
            items.append(Rated(str(number), str(number), messages, ratings))
    if not items:
        raise DataError("no dialog has a seeker's survey", where=str(path))
    return Ratings("esconv", present(SURVEYED, items), tuple(items))


def read_epitome(path: Path) -> Ratings:
    """One of EPITOME's mechanisms; a pair that stands twice counts once."""
    name = next((m for m in MECHANISMS if m in path.stem.replace("-", "_")), "level")
    items: dict[str, Rated] = {}
    for place, row in rows_of(path):
        level = number_in(row, "level", place)
        if level is None:
            raise DataError("no level", where=place, fix="0, 1 or 2")
        group = row.get("sp_id") or row["seeker_post"]
        key = f"{group}/{row.get('rp_id') or row['response_post']}"
        pair = [("user", row["seeker_post"].strip()), ("assistant", row["response_post"].strip())]
        if all(text for _, text in pair):
            items.setdefault(key, Rated(key, group, merged(pair), {name: level}))
    if not items:
        raise DataError("no pairs", where=str(path))
    return Ratings("epitome", (name,), tuple(items.values()))


def joined(found: Sequence[Ratings], paths: Sequence[Path]) -> Ratings:
    """Files of the same pairs as one, with the sum of all mechanisms as a measure of its own."""
    names = [one.measures[0] for one in found]
    if len(set(names)) < len(names):
        raise DataError(
            f"the same mechanism twice, or none in the names: {', '.join(names)}",
            where=", ".join(map(str, paths)),
            fix=f"the files' names must hold {', '.join(MECHANISMS)}",
        )
    by_key: dict[str, Rated] = {}
    for one in found:
        for item in one.items:
            known = by_key.get(item.id, item)
            by_key[item.id] = replace(known, ratings={**known.ratings, **item.ratings})
    items = [with_total(item) for item in by_key.values()]
    return Ratings("epitome", present([*names, TOTAL], items), tuple(items))


def with_total(item: Rated) -> Rated:
    """The item with the sum of all three mechanisms, where it has all three."""
    if not all(name in item.ratings for name in MECHANISMS):
        return item
    total = sum(item.ratings[name] for name in MECHANISMS)
    return replace(item, ratings={**item.ratings, TOTAL: total})


def read_plain(path: Path, settings: DomainSettings) -> Ratings:
    """A table with a conversation and ratings in every row; an empty cell is no rating."""
    items, measures = [], list[str]()
    for place, row in rows_of(path):
        measures = [name for name in row if name and name not in RESERVED]
        values = {name: number_in(row, name, place) for name in measures}
        name = row.get("id") or place.rpartition(":")[2]
        messages = conversation_in(row["conversation"], place, settings)
        ratings = {name: value for name, value in values.items() if value is not None}
        if ratings:
            items.append(Rated(name, row.get("group") or name, messages, ratings))
    if not items:
        raise DataError("no row has a rating", where=str(path))
    return Ratings("plain", present(measures, items), tuple(items))


def rows_of(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV, each with its `file:line`.

    Raises:
        DataError: a row has fewer or more cells than the header.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        line = 2
        try:
            for row in reader:
                place = f"{path}:{line}"
                line = reader.line_num + 1
                if None in row or None in row.values():
                    raise DataError(
                        "not as many cells as the header has columns",
                        where=place,
                        fix="quote cells that hold commas or line breaks",
                    )
                yield place, row
        except UnicodeDecodeError:
            raise DataError("not UTF-8 text", where=str(path)) from None
        except csv.Error as error:
            raise DataError(f"not CSV: {error}", where=f"{path}:{line}") from None


def number_in(row: Mapping[str, str], name: str, place: str) -> float | None:
    """A cell as a number, or None where it is empty."""
    text = row[name].strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"column {name!r}: {text[:40]!r} is no number", where=place)
    return value


def conversation_in(text: str, place: str, settings: DomainSettings) -> tuple[Message, ...]:
    """A conversation from a cell."""
    if text.lstrip().startswith("["):
        try:
            return MESSAGES.validate_json(text)
        except ValidationError as error:
            raise DataError(
                f"column 'conversation': {first_problem(error)}",
                where=place,
                fix='[{"role": "user", "content": "..."}, ...]',
            ) from None
    labels = {label.lower(): "user" for label in (*settings.patient_labels, settings.patient)}
    labels |= {
        label.lower(): "assistant" for label in (*settings.counselor_labels, settings.counselor)
    }
    turns: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        label, colon, words = line.partition(":")
        if role := labels.get(label.strip().lower() if colon else ""):
            turns.append((role, words.strip()))
        elif turns:
            turns[-1] = (turns[-1][0], f"{turns[-1][1]} {line}")
        else:
            raise DataError(
                f"column 'conversation': no speaker before {line[:40]!r}",
                where=place,
                fix=f"start turns with `{settings.patient}:` and `{settings.counselor}:`",
            )
    return merged(turns)


def merged(turns: Sequence[tuple[str, str]]) -> tuple[Message, ...]:
    """Messages of role and words, turns in a row of one speaker as one."""
    joined_turns: list[list[str]] = []
    for role, words in turns:
        if joined_turns and joined_turns[-1][0] == role:
            joined_turns[-1][1] += f"\n{words}"
        else:
            joined_turns.append([role, words])
    values: list[Any] = [{"role": role, "content": words} for role, words in joined_turns]
    return MESSAGES.validate_json(json.dumps(values))


def present(measures: Sequence[str], items: Sequence[Rated]) -> tuple[str, ...]:
    """The measures that at least one item has."""
    return tuple(name for name in measures if any(name in item.ratings for item in items))
