"""The space of personas as a pack describes it: axes, their shares, what cannot be, what is rare.

Reads from the domain pack:

    taxonomy/themes.yaml     the values of the axis `theme`, in equal shares unless said otherwise
    taxonomy/axes.yaml       axis -> its values: a list (equal shares) or value -> weight
    taxonomy/coverage.yaml   themes, forbidden and floors; may be missing
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from generation.quotas import FINEST, period, shares
from hybridtune.domain import Domain
from hybridtune.errors import DomainError

THEME = "theme"
RESERVED = (THEME, "exchanges", "share", "why")
"""Names that no axis may have: they mean something else in `coverage.yaml` or in reports."""

Combination = Mapping[str, frozenset[str]]
"""Axis -> values; a row has the combination if each of these axes has one of its values."""


@dataclass(frozen=True)
class Rare:
    """A combination that shall not be left to chance.

    Attributes:
        when: the combination.
        share: at least so much of all rows has it.
    """

    when: Combination
    share: Fraction

    @property
    def name(self) -> str:
        """The combination in words."""
        return ", ".join(f"{axis}: {' / '.join(sorted(self.when[axis]))}" for axis in self.when)


@dataclass(frozen=True)
class Space:
    """What a pack's personas can be.

    Attributes:
        where: the pack's `taxonomy` folder, for messages.
        axes: axis -> value -> share of all rows, the theme first; floors of single values are in.
        forbidden: combinations that no row has.
        rare: combinations of more than one value with a floor.
    """

    where: str
    axes: Mapping[str, Mapping[str, Fraction]]
    forbidden: tuple[Combination, ...]
    rare: tuple[Rare, ...]


def load_space(domain: Domain) -> Space:
    """The space of a pack.

    Raises:
        DomainError: a file is missing, or says what cannot be; names the file and the key.
    """
    weights = {THEME: theme_weights(domain), **axis_weights(domain)}
    values = {axis: list(options) for axis, options in weights.items()}
    said, where = coverage_file(domain)
    forbidden = [
        combination(entry, ("why",), values, f"{where}: forbidden[{number}]")
        for number, entry in enumerate(listed(said, "forbidden", where))
    ]
    for number, entry in enumerate(forbidden):
        if len(entry) < 2:
            raise DomainError(
                "names fewer than two axes", where=f"{where}: forbidden[{number}]",
                fix="what shall never come is not a value of the axis",
            )  # fmt: skip
    floors, rare = load_floors(listed(said, "floors", where), values, where)
    axes = {
        axis: axis_shares(axis, options, floors.get(axis, {}), where)
        for axis, options in weights.items()
    }
    return Space(str(domain.path / "taxonomy"), axes, tuple(forbidden), rare)


def axis_shares(
    axis: str, weights: Mapping[str, Fraction], floors: Mapping[str, Fraction], where: str
) -> dict[str, Fraction]:
    """An axis's shares, known to be such as a data set can meet."""
    try:
        found = shares(weights, floors)
    except ValueError as error:
        raise DomainError(f"{axis}: {error}", where=f"{where}: floors") from None
    if period(found) > FINEST:
        raise DomainError(
            f"{axis}: the weights would be met once in {period(found):,} rows", where=where,
            fix="use whole numbers, such as percentages",
        )  # fmt: skip
    return found


def theme_weights(domain: Domain) -> dict[str, Fraction]:
    """Theme -> weight: those of `coverage.yaml`, or 1 for each."""
    names = [str(name) for name in domain.words("taxonomy/themes")]
    if not names:
        raise DomainError("no themes", where=str(domain.path / "taxonomy" / "themes.yaml"))
    said, file = coverage_file(domain)
    if "themes" not in said:
        return dict.fromkeys(names, Fraction(1))
    where = f"{file}: themes"
    given = weighted(said["themes"], where)
    for name in given:
        known(name, names, where)
    for name in names:
        if name not in given:
            raise DomainError(f"no weight for {name!r}", where=where, fix="weigh all, or none")
    return {name: given[name] for name in names}


def axis_weights(domain: Domain) -> dict[str, dict[str, Fraction]]:
    """Axis -> value -> weight, as `axes.yaml` has them."""
    file = str(domain.path / "taxonomy" / "axes.yaml")
    found: dict[str, dict[str, Fraction]] = {}
    for axis, values in domain.words("taxonomy/axes").items():
        if axis in RESERVED:
            raise DomainError(f"no axis can be called {axis!r}", where=file)
        found[str(axis)] = weighted(values, f"{file}: {axis}")
    return found


