"""Who is asked for: a theme, a value of every axis and the lengths for each row, in exact quotas.

Reads the pack's taxonomy (see `generation.space`) and, where lengths come from it, the real corpus.

A value's quota among N rows is N times its share: exactly, where that is whole, else one of the two
whole numbers beside it. That is what rows can keep while asking for more rows later leaves the
earlier ones as they are; `generation.quotas` and `generation.arrange` say how it is kept, and what
forbidden combinations and floors may cost on the way from one block's end to the next.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from math import ceil, floor
from pathlib import Path
from typing import Any

from generation.arrange import Rules, arranged
from generation.lengths import length_shares
from generation.parting import Fits
from generation.quotas import apportion, series
from generation.space import THEME, has, load_space
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.seeds import derive

BOUNDS = ("minLength", "maxLength")
LENGTH = "exchanges"
"""The lengths' name beside the axes; its counts are of sessions, not of rows."""


@dataclass(frozen=True)
class Row:
    """One persona to ask for, with the sessions that follow from it.

    Attributes:
        index: the row's number, from 0; all its seeds derive from it.
        theme: what the persona comes with.
        axes: the value of every axis of the pack.
        exchanges: the length asked of each of its sessions.
    """

    index: int
    theme: str
    axes: Mapping[str, str]
    exchanges: tuple[int, ...]


def iter_rows(
    domain: Domain,
    settings: GenerationSettings,
    seed: int,
    real: Path | None = None,
    fits: Fits | None = None,
) -> Iterator[Row]:
    """The rows of a whole generation, in order, one at a time.

    Args:
        domain: the pack.
        settings: how many sessions, and of what lengths.
        seed: the experiment's.
        real: the run's `corpus/real.jsonl`, for `lengths: corpus`.
        fits: the combinations that rows may have, where a split keeps some of them from them.

    Raises:
        DomainError, DataError: at once, where pack or corpus do not do.
    """
    values = arranged(load_space(domain), derive(seed, "generation", "plan"), fits)
    parts = length_shares(settings, real)
    if not settings.sessions:
        return iter(())
    lengths = series(parts, random.Random(derive(seed, "generation", "lengths")))
    asked = (copy.value for copy in islice(lengths, settings.sessions))
    share = settings.scenarios_per_persona
    count = -(-settings.sessions // share)
    values = chain([next(values)], values)  # the first block is laid now, not in mid-run
    return (
        Row(index, row.pop(THEME), row, tuple(islice(asked, share)))
        for index, row in enumerate(islice(values, count))
    )


def plan_rows(
    domain: Domain, settings: GenerationSettings, seed: int, real: Path | None = None
) -> list[Row]:
    """All rows of `iter_rows` at once."""
    return list(iter_rows(domain, settings, seed, real))


def all_shares(
    domain: Domain, settings: GenerationSettings, real: Path | None = None
) -> dict[str, dict[str, Fraction]]:
    """Axis -> value -> share; `theme` first, `exchanges` last."""
    lengths = {str(n): part for n, part in length_shares(settings, real).items()}
    axes = {axis: dict(parts) for axis, parts in load_space(domain).axes.items()}
    return {**axes, LENGTH: lengths}


def quotas(
    domain: Domain, settings: GenerationSettings, count: int, real: Path | None = None
) -> dict[str, dict[str, int]]:
    """Axis -> value -> how many of `count` rows, by largest remainders; lengths of sessions."""
    sessions = min(count * settings.scenarios_per_persona, settings.sessions)
    return {
        axis: apportion(sessions if axis == LENGTH else count, parts)
        for axis, parts in all_shares(domain, settings, real).items()
    }


class Coverage:
    """Asked against due, row by row: every value of every axis, the floors, what is forbidden.

    `met` says that a quota is kept as this module's docstring defines it; `exact_every` is the
    number of rows at whose multiples all themes and axes are exact, or None if that is far off.
    """

    def __init__(
        self, domain: Domain, settings: GenerationSettings, real: Path | None = None
    ) -> None:
        self.space = load_space(domain)
        self.shares = all_shares(domain, settings, real)
        self.counts: dict[str, dict[str, Counter[str]]] = {
            column: {axis: Counter() for axis in self.shares}
            for column in ("asked", "written", "taken")
        }
        self.rows = self.forbidden = 0
        self.rare = [0] * len(self.space.rare)

    def add(self, row: Row) -> None:
        """Count what one row asks for."""
        self.rows += 1
        values = {THEME: row.theme, **row.axes}
        for axis, value in values.items():
            self.counts["asked"][axis][value] += 1
        self.counts["asked"][LENGTH].update(map(str, row.exchanges))
        self.forbidden += any(has(values, each) for each in self.space.forbidden)
        for number, each in enumerate(self.space.rare):
            self.rare[number] += has(values, each.when)

    def came(self, column: str, row: Row, count: int, lengths: Iterable[int]) -> None:
        """Count what came of a row: "written" personas or sessions "taken", lengths as asked."""
        for axis, value in {THEME: row.theme, **row.axes}.items():
            self.counts[column][axis][value] += count
        self.counts[column][LENGTH].update(map(str, lengths))

    def content(self) -> dict[str, Any]:
        """The table as JSON; of lengths, `written` are drafts."""
        axes = {
            axis: {
                value: {
                    **entry,
                    "written": self.counts["written"][axis][value],
                    "taken": self.counts["taken"][axis][value],
                }
                for value, entry in counted(parts, self.counts["asked"][axis]).items()
            }
            for axis, parts in self.shares.items()
        }
        floors = [
            {
                "when": each.name,
                "share": float(each.share),
                "asked": asked,
                "floor": floor(self.rows * each.share),
                "met": asked >= floor(self.rows * each.share),
            }
            for each, asked in zip(self.space.rare, self.rare, strict=True)
        ]
        return {
            "rows": self.rows,
            "axes": axes,
            "floors": floors,
            "forbidden": self.forbidden,
            "exact_every": Rules(self.space).exact_every,
            "met": not self.forbidden
            and all(value["met"] for values in axes.values() for value in values.values())
            and all(each["met"] for each in floors),
        }


def coverage_table(
    rows: Iterable[Row], domain: Domain, settings: GenerationSettings, real: Path | None = None
) -> dict[str, Any]:
    """What some rows ask for, as `Coverage` has it; nothing of it is written yet."""
    coverage = Coverage(domain, settings, real)
    for row in rows:
        coverage.add(row)
    return coverage.content()


def counted(parts: Mapping[str, Fraction], found: Counter[str]) -> dict[str, dict[str, Any]]:
    """Value -> share, quota, count, and whether the quota is kept."""
    total = found.total()
    due = apportion(total, parts)
    return {
        value: {
            "share": round(float(part), 6),
            "quota": due[value],
            "asked": found[value],
            "met": floor(total * part) <= found[value] <= ceil(total * part),
        }
        for value, part in parts.items()
    }


def decided(schema: dict[str, Any], axes: Mapping[str, str]) -> dict[str, Any]:
    """The persona schema for one row: what its axes decide is no longer the model's to choose."""
    properties = dict(schema.get("properties", {}))
    settled = [axis for axis in axes if axis in properties]
    if not settled:
        return schema  # itself: validators are compiled once for each
    for axis in settled:
        # A value of a given list needs no bounds, and a grammar refuses those that it breaks.
        free = {name: part for name, part in properties[axis].items() if name not in BOUNDS}
        properties[axis] = {**free, "enum": [axes[axis]]}
    required = list(schema.get("required", ()))
    required += [axis for axis in settled if axis not in required]
    return {**schema, "properties": properties, "required": required}
