"""What became of all rows, in numbers: the content of `generation/report.json`.

Pure: from outcomes and decisions to one JSON value. The same inputs give the same bytes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from generation.checks import exchanges
from generation.overlap import HELD_OUT_SHARED, HeldOut
from generation.review import Review
from generation.rows import Chain, Failure, Outcome
from hybridtune.records import Session


def report(
    outcomes: Sequence[Outcome],
    reviews: Sequence[Review],
    synthetic: Sequence[Session],
    failures: Sequence[Failure],
    held_out: HeldOut,
) -> dict[str, Any]:
    """All counts; who wrote and what it cost is added by the stage."""
    chains = [chain for outcome in outcomes for chain in outcome.chains]
    return {
        "counts": counts(outcomes, chains, failures),
        "synthetic": len(synthetic),
        "reviews": tally(review.status for review in reviews),
        "reasons": {
            status: tally(review.reason for review in reviews if review.status == status)
            for status in ("accepted", "flagged", "rejected")
        },
        "exchanges": {
            "asked": tally(n for outcome in outcomes for n in outcome.row.exchanges),
            "drafts": tally(exchanges(chain.draft.messages) for chain in chains if chain.draft),
            "synthetic": tally(exchanges(session.messages) for session in synthetic),
        },
        "themes": coverage(outcomes, synthetic),
        "axes": axes(outcomes),
        "held_out": held_out_counts(chains, synthetic, held_out),
    }


def counts(
    outcomes: Sequence[Outcome], chains: Sequence[Chain], failures: Sequence[Failure]
) -> dict[str, dict[str, int]]:
    """For each kind of record: asked = written + failed. A missing ranking counts as failed."""
    written = {
        "persona": sum(outcome.persona is not None for outcome in outcomes),
        "scenario": sum(chain.scenario is not None for chain in chains),
        "draft": sum(chain.draft is not None for chain in chains),
        "ranking": sum(bool(chain.ranking and chain.ranking.scores) for chain in chains),
    }
    asked = {
        "persona": len(outcomes),
        "scenario": len(chains),
        "draft": len(chains),
        "ranking": sum(chain.ranking is not None for chain in chains),
    }
    failed = Counter(failure.kind for failure in failures)
    return {
        kind: {"asked": asked[kind], "written": written[kind], "failed": failed[kind]}
        for kind in ("persona", "scenario", "draft", "ranking")
    }


def tally(values: Iterable[str | int]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    found = Counter(values)
    return {str(value): found[value] for value in sorted(found)}


def coverage(outcomes: Sequence[Outcome], synthetic: Sequence[Session]) -> dict[str, Any]:
    """Per theme: sessions asked for, drafted, and taken into the data."""
    asked: Counter[str] = Counter()
    drafted: Counter[str] = Counter()
    for outcome in outcomes:
        asked[outcome.row.theme] += len(outcome.chains)
        drafted[outcome.row.theme] += sum(chain.draft is not None for chain in outcome.chains)
    taken = Counter(session.provenance["theme"] for session in synthetic)
    return {
        theme: {"asked": asked[theme], "drafted": drafted[theme], "synthetic": taken[theme]}
        for theme in sorted(asked)
    }


def axes(outcomes: Sequence[Outcome]) -> dict[str, dict[str, dict[str, int]]]:
    """Per axis and value: personas asked for with it, written, and showing it under that name."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for outcome in outcomes:
        for axis, value in outcome.row.axes.items():
            count = found.setdefault(axis, {}).setdefault(
                value, {"asked": 0, "written": 0, "shown": 0}
            )
            count["asked"] += 1
            if outcome.persona:
                count["written"] += 1
                count["shown"] += outcome.persona.persona.get(axis) == value
    return {axis: dict(sorted(values.items())) for axis, values in found.items()}


def held_out_counts(
    chains: Sequence[Chain], synthetic: Sequence[Session], held_out: HeldOut
) -> dict[str, Any]:
    """What was removed for its likeness to an evaluation scenario, and the proof over the rest.

    `most_shared` and `disjoint` are measured anew on everything that goes on to training: the
    conversations, and their scenarios with their personas.
    """
    left = [part for session in synthetic for part in (told(session), said(session))]
    return {
        "scenarios": len(held_out.ids),
        "limit_shared_8grams": HELD_OUT_SHARED,
        "scenarios_removed": sum(chain.removed is not None for chain in chains),
        "drafts_removed": sum(
            chain.problem is not None and chain.problem[0] == "held_out" for chain in chains
        ),
        "most_shared": max((held_out.most_shared(*parts) for parts in left), default=0),
        "disjoint": not any(held_out.too_close(*parts) for parts in left),
    }


def told(session: Session) -> list[Any]:
    """What a session is about."""
    return [session.scenario, session.persona]


def said(session: Session) -> list[str]:
    """The words of a session, turn by turn."""
    return [message.content for message in session.messages]