def weighted(values: Any, where: str) -> dict[str, Fraction]:
    """Value -> weight, from a list of values or a mapping."""
    if isinstance(values, list) and values:
        names = [text(value, where) for value in values]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DomainError(f"{twice!r} is there twice", where=where)
        return dict.fromkeys(names, Fraction(1))
    if isinstance(values, dict) and values:
        return {
            text(value, where): positive(weight, f"{where}.{value}")
            for value, weight in values.items()
        }
    raise DomainError("neither a list of values nor a mapping of values to weights", where=where)


def positive(number: Any, where: str) -> Fraction:
    """A weight or share, exactly as it is written."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1e9:
        raise DomainError(f"not a number above 0: {number!r}", where=where)
    return Fraction(str(number))


def text(value: Any, where: str) -> str:
    """A value as text; YAML's own reading of yes, no and dates is caught."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise DomainError(f"not a text: {value!r}", where=where, fix="write it in quotes")


def coverage_file(domain: Domain) -> tuple[dict[str, Any], str]:
    """`taxonomy/coverage.yaml`, empty where there is none, and its path."""
    path = domain.path / "taxonomy" / "coverage.yaml"
    said = domain.words("taxonomy/coverage") if path.is_file() else {}
    for key in said:
        known(key, ("themes", "forbidden", "floors"), str(path))
    return said, str(path)


def listed(said: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The entries under a key of `coverage.yaml`."""
    entries = said.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DomainError("not a list of mappings", where=f"{where}: {key}")
    return entries


def load_floors(
    entries: Sequence[Mapping[str, Any]], values: Mapping[str, Sequence[str]], where: str
) -> tuple[dict[str, dict[str, Fraction]], tuple[Rare, ...]]:
    """Axis -> value -> floor for the single values, and the rest."""
    single: dict[str, dict[str, Fraction]] = {}
    rare: list[Rare] = []
    for number, entry in enumerate(entries):
        place = f"{where}: floors[{number}]"
        share = positive(entry.get("share"), f"{place}.share")
        when = combination(entry, ("share", "why"), values, place)
        if len(when) == 1 and len(next(iter(when.values()))) == 1:
            ((axis, (value,)),) = when.items()
            single.setdefault(axis, {})[value] = share
        else:
            rare.append(Rare(when, share))
        if share.denominator > FINEST:
            raise DomainError("finer than any data set can meet", where=f"{place}.share")
        if len({each.name for each in rare}) < len(rare):
            raise DomainError("the same combination again", where=place)
    if sum((each.share for each in rare), Fraction()) > 1:
        raise DomainError("the shares add up to more than 1", where=f"{where}: floors")
    return single, tuple(rare)


def combination(
    entry: Mapping[str, Any],
    besides: Iterable[str],
    values: Mapping[str, Sequence[str]],
    where: str,
) -> Combination:
    """Axis -> values, from one value, a list of them, or `{not: ...}` either."""
    found: dict[str, frozenset[str]] = {}
    for axis in entry:
        if axis in besides:
            continue
        known(axis, values, where)
        place, named = f"{where}.{axis}", entry[axis]
        negated = isinstance(named, dict) and list(named) == ["not"]
        named = named["not"] if negated else named
        names = [text(each, place) for each in (named if isinstance(named, list) else [named])]
        for name in names:
            known(name, values[axis], place)
        chosen = frozenset(values[axis]) - frozenset(names) if negated else frozenset(names)
        if not chosen:
            raise DomainError("no value is left", where=place)
        found[axis] = chosen
    if not found:
        raise DomainError("names no axis", where=where)
    return found


def known(name: Any, names: Iterable[str], where: str) -> None:
    """Refuse a name that is not one of these."""
    options = list(names)
    if name not in options:
        near = get_close_matches(str(name), options, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(options[:8])}"
        raise DomainError(f"there is no {name!r}", where=where, fix=fix)


def has(values: Mapping[str, str], when: Combination) -> bool:
    """Whether a row has a combination."""
    return all(values[axis] in allowed for axis, allowed in when.items())
