"""Whether a simulated patient stayed the patient: checks by rule, each counted under its name.

Reads `patient_checks.yaml` of the domain pack (patterns in any case, whole words); a pack without
one is checked for what holds in any vertical. A conversation that fails is simulated again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from pydantic import Field

from hybridtune.config.base import Settings
from hybridtune.domain import Domain, load_settings
from hybridtune.errors import DomainError
from hybridtune.overlap import grams, strings, words
from hybridtune.records import Message, Scenario

TOLD_AT_ONCE = 0.8
"""This share of a scenario's runs of words in one turn is a recital."""
LEAST_RUNS = 30
"""A scenario of fewer runs (some 35 words) is short enough to be said in one turn."""
RUN = 5
LEAST_TURNS = 3
LEAST_WORDS = 4
"""Shorter turns, such as a bare yes, speak of nobody."""
OUT_OF_ROLE = (
    r"as an? (ai|artificial intelligence|(large )?language model)",
    r"i(?:'m| am) (?:just |only )?an? (ai|artificial intelligence|(large )?language model)",
    r"<\|?(im_start|im_end|endoftext|eot_id|assistant|user|system)\|?>",
)
"""What a model writes that speaks of itself, in any vertical."""


class OfTheOther(Settings):
    """Who speaks of the other and not of themselves, turn after turn, has changed sides."""

    other: str
    """Pattern of words for the other, as `you`."""
    own: str
    """Pattern of words for oneself, as `I`."""
    share: float = Field(gt=0, le=1)
    """So large a share of the patient's turns, and at least three, is too much."""


class PatientChecks(Settings):
    """`patient_checks.yaml`."""

    role_flip: tuple[str, ...] = ()
    """Words of the other's part; said once, they are enough."""
    counselor_talk: tuple[str, ...] = ()
    """The same, where it takes two turns of it."""
    out_of_role: tuple[str, ...] = ()
    """Words about the role-play itself."""
    of_the_other: OfTheOther | None = None
    """Left out, this is not looked at."""


@dataclass(frozen=True)
class Patterns:
    """The compiled checks of a pack."""

    flip: re.Pattern[str] | None
    talk: re.Pattern[str] | None
    out: re.Pattern[str] | None
    label: re.Pattern[str]
    other: re.Pattern[str] | None = None
    own: re.Pattern[str] | None = None
    share: float = 1.0


@cache
def patterns_of(domain: Domain) -> Patterns:
    """The checks of a pack, compiled.

    Raises:
        DomainError: the file does not fit, or a pattern is no regular expression.
    """
    path = domain.path / "patient_checks.yaml"
    told = load_settings(path, PatientChecks) if path.is_file() else PatientChecks()
    settings = domain.settings
    labels = [settings.counselor.lower(), *(label for label in settings.counselor_labels if label)]
    names = "|".join(re.escape(label) for label in labels if len(label) > 2)
    more = told.of_the_other
    return Patterns(
        compiled(told.role_flip, str(path)),
        compiled(told.counselor_talk, str(path)),
        compiled([*OUT_OF_ROLE, *told.out_of_role], str(path)),
        re.compile(rf"^\W*(?:{names})\W*:", re.IGNORECASE | re.MULTILINE),
        compiled([more.other] if more else [], str(path)),
        compiled([more.own] if more else [], str(path)),
        more.share if more else 1.0,
    )


def compiled(patterns: Iterable[str], where: str) -> re.Pattern[str] | None:
    """One pattern for all, at the borders of words."""
    listed = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise DomainError(f"{pattern!r}: {error}", where=where) from None
        listed.append(f"(?:{pattern})")
    if not listed:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(listed)})(?!\w)", re.IGNORECASE)


def problem_of(
    messages: tuple[Message, ...], scenario: Scenario, domain: Domain
) -> tuple[str, str] | None:
    """The first check that the patient fails, and what it said; None where it kept its role."""
    patterns = patterns_of(domain)
    turns = [turn.content.replace("\u2019", "'") for turn in messages if turn.role == "user"]
    story = longest(scenario)
    counselor_talk = 0
    for number, turn in enumerate(turns, start=1):
        if not words(turn):
            return "empty", f"turn {number} says nothing"
        if match := patterns.label.search(turn):
            return "role flip", f"turn {number} speaks as {match.group().strip()!r}"
        if patterns.flip and (match := patterns.flip.search(turn)):
            return "role flip", f"turn {number}: {match.group()!r}"
        if patterns.out and (match := patterns.out.search(turn)):
            return "out of role", f"turn {number}: {match.group()!r}"
        if patterns.talk and (match := patterns.talk.search(turn)):
            counselor_talk += 1
            if counselor_talk == 2:
                return "counselor talk", f"turn {number}, the second time: {match.group()!r}"
        if recited(turn, story):
            return "scenario told at once", f"turn {number} recites it"
    long = [turn for turn in turns if len(words(turn)) >= LEAST_WORDS]
    count = of_the_other(long, patterns)
    if count >= LEAST_TURNS and count >= patterns.share * len(long):
        return "role flip", f"{count} of {len(long)} turns speak of the other alone"
    return None


def of_the_other(turns: list[str], patterns: Patterns) -> int:
    """How many turns speak of the other and not of oneself."""
    if patterns.other is None or patterns.own is None:
        return 0
    return sum(
        bool(patterns.other.search(turn)) and not patterns.own.search(turn) for turn in turns
    )


def longest(scenario: Scenario) -> str:
    """The scenario's longest text: what the patient tells."""
    return max(strings(scenario.scenario), key=len, default="")


def recited(turn: str, story: str) -> bool:
    """Whether a turn holds most of a story word by word."""
    runs = grams(story, RUN)
    return len(runs) >= LEAST_RUNS and len(runs & grams(turn, RUN)) >= TOLD_AT_ONCE * len(runs)
