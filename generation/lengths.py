"""How long the sessions are: evenly spread, by weights, or as in the real corpus; in exact quotas.

Reads the run's `corpus/real.jsonl` where the lengths come from the corpus.
"""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from generation.checks import exchanges
from generation.quotas import FINEST, period, rounded, shares
from hybridtune.config.generation import GenerationSettings
from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Session, iter_jsonl

FINENESS = 10_000
"""A corpus of more sessions than this is taken in proportions of 1 to so many."""


def length_shares(settings: GenerationSettings, real: Path | None) -> dict[int, Fraction]:
    """Exchanges -> share of all sessions.

    Args:
        settings: the stage's.
        real: the real sessions, where their lengths are the measure.

    Raises:
        DataError: there are no real sessions to measure.
        ConfigError: weights too fine to be met.
    """
    if settings.lengths == "even":
        even = range(settings.min_exchanges, settings.max_exchanges + 1)
        return shares(dict.fromkeys(even, 1), {})
    if settings.lengths == "corpus":
        return shares(rounded(corpus_lengths(settings, real), FINENESS), {})
    weights = {n: Fraction(str(weight)) for n, weight in sorted(settings.lengths.items())}
    found = shares(weights, {})
    if period(found) > FINEST:
        raise ConfigError(
            f"the weights would be met once in {period(found):,} sessions",
            where="generation.lengths", fix="use whole numbers, such as percentages",
        )  # fmt: skip
    return found


def corpus_lengths(settings: GenerationSettings, real: Path | None) -> dict[int, int]:
    """Exchanges -> number of real sessions, those beyond the bounds at the nearer bound."""
    if real is None:
        raise DataError(
            "lengths: corpus, and no corpus is known", where="generation", fix="say: lengths: even"
        )
    low, high = settings.min_exchanges, settings.max_exchanges
    found = Counter(min(max(n, low), high) for n in measured(real))
    if not found:
        raise DataError(
            "no sessions whose lengths could be taken", where=str(real),
            fix="say generation.lengths: even",
        )  # fmt: skip
    return dict(sorted(found.items()))


def measured(real: Path) -> Iterator[int]:
    """The exchanges of each real session."""
    for session in iter_jsonl(real, Session):
        yield exchanges(session.messages)


def length_inputs(settings: GenerationSettings, real: Path) -> list[Path]:
    """The files that decide the lengths, for fingerprints."""
    return [real] if settings.lengths == "corpus" else []
