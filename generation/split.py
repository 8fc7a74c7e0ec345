"""Who is for training and who for evaluation, decided before anybody is written.

The unit is a whole combination: a theme with a value of every axis. So every theme and every value
is met on both sides, and the variants are compared on people whom no training session is about,
among the same kinds of people. A split by themes would test subjects that were never trained, which
is another question, and neither side could keep the quotas.

Where evaluation scenarios are generated, SHA-256 over the experiment's seed and the combination
(`hybridtune.seeds`) decides: more rows, on either side, move nobody. Where they come from a file,
it is the other way round: a scenario that names its theme and a value of every axis claims that
combination, and no training row has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from generation.coverage import Row, iter_rows
from generation.parting import Fits
from generation.space import THEME, load_space
from hybridtune.domain import Domain
from hybridtune.records import Scenario
from hybridtune.runs import Run
from hybridtune.scenarios import is_generated, read_held_out
from hybridtune.seeds import derive

Key = tuple[tuple[str, str], ...]
HASHES = 2**31
"""`derive` gives one of so many numbers."""


@dataclass(frozen=True)
class Split:
    """The side of every combination.

    Attributes:
        seed: the experiment's.
        share: of all combinations, those kept for evaluation by hash; 0 where none are.
        claimed: the combinations of evaluation scenarios that come from a file.
    """

    seed: int
    share: float = 0.0
    claimed: frozenset[Key] = frozenset()

    def evaluation(self, values: Mapping[str, str]) -> bool:
        """Whether nobody with this combination may be trained on."""
        key = key_of(values)
        if self.share:
            hashed = derive(self.seed, "split", *chain.from_iterable(key))
            return hashed < self.share * HASHES
        return key in self.claimed

    def training(self, values: Mapping[str, str]) -> bool:
        """Whether training rows may have this combination."""
        return not self.evaluation(values)

    @property
    def fits(self) -> Fits | None:
        """What training rows must fit; None where nothing is kept from them."""
        return self.training if self.share or self.claimed else None

    def content(self, crossed: int) -> dict[str, Any]:
        """The split as JSON, with how many rows were found on the other side."""
        by = "hash" if self.share else "scenarios" if self.claimed else None
        return {"by": by, "share": self.share, "claimed": len(self.claimed), "crossed": crossed}


def split_of(run: Run, domain: Domain) -> Split:
    """The split of a run.

    Raises:
        DataError: the file of the evaluation scenarios is missing, or holds something else.
    """
    experiment = run.experiment
    if is_generated(run):
        return Split(experiment.seed, share=experiment.evaluation.generated.share)
    axes = load_space(domain).axes
    keys = (claim(scenario, axes) for scenario in read_held_out(run, domain))
    return Split(experiment.seed, claimed=frozenset(key for key in keys if key))


def training_rows(run: Run, domain: Domain) -> Iterator[Row]:
    """The rows of a run's training data, in order, one at a time; see `iter_rows`."""
    experiment = run.experiment
    return iter_rows(
        domain,
        experiment.generation,
        experiment.seed,
        run.corpus / "real.jsonl",
        split_of(run, domain).fits,
    )


def key_of(values: Mapping[str, str]) -> Key:
    """A combination, whatever the order of its axes."""
    return tuple(sorted(values.items()))


def claim(scenario: Scenario, axes: Mapping[str, Mapping[str, Any]]) -> Key | None:
    """The combination that a scenario is about, or None where it names only a part of one.

    The theme is read from its provenance; the values of axes from there, or from its persona. A
    theme alone, in a pack without axes, is claimed by nobody: it would be trained no more.
    """
    told, persona = scenario.provenance, scenario.persona
    recorded = told.get("axes")
    recorded = recorded if isinstance(recorded, dict) else {}
    named = {**persona, **recorded, THEME: told.get("theme")}
    values: dict[str, str] = {}
    for axis, options in axes.items():
        value = named.get(axis)
        if not isinstance(value, str) or value not in options:
            return None
        values[axis] = value
    return key_of(values) if len(values) > 1 else None
