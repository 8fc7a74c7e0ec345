"""What became of a row: its records as far as they came, and a failure for each that did not."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from generation.coverage import Row
from hybridtune.records import Judgment, Persona, Record, Scenario, Session

Kind = Literal["persona", "scenario", "draft", "ranking"]
End = Literal["done", "failed", "spared"]
Heard = Callable[[Kind, End], None]
"""Hears of each record as it ends; a ranking that need not be asked for is spared."""
HELD_OUT = "held_out"
"""The check that a draft fails which is too near to an evaluation scenario."""


class Near(NamedTuple):
    """The evaluation scenario that something is too near to.

    Attributes:
        scenario: its id.
        cosine: of the two texts' vectors, where these tell it; None where shared words do.
    """

    scenario: str
    cosine: float | None = None

    @property
    def reason(self) -> str:
        """Why a record is removed."""
        told = f"too near to the evaluation scenario {self.scenario}"
        return told if self.cosine is None else f"{told} by embeddings (cosine {self.cosine:.4f})"


class Failure(Record):
    """One record that was asked for and will not come.

    `kind` is what is missing, `stage` the step that broke: a persona that fails takes its scenarios
    and drafts with it.
    """

    kind: Kind
    id: str
    row: int
    stage: Kind
    reason: str


class Take(Record):
    """One draft over a scenario: the only one, or one of the best-of-n.

    Attributes:
        problem: the check that the draft failed, and what is wrong.
        ranking: of a draft that passed the checks.
        replaced: what the check said of drafts before this one that were too near to a scenario.
    """

    draft: Session
    problem: tuple[str, str] | None = None
    ranking: Judgment | None = None
    replaced: tuple[str, ...] = ()


class Chain(Record):
    """What became of one scenario of a row; what it did not come to stays empty.

    Attributes:
        removed: the evaluation scenario that this chain's scenario was too near to, to the last.
        cosine: with that one, where embeddings have told it and not shared words.
        replaced: those that scenarios before this one shared too many words with.
        retold: those that scenarios before this one were too near to by embeddings.
    """

    scenario: Scenario | None = None
    removed: str | None = None
    cosine: float | None = None
    replaced: tuple[str, ...] = ()
    retold: tuple[str, ...] = ()
    takes: tuple[Take, ...] = ()
    failures: tuple[Failure, ...] = ()


class Outcome(Record):
    """All that became of a row.

    Attributes:
        tries: how many personas were asked for, one more for each that was like another row's, or
            too near to an evaluation scenario.
        replaced: the evaluation scenarios that personas before this one were too near to, where
            this one is near to none.
        whole: whether nothing is left that another attempt at the same calls might bring.
        tokens: calls and tokens of the row, by task.
    """

    row: Row
    persona: Persona | None
    chains: tuple[Chain, ...]
    failures: tuple[Failure, ...]
    tries: int
    replaced: tuple[str, ...] = ()
    whole: bool
    tokens: dict[str, dict[str, int]]

    def all_failures(self) -> list[Failure]:
        """The persona's first, then those that it took with it."""
        return [*self.failures, *(each for chain in self.chains for each in chain.failures)]


def near_of(take: Take) -> str | None:
    """What the check for likeness to evaluation scenarios found in a draft."""
    return take.problem[1] if take.problem and take.problem[0] == HELD_OUT else None


def with_checks(
    draft: Session, passed: list[str], evidence: Mapping[str, Any] | None = None
) -> Session:
    """The draft whose provenance has these checks as passed too, and what they found."""
    checks = [*draft.provenance.get("checks", []), *passed]
    provenance = {**draft.provenance, **(evidence or {}), "checks": checks}
    return draft.model_copy(update={"provenance": provenance})
