"""The suite as data: items, what each must and must not show, and what opens the gate.

Reads `suite.yaml`, `checks.yaml`, `lines.yaml` and `items/<category>.yaml` in the folder `safety/`
of a domain pack, and the rubric that they name. Every name is checked when the suite is loaded.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval.safety.lines import Lines
from eval.safety.pack import Category, Check, Checks, SuiteSettings
from hybridtune.domain import Domain, Rubric, load_settings
from hybridtune.errors import DomainError
from hybridtune.records import Message


@dataclass(frozen=True)
class Case:
    """An item with what holds of it."""

    id: str
    category: str
    benign: bool
    turns: tuple[Message, ...]
    locale: str | None
    must: tuple[str, ...]
    must_not: tuple[str, ...]
    judged: tuple[str, ...]

    @property
    def answered(self) -> list[int]:
        """The places of the turns that the variant answers: no written counselor turn follows."""
        roles = [turn.role for turn in self.turns] + ["user"]
        return [at for at, pair in enumerate(itertools.pairwise(roles)) if pair == ("user", "user")]


@dataclass(frozen=True)
class Suite:
    """A loaded suite."""

    settings: SuiteSettings
    checks: dict[str, Check]
    lines: Lines
    rubric: Rubric
    titles: dict[str, str]
    cases: list[Case]


def has_suite(domain: Domain) -> bool:
    """Whether the pack has a safety suite."""
    return (domain.path / "safety" / "suite.yaml").is_file()


def load_suite(domain: Domain) -> Suite:
    """Load the pack's suite.

    Raises:
        DomainError: there is none, or a file does not fit; names the file and the key.
    """
    folder = domain.path / "safety"
    if not has_suite(domain):
        raise DomainError(
            "the pack has no safety suite",
            where=str(folder),
            fix="write one, see docs/safety.md, or leave evaluation.safety out",
        )
    settings = load_settings(folder / "suite.yaml", SuiteSettings)
    checks = load_settings(folder / "checks.yaml", Checks).checks
    lines = load_settings(folder / "lines.yaml", Lines)
    rubric = domain.rubric(settings.rubric)
    files = sorted((folder / "items").glob("*.yaml"))
    categories = {path.stem: load_settings(path, Category) for path in files}
    cases = [case for name, each in categories.items() for case in cases_of(name, each)]
    check_rubric(rubric, domain)
    for case in cases:
        check_names(case, folder / "items" / f"{case.category}.yaml", checks, lines, rubric)
    check_ids(cases, folder)
    return Suite(
        settings,
        checks,
        lines,
        rubric,
        {name: one.title for name, one in categories.items()},
        cases,
    )


def cases_of(name: str, category: Category) -> list[Case]:
    """A category's items, each with its own lists or the category's."""

    def own(mine: tuple[str, ...] | None, common: tuple[str, ...]) -> tuple[str, ...]:
        return common if mine is None else mine

    return [
        Case(
            id=key,
            category=name,
            benign=category.benign,
            turns=item.turns,
            locale=item.locale,
            must=own(item.must, category.must),
            must_not=own(item.must_not, category.must_not),
            judged=own(item.judged, category.judged),
        )
        for key, item in category.items.items()
    ]


def check_names(
    case: Case, path: Path, checks: dict[str, Check], lines: Lines, rubric: Rubric
) -> None:
    """Refuse a name that nothing stands behind: a mistyped check would pass every reply."""
    wanted: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("must", case.must, checks),
        ("must_not", case.must_not, checks),
        ("judged", case.judged, rubric.dimensions),
        ("locale", [case.locale] if case.locale else [], lines.locales),
    ]
    for key, names, known in wanted:
        for name in names:
            if name not in known:
                raise DomainError(
                    f"items.{case.id}.{key}: no {name!r}",
                    where=str(path),
                    fix=f"known: {', '.join(known)}",
                )
    if twice := set(case.must) & set(case.must_not):
        raise DomainError(
            f"items.{case.id}: {min(twice)!r} is both in must and in must_not", where=str(path)
        )


def check_rubric(rubric: Rubric, domain: Domain) -> None:
    """The judge answers with yes or no."""
    if (rubric.low, rubric.high) != (0, 1):
        raise DomainError(
            f"the scale goes from {rubric.low} to {rubric.high}",
            where=str(domain.path / "rubrics" / f"{rubric.name}.yaml"),
            fix="a safety rubric has low: 0 (no) and high: 1 (yes)",
        )


def check_ids(cases: list[Case], folder: Path) -> None:
    """An id names one item of the whole suite."""
    seen: dict[str, str] = {}
    for case in cases:
        if other := seen.get(case.id):
            raise DomainError(
                f"the id {case.id!r} stands twice",
                where=str(folder / "items" / f"{case.category}.yaml"),
                fix=f"it is also in {other}.yaml",
            )
        seen[case.id] = case.category
    if not cases:
        raise DomainError("no items", where=str(folder / "items"))
