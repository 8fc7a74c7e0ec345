"""What the simulated patient may tell by when: parts of its scenario, released turn by turn.

Reads `disclosure.yaml` of the domain pack; a pack without one gives its patient the whole scenario
at once. The plan depends on scenario, persona and seed alone, so every variant meets the same one.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import Field, model_validator

from hybridtune.config.base import Settings
from hybridtune.conversation import Cue
from hybridtune.domain import Domain, load_settings
from hybridtune.records import Scenario
from hybridtune.scripted.text import sentences
from hybridtune.seeds import derive


class Attitude(Settings):
    """How a patient keeps to the conversation, from its first turn to its last."""

    cues: tuple[str, ...] = Field(min_length=1)
    """Words in the persona's trait that tell of it."""
    first: int = Field(ge=1)
    """Parts that it may tell in its first turn."""
    each: float = Field(ge=0)
    """Further parts per exchange; 0.5 is one in two exchanges."""
    manner: str
    """For the patient's prompt."""


class Disclosure(Settings):
    """`disclosure.yaml`."""

    parts: dict[str, str] = Field(min_length=1)
    """Kind of part: a text of the scenario, told by the sentence, or `list.property`."""
    order: tuple[str, ...] = ()
    """Kinds in the order in which they come; what is left then, in the order of `parts`."""
    trait: str
    """Property of the persona that the attitude is read from."""
    attitudes: dict[str, Attitude] = Field(min_length=1)
    """By name; the first whose cue is found, else one drawn by seed."""

    @model_validator(mode="after")
    def order_of_known_parts(self) -> "Disclosure":
        """A mistyped kind would leave its parts for the end, unseen."""
        for kind in self.order:
            if kind not in self.parts:
                raise ValueError(f"order: {kind!r} is none of {', '.join(self.parts)}")
        return self


@dataclass(frozen=True)
class Plan:
    """One scenario's disclosure."""

    name: str
    attitude: Attitude
    parts: tuple[dict[str, str], ...]

    def count(self, exchange: int) -> int:
        """How many parts are released by an exchange, from 0."""
        return min(len(self.parts), int(self.attitude.first + self.attitude.each * exchange))

    def released(self, exchange: int) -> tuple[dict[str, str], ...]:
        """The parts that are released in this exchange."""
        before = self.count(exchange - 1) if exchange else 0
        return self.parts[before : self.count(exchange)]


@cache
def disclosure_of(domain: Domain) -> Disclosure | None:
    """The pack's `disclosure.yaml`, or None where it has none."""
    path = domain.path / "disclosure.yaml"
    return load_settings(path, Disclosure) if path.is_file() else None


def plan_of(domain: Domain, scenario: Scenario, seed: int) -> Plan | None:
    """The plan of a scenario, or None where the pack has no `disclosure.yaml`.

    Raises:
        DomainError: the file does not fit.
    """
    told = disclosure_of(domain)
    if told is None:
        return None
    trait = str(scenario.persona.get(told.trait, "")).lower()
    fitting = (
        name for name, one in told.attitudes.items() if any(cue in trait for cue in one.cues)
    )
    drawn = random.Random(derive(seed, "attitude", scenario.id)).choice(list(told.attitudes))
    name = next(fitting, drawn)
    return Plan(name, told.attitudes[name], tuple(in_order(told, scenario.scenario)))


def in_order(told: Disclosure, scenario: Mapping[str, Any]) -> list[dict[str, str]]:
    """A scenario's parts as they come."""
    left = {kind: parts_at(scenario, place) for kind, place in told.parts.items()}
    found = [(kind, left[kind].pop(0)) for kind in told.order if left[kind]]
    found += [(kind, text) for kind, texts in left.items() for text in texts]
    return [{"kind": kind, "text": text} for kind, text in found]


def parts_at(scenario: Mapping[str, Any], place: str) -> list[str]:
    """The sentences of a text, or one property of each of a list's entries."""
    name, _, inner = place.partition(".")
    value = scenario.get(name) or []
    if inner:
        return [str(item[inner]) for item in value if item.get(inner)]
    return list(sentences(str(value))) if value else []


def cues_of(domain: Domain, plan: Plan, exchanges: int) -> list[Cue]:
    """What the patient is told before each of its turns, by `prompts/release.jinja`."""
    cues = []
    for exchange in range(exchanges):
        parts, left = plan.released(exchange), len(plan.parts) - plan.count(exchange)
        text = domain.render("release", parts=parts, left=left, exchange=exchange)
        cues.append(Cue(text, {"released": list(parts), "left": left}))
    return cues
