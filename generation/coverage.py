"""Who is asked for: a theme, a value of every axis and a length for each row, spread exactly.

Reads the pack's `taxonomy/themes.yaml` and `taxonomy/axes.yaml` through the domain. Values are laid
out in permuted blocks: each block holds every value once, in a seeded order. So every value's count
is exact at any number of rows, and asking for more rows later leaves the earlier ones as they are.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import DomainError
from hybridtune.seeds import derive

AnyValue = TypeVar("AnyValue")


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


def plan_rows(domain: Domain, settings: GenerationSettings, seed: int) -> list[Row]:
    """The rows of a whole generation, in order."""
    share = settings.scenarios_per_persona
    count = -(-settings.sessions // share)
    themes = spread(theme_names(domain), count, derive(seed, "generation", "themes"))
    axes = {
        name: spread(values, count, derive(seed, "generation", "axis", name))
        for name, values in axis_values(domain).items()
    }
    lengths = spread(
        range(settings.min_exchanges, settings.max_exchanges + 1),
        settings.sessions,
        derive(seed, "generation", "lengths"),
    )
    return [
        Row(
            index=index,
            theme=themes[index],
            axes={name: values[index] for name, values in axes.items()},
            exchanges=tuple(lengths[index * share : (index + 1) * share]),
        )
        for index in range(count)
    ]


def spread(values: Sequence[AnyValue], count: int, seed: int) -> list[AnyValue]:
    """`count` values in permuted blocks; a longer list with the same seed starts with this one."""
    laid: list[AnyValue] = []
    block = 0
    while len(laid) < count:
        order = list(values)
        random.Random(derive(seed, block)).shuffle(order)
        laid += order
        block += 1
    return laid[:count]


def theme_names(domain: Domain) -> list[str]:
    """The themes of the pack: the keys of `taxonomy/themes.yaml`."""
    return [str(theme) for theme in domain.words("taxonomy/themes")]


def axis_values(domain: Domain) -> dict[str, list[str]]:
    """The values of every axis of `taxonomy/axes.yaml`.

    Raises:
        DomainError: an axis is not a list of values.
    """
    found: dict[str, list[str]] = {}
    for name, values in domain.words("taxonomy/axes").items():
        if not isinstance(values, list) or not values:
            where = str(domain.path / "taxonomy" / "axes.yaml")
            raise DomainError(f"{name}: not a list of values", where=where)
        found[str(name)] = [str(value) for value in values]
    return found
