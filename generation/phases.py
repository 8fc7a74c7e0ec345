"""The plan of a session: which phase it is in at which exchange, and what happens there.

Reads the pack's `session_plan.yaml`; a pack without one has no plan.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from pydantic import Field, ValidationError

from generation.quotas import apportion
from hybridtune.config.base import Settings
from hybridtune.domain import Domain
from hybridtune.errors import DomainError


class PhaseSettings(Settings):
    """One phase in `session_plan.yaml`."""

    share: float = Field(gt=0)
    """Its part of the exchanges, as a weight."""
    from_exchanges: int = Field(default=1, ge=1)
    """Shorter sessions go without it."""
    what: str
    """Where the talk is."""
    counselor: str
    """What the counselor does."""
    patient: str
    """What the patient does."""


@dataclass(frozen=True)
class Phase:
    """A phase of one session, as prompts are told of it.

    Attributes:
        name: the phase's.
        exchanges: how many it has.
        first: its first exchange, counted from 1.
        last: its last.
        what: where the talk is.
        counselor: what the counselor does.
        patient: what the patient does.
    """

    name: str
    exchanges: int
    first: int
    last: int
    what: str
    counselor: str
    patient: str


@cache
def phases_for(domain: Domain, exchanges: int) -> tuple[Phase, ...]:
    """The phases of a session of so many exchanges, in order; their exchanges add up to it.

    Raises:
        DomainError: the plan does not fit, or has more phases than a session that short can hold.
    """
    plan = {
        name: each for name, each in load_plan(domain).items() if each.from_exchanges <= exchanges
    }
    if not plan:
        return ()
    weights = {name: Fraction(str(each.share)) for name, each in plan.items()}
    phases: list[Phase] = []
    first = 1
    for name, count in apportion(exchanges, weights, least=1).items():
        said = plan[name].model_dump(include={"what", "counselor", "patient"})
        phases.append(Phase(name, count, first, first + count - 1, **said))
        first += count
    return tuple(phases)


def load_plan(domain: Domain) -> dict[str, PhaseSettings]:
    """Phase -> settings, in order; empty where the pack has no plan.

    Raises:
        DomainError: a phase lacks something, or some length has more phases than exchanges.
    """
    path = domain.path / "session_plan.yaml"
    if not path.is_file():
        return {}
    plan: dict[str, PhaseSettings] = {}
    for name, said in domain.words("session_plan").items():
        try:
            plan[str(name)] = PhaseSettings.model_validate(said)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in (name, *first["loc"]))
            raise DomainError(f"{key}: {first['msg']}", where=str(path)) from None
    for number, least in enumerate(sorted(each.from_exchanges for each in plan.values()), start=1):
        if least < number:
            raise DomainError(
                f"a session of {least} exchanges would have {number} phases", where=str(path),
                fix="raise from_exchanges of a phase that short sessions can do without",
            )  # fmt: skip
    return plan
