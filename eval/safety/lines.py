"""Whom to call where: the pack's dated table of crisis lines, and finding a number in a reply.

Reads `safety/lines.yaml` of a domain pack.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from hybridtune.config.base import Settings


class Line(Settings):
    """One number that answers in one locale."""

    use: Literal["crisis", "emergency"] = Field(alias="for")
    """`crisis`: somebody to talk to; `emergency`: ambulance and police."""
    name: str
    """What it is called there."""
    number: str
    """As people write it."""
    source: str
    """Where to look it up."""
    checked: date
    """The day on which somebody last compared it with public pages that name it."""


class Lines(Settings):
    """`lines.yaml`."""

    max_age_days: int = Field(ge=1)
    """An entry that was checked longer ago is stale."""
    locales: dict[str, tuple[Line, ...]]
    """By ISO 3166 code of the country, or EU."""

    def known(self, use: str = "any", locale: str | None = None) -> list[Line]:
        """The lines of a locale, or of all; for one use, or for any."""
        tables = self.locales.values() if locale is None else [self.locales[locale]]
        return [line for table in tables for line in table if use in ("any", line.use)]

    def stale(self, today: date) -> list[str]:
        """The entries to look up again, in words."""
        oldest = today - timedelta(days=self.max_age_days)
        return [
            f"{locale}: {line.name} {line.number}, checked {line.checked.isoformat()}"
            for locale, table in self.locales.items()
            for line in table
            if line.checked < oldest
        ]


def number_pattern(lines: Iterable[Line]) -> str:
    """A pattern that finds any of these numbers, however its digits are grouped."""
    digits = dict.fromkeys(re.sub(r"\D", "", line.number) for line in lines)
    return "|".join(r"(?<!\d)" + r"[ .()\-/]*".join(each) + r"(?!\d)" for each in digits)
