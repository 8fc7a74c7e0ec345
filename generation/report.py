"""What became of all rows, in numbers: the content of `generation/report.json`.

Gathered in one pass over the rows, in memory only counts. The same rows give the same bytes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generation.checks import exchanges
from generation.coverage import Coverage
from generation.decisions import Decided
from generation.outcomes import Failure, Kind, Outcome, near_of
from generation.space import THEME
from generation.split import Split
from hybridtune.overlap import HELD_OUT_SHARED, HeldOut
from hybridtune.records import Session

KINDS: tuple[Kind, ...] = ("persona", "scenario", "draft", "ranking")


class Report:
    """All counts; who wrote and what it cost is added by the stage."""

    def __init__(
        self, likeness: "Likeness", split: Split, coverage: Coverage, best_of: int = 1
    ) -> None:
        self.coverage, self.best_of = coverage, best_of
        self.split, self.crossed = split, 0
        self.asked: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.synthetic = 0
        self.statuses: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {
            status: Counter() for status in ("accepted", "flagged", "rejected")
        }
        self.exchanges: dict[str, Counter[int]] = {
            stage: Counter() for stage in ("asked", "drafts", "synthetic")
        }
        self.themes: dict[str, Counter[str]] = {}
        self.axes: dict[str, dict[str, Counter[str]]] = {}
        self.scores: dict[str, Counter[int]] = {}
        self.likeness = likeness
        self.first_failure: Failure | None = None

    def add(self, outcome: Outcome, decided: Sequence[Decided]) -> None:
        """Count one row, with the decisions on all its drafts."""
        self.count_records(outcome)
        self.count_decisions(decided)
        self.count_coverage(outcome, decided)
        self.exchanges["asked"].update(outcome.row.exchanges)
        self.count_scores(decided)
        self.likeness.add(outcome, decided)

    def count_records(self, outcome: Outcome) -> None:
        """For each kind of record: asked = written + failed. A missing ranking counts as failed."""
        takes = [take for chain in outcome.chains for take in chain.takes]
        failures = outcome.all_failures()
        lost = Counter(failure.kind for failure in failures)
        self.written["persona"] += outcome.persona is not None
        self.written["scenario"] += sum(chain.scenario is not None for chain in outcome.chains)
        self.written["draft"] += len(takes)
        self.written["ranking"] += sum(bool(each.ranking and each.ranking.scores) for each in takes)
        self.failed += lost
        self.asked["persona"] += 1
        self.asked["scenario"] += len(outcome.chains)
        self.asked["draft"] += len(outcome.chains) * self.best_of
        self.asked["ranking"] += sum(take.problem is None for take in takes)
        self.first_failure = self.first_failure or next(iter(failures), None)

    def count_decisions(self, decided: Sequence[Decided]) -> None:
        """Decisions by status and reason, and the lengths of what was decided on."""
        for each in decided:
            self.statuses[each.review.status] += 1
            self.reasons[each.review.status][each.review.reason] += 1
            length = exchanges(each.take.draft.messages)
            self.exchanges["drafts"][length] += 1
            if each.taken is not None:
                self.synthetic += 1
                self.exchanges["synthetic"][length] += 1

    def count_coverage(self, outcome: Outcome, decided: Sequence[Decided]) -> None:
        """Per theme: sessions asked for, drafted, and taken; per axis and value: personas.

        Of personas, those asked for with the value, written, and showing it under that name.
        """
        self.coverage.add(outcome.row)
        self.crossed += self.split.evaluation({THEME: outcome.row.theme, **outcome.row.axes})
        lengths = outcome.row.exchanges
        drafted = [n for n, chain in zip(lengths, outcome.chains, strict=True) if chain.takes]
        self.coverage.came("written", outcome.row, outcome.persona is not None, drafted)
        for each in decided:
            if each.taken is not None:
                self.coverage.came("taken", outcome.row, 1, [self.asked_of(outcome, each)])
        theme = self.themes.setdefault(outcome.row.theme, Counter())
        theme["asked"] += len(outcome.chains)
        theme["drafted"] += sum(bool(chain.takes) for chain in outcome.chains)
        theme["synthetic"] += sum(each.taken is not None for each in decided)
        for axis, value in outcome.row.axes.items():
            count = self.axes.setdefault(axis, {}).setdefault(value, Counter())
            count["asked"] += 1
            if outcome.persona:
                count["written"] += 1
                count["shown"] += outcome.persona.persona.get(axis) == value

    def asked_of(self, outcome: Outcome, each: Decided) -> int:
        """The exchanges that a draft was asked to have."""
        for length, chain in zip(outcome.row.exchanges, outcome.chains, strict=True):
            if any(take.draft.id == each.take.draft.id for take in chain.takes):
                return length
        raise AssertionError("a decision over a draft of another row")

    def count_scores(self, decided: Sequence[Decided]) -> None:
        """How often each dimension of the ranking got each score."""
        for each in decided:
            ranking = each.take.ranking
            for name, evidence in ((ranking and ranking.scores) or {}).items():
                self.scores.setdefault(name, Counter())[evidence.score] += 1

    def content(self) -> dict[str, Any]:
        """The report as JSON."""
        counts = {"asked": self.asked, "written": self.written, "failed": self.failed}
        return {
            "counts": {
                kind: {name: count[kind] for name, count in counts.items()} for kind in KINDS
            },
            "synthetic": self.synthetic,
            "reviews": tally(self.statuses),
            "reasons": {status: tally(count) for status, count in self.reasons.items()},
            "scores": {name: tally(self.scores[name]) for name in sorted(self.scores)},
            "coverage": self.coverage.content(),
            "exchanges": {stage: tally(count) for stage, count in self.exchanges.items()},
            "themes": {
                theme: columns(self.themes[theme], "asked", "drafted", "synthetic")
                for theme in sorted(self.themes)
            },
            "axes": {
                axis: {
                    value: columns(values[value], "asked", "written", "shown")
                    for value in sorted(values)
                }
                for axis, values in self.axes.items()
            },
            "split": self.split.content(self.crossed),
            "held_out": self.likeness.content(),
        }


class Likeness:
    """What was replaced or removed for its likeness to an evaluation scenario; proof of the rest.

    `most_shared` and `disjoint` are measured anew on everything that goes on to training: the
    conversations, and their scenarios with their personas. What embeddings have told is counted
    apart; a scenario that was replaced for the one and for the other counts in both.

    Args:
        held_out: the evaluation scenarios.
        embeddings: what there is to say of the comparison by embeddings, beside the counts; None
            without an embedder.
    """

    def __init__(self, held_out: HeldOut, embeddings: Mapping[str, Any] | None = None) -> None:
        self.held_out, self.embeddings = held_out, embeddings
        self.replaced: Counter[str] = Counter()
        self.scenarios_removed = self.drafts_removed = self.most_shared = 0
        self.retold_replaced = self.retold_removed = 0
        self.disjoint = True

    def add(self, outcome: Outcome, decided: Iterable[Decided]) -> None:
        """Look at one row."""
        self.replaced["persona"] += bool(outcome.replaced)
        for chain in outcome.chains:
            self.scenarios_removed += chain.removed is not None and chain.cosine is None
            self.retold_removed += chain.cosine is not None
            self.replaced["scenario"] += bool(chain.replaced)
            self.retold_replaced += bool(chain.retold)
            self.replaced["draft"] += sum(
                bool(take.replaced) and not near_of(take) for take in chain.takes
            )
        for each in decided:
            self.drafts_removed += near_of(each.take) is not None
            if each.taken is not None:
                for parts in (told(each.taken), said(each.taken)):
                    shared = self.held_out.shared(parts)
                    self.most_shared = max(self.most_shared, *shared.values(), 0)
                    self.disjoint = self.disjoint and not self.held_out.nearest(shared)

    def content(self) -> dict[str, Any]:
        """The proof as JSON."""
        return {
            "scenarios": len(self.held_out.ids),
            "limit_shared_8grams": HELD_OUT_SHARED,
            **{
                f"{kind}s_replaced": self.replaced[kind]
                for kind in ("persona", "scenario", "draft")
            },
            "scenarios_removed": self.scenarios_removed,
            "drafts_removed": self.drafts_removed,
            "most_shared": self.most_shared,
            "disjoint": self.disjoint,
            **self.by_embeddings(),
        }

    def by_embeddings(self) -> dict[str, Any]:
        """What embeddings have told, or why they have not; nothing without an embedder."""
        if self.embeddings is None:
            return {}
        told = dict(self.embeddings)
        if told["measured"]:
            told |= {
                "scenarios_replaced": self.retold_replaced,
                "scenarios_removed": self.retold_removed,
            }
        return {"embeddings": told}


def tally(found: Mapping[Any, int]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return {str(value): found[value] for value in sorted(found)}


def columns(count: Mapping[str, int], *names: str) -> dict[str, int]:
    """Some counts in this order, those that are nought too."""
    return {name: count[name] for name in names}


def told(session: Session) -> list[Any]:
    """What a session is about."""
    return [session.scenario, session.persona]


def said(session: Session) -> list[str]:
    """The words of a session, turn by turn."""
    return [message.content for message in session.messages]
