"""Variants compared in pairs: who did better in the same scenario, asked in both orders.

Reads `eval/conversations.jsonl`; writes `eval/comparisons.jsonl`. A win counts only where both
orders agree. The numbers of it go into `eval/analysis.json`.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field
from scipy import stats

from eval.cells import failure_of
from eval.judging import Reader, reader_of
from eval.statistics.arrays import generator
from eval.statistics.wins import strengths, wilson, win_rate
from hybridtune.chat.model import ChatModel
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.judge import Winner, compare_messages
from hybridtune.progress import Reporter
from hybridtune.records import Record, Session, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.seeds import derive

POINTS = {"first": 1.0, "tie": 0.5, "second": 0.0}
BOOTSTRAP = 500
"""Resamples of the Bradley-Terry limits; each solves the model anew."""


class Pair(Record):
    """Two variants' conversations on one scenario, compared by one judge in both orders."""

    id: str
    scenario: str
    first: str
    """The variant that `winner: first` means."""
    second: str
    repeat: int
    rubric: str
    judge: str
    winner: Winner | None = None
    """`None` where an answer is missing."""
    agreed: bool = False
    """Whether both orders gave the same winner."""
    said: tuple[Winner, ...] = ()
    """Both answers as given: `first` is what stood first in that order."""
    missing: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)


async def compare_all(
    run: Run,
    domain: Domain,
    judge: ChatModel,
    reporter: Reporter,
    role: str = "judge",
    earlier: Sequence[Pair] = (),
) -> list[Pair]:
    """Let one judge compare all pairs of variants in every scenario and repeat.

    Returns:
        All comparisons that the file holds now; those in `earlier` stay in it.

    Raises:
        StageError: more than a tenth of the comparisons are missing.
    """
    reader = reader_of(run, domain, judge, role)
    meetings = meetings_of(read_jsonl(run.eval / "conversations.jsonl", Session), run)
    with reporter.task(f"comparisons by {reader.name}", total=len(meetings)) as task:

        async def compare(one: Session, other: Session) -> Pair:
            pair = await compare_one(run, domain, reader, one, other)
            task.advance(failed=pair.winner is None)
            return pair

        pairs = await asyncio.gather(*(compare(*meeting) for meeting in meetings))
    missing = [pair.missing for pair in pairs if pair.missing]
    if len(missing) * 10 > len(pairs):
        raise StageError(
            f"{len(missing)} of {len(pairs)} comparisons are missing, first: {missing[0]} "
            "(mend the judge; the same command asks only for these again)"
        )
    everything = [*earlier, *pairs]
    write_jsonl(run.eval / "comparisons.jsonl", everything)
    return everything


def meetings_of(sessions: Sequence[Session], run: Run) -> list[tuple[Session, Session]]:
    """The conversations that meet: same scenario, same repeat, two variants, both with words."""
    cells = {
        (told["scenario"], told["repeat"], told["variant"]): session
        for session in sessions
        if failure_of(session) is None
        and (told := session.provenance)
        and any(turn.strip() for turn in session.turns("assistant"))
    }
    places = list(dict.fromkeys((scenario, repeat) for scenario, repeat, _ in cells))
    return [
        (cells[*place, first], cells[*place, second])
        for first, second in itertools.combinations(run.experiment.variants, 2)
        for place in places
        if (*place, first) in cells and (*place, second) in cells
    ]


async def compare_one(
    run: Run, domain: Domain, reader: Reader, one: Session, other: Session
) -> Pair:
    """One pair of conversations in both orders."""
    experiment, told = run.experiment, one.provenance
    rubric = domain.rubric(experiment.evaluation.rubric)
    compared = await compare_messages(
        reader.model,
        domain,
        rubric,
        reader.mask.messages(one.messages),
        reader.mask.messages(other.messages),
        sampling=experiment.role(reader.role).sampling,
        seed=derive(experiment.seed, "compare", told["scenario"], told["repeat"]),
        reasks=experiment.evaluation.reasks,
    )
    return Pair(
        id=f"{one.id}--{other.id}--{rubric.name}--{reader.role}",
        scenario=told["scenario"],
        first=told["variant"],
        second=other.provenance["variant"],
        repeat=told["repeat"],
        rubric=rubric.name,
        judge=reader.name,
        winner=compared.winner,
        agreed=compared.agreed,
        said=compared.said,
        missing=compared.missing,
        provenance={"judge": reader.model.description, "call_ids": list(compared.call_ids)},
    )


def analyse_pairs(run: Run) -> dict[str, Any] | None:
    """The comparisons in numbers, or None where no pairs were compared.

    `pairs`: [{a, b, n, wins, ties, losses, rate, low, high, missing}], n in scenarios, wins of a;
    `strengths`: {variant: {value, low, high}} of Bradley and Terry, for more than two variants;
    `order`: how the judges' answers depend on the order (`position`).
    """
    path = run.eval / "comparisons.jsonl"
    if not run.experiment.evaluation.judging.pairwise or not path.is_file():
        return None
    pairs = read_jsonl(path, Pair)
    settings, names = run.experiment.evaluation, list(run.experiment.variants)
    points: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for pair in pairs:
        if pair.winner is not None:
            points[pair.scenario, pair.first, pair.second].append(POINTS[pair.winner])
    means = {key: float(np.mean(values)) for key, values in points.items()}
    by_scenario: defaultdict[str, dict[tuple[int, int], float]] = defaultdict(dict)
    for (scenario, first, second), mean in means.items():
        by_scenario[scenario][names.index(first), names.index(second)] = mean
    stream = generator(run.experiment.seed, "bradley-terry")
    solved = strengths(
        list(by_scenario.values()),
        len(names),
        stream,
        alpha=settings.alpha,
        resamples=min(settings.resamples, BOOTSTRAP),
    )
    return {
        "judges": sorted({pair.judge for pair in pairs}),
        "pairs": [
            {
                "a": a, "b": b,
                **win_rate([m for (_, *who), m in means.items() if who == [a, b]], settings.alpha)
                ._asdict(),
                "missing": sum(p.winner is None and (p.first, p.second) == (a, b) for p in pairs),
            }
            for a, b in itertools.combinations(names, 2)
        ],
        "strengths": {
            name: {"value": value, "low": limits.low, "high": limits.high}
            for name, (value, limits) in zip(names, solved, strict=True)
        }
        if len(names) > 2
        else {},
        "order": position(pairs, settings.alpha),
    }  # fmt: skip


def position(pairs: Sequence[Pair], alpha: float = 0.05) -> dict[str, Any]:
    """How often the orders contradict each other, and which place wins where they do.

    `first` and `second` count the pairs in which the same place won both times, which says nothing
    of the conversations; p is the exact binomial test that neither place is preferred.
    """
    said = Counter(pair.said for pair in pairs if pair.winner is not None)
    n = said.total()
    first, second = said["first", "first"], said["second", "second"]
    agreed = said["first", "second"] + said["second", "first"] + said["tie", "tie"]
    limits = wilson(n - agreed, n, alpha)
    p = float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0
    return {
        "n": n,
        "flips": n - agreed,
        "flip_rate": (n - agreed) / n if n else float("nan"),
        "low": limits.low,
        "high": limits.high,
        "first": first,
        "second": second,
        "p": p,
    }
