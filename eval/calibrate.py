"""Judges and indicators held against people's ratings: `hybridtune judge calibrate`.

Reads files of rated conversations (`eval.ratings`). Writes into a folder of its own:

    calibration.json   every figure; named in `evaluation.judging.calibration`, the report shows it
    calibration.md     the same as tables
    calls.sqlite       every answer of the judges, so that nothing is asked twice
"""

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eval.analysis import jsonable
from eval.calibration import FEWEST, FOLDS, Predictor, agreement
from eval.indicators import counter_of
from eval.judging import reader_of
from eval.probes import described
from eval.ratings import Rated, Ratings
from eval.statistics.arrays import Array, generator
from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.errors import DataError, StageError
from hybridtune.judge import Verdict, judge_messages
from hybridtune.progress import Reporter
from hybridtune.records import write_json
from hybridtune.runs import Run
from hybridtune.scripted.text import words
from hybridtune.seeds import derive
from hybridtune.serving.models import open_models

LENGTH = "length"
INDICATORS = "indicators"
NOT_PREDICTIVE = frozenset({"words"})
"""An indicator that is the baseline itself."""


@dataclass(frozen=True)
class Plan:
    """What is asked of a calibration.

    Attributes:
        roles: the judges, by their roles in the experiment.
        indicators: whether the indicators are held against the ratings, too.
        resamples: bootstrap draws.
        permutations: how often the ratings are shuffled for the null.
        limit: use only so many conversations, drawn by the seed.
    """

    roles: tuple[str, ...]
    indicators: bool
    resamples: int = 500
    permutations: int = 50
    limit: int | None = None


@dataclass
class Read:
    """One judge's verdicts on all items, in their order."""

    name: str
    model: dict[str, str]
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def missing(self) -> dict[str, int]:
        """How many verdicts are missing, by reason."""
        return dict(Counter(one.missing for one in self.verdicts if one.missing))


async def calibrate(
    run: Run,
    domain: Domain,
    ratings: Ratings,
    paths: Sequence[Path],
    plan: Plan,
    reporter: Reporter,
) -> dict[str, Any]:
    """Let the judges read every rated conversation, compare, and write the figures.

    Raises:
        DataError: too few conversations are rated, or all are of one group.
        StageError: more than a tenth of a judge's verdicts are missing.
    """
    items = drawn(ratings.items, plan.limit, run.experiment.seed)
    where = ", ".join(map(str, paths))
    if len(items) < FEWEST:
        raise DataError(
            f"{len(items)} rated conversations, fewer than the {FEWEST} that say anything",
            where=where,
        )
    if len({item.group for item in items}) < 2:
        raise DataError(
            "all rated conversations are of one group: nothing can be tested on another",
            where=where,
            fix="the column `group` tells what must stay together; without it each is its own",
        )
    reads = [await read_all(run, domain, role, items, reporter) for role in plan.roles]
    result: dict[str, Any] = jsonable(
        {
            "ratings": {
                "files": [{"name": p.name, "sha256": sha256(p)} for p in paths],
                "format": ratings.format,
                "conversations": len(items),
                "groups": len({item.group for item in items}),
            },
            "settings": {
                "domain": domain.name,
                "rubric": run.experiment.evaluation.rubric,
                "seed": run.experiment.seed,
                "resamples": plan.resamples,
                "permutations": plan.permutations,
            },
            "judges": {one.name: {"model": one.model, "missing": one.missing} for one in reads},
            "measures": {
                measure: compared(measure, items, reads, domain, run.experiment, plan, reporter)
                for measure in ratings.measures
            },
        }
    )
    write_json(run.path / "calibration.json", result)
    return result


def drawn(items: Sequence[Rated], limit: int | None, seed: int) -> list[Rated]:
    """All items, or so many of them at random, in their order."""
    if limit is None or limit >= len(items):
        return list(items)
    chosen = generator(seed, "calibrate").choice(len(items), size=limit, replace=False)
    return [items[place] for place in sorted(chosen)]


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def read_all(
    run: Run, domain: Domain, role: str, items: Sequence[Rated], reporter: Reporter
) -> Read:
    """One judge's verdicts on all items."""
    experiment = run.experiment
    rubric = domain.rubric(experiment.evaluation.rubric)
    async with open_models(run, domain, [role], stage="calibrate", reporter=reporter) as models:
        reader = reader_of(run, domain, models[role], role)
        with reporter.task(f"verdicts of {reader.name}", total=len(items)) as task:

            async def read(item: Rated) -> Verdict:
                verdict = await judge_messages(
                    reader.model,
                    domain,
                    rubric,
                    reader.mask.messages(item.messages),
                    sampling=experiment.role(role).sampling,
                    seed=derive(experiment.seed, "calibrate", item.id),
                    reasks=experiment.evaluation.reasks,
                )
                task.advance(failed=verdict.scores is None)
                return verdict

            verdicts = list(await asyncio.gather(*map(read, items)))
    missing = [one.missing for one in verdicts if one.missing]
    if len(missing) * 10 > len(items):
        raise StageError(
            f"{len(missing)} of {len(items)} verdicts of {reader.name} are missing, first:"
            f" {missing[0]} (mend the judge; the same command asks only for these again)"
        )
    return Read(reader.name, described(reader), verdicts)


def compared(
    measure: str,
    items: Sequence[Rated],
    reads: Sequence[Read],
    domain: Domain,
    experiment: Experiment,
    plan: Plan,
    reporter: Reporter,
) -> dict[str, Any]:
    """One rated measure against all predictors, on the items that all of them have."""
    rated = np.array([item.ratings.get(measure, np.nan) for item in items], dtype=np.float64)
    columns = {one.name: scores_of(one, measure, len(items)) for one in reads}
    lengths = [[sum(len(words(turn.content)) for turn in replies(item))] for item in items]
    predictors = {LENGTH: Predictor(np.array(lengths, dtype=np.float64))}
    if plan.indicators:
        predictors[INDICATORS] = Predictor(indicator_table(items, domain), fitted=True)
    predictors |= {name: Predictor(column[:, None]) for name, (_, column) in columns.items()}
    table = np.column_stack([rated, *(one.columns for one in predictors.values())])
    kept = np.flatnonzero(~np.isnan(table).any(axis=1))
    levels, counts = np.unique(rated[kept], return_counts=True)
    groups = [items[place].group for place in kept]
    if kept.size < FEWEST or levels.size < 2 or len(set(groups)) < 2:
        why = "too few ratings, or all of them are equal or of one group"
        return {"n": int(kept.size), "withheld": why}
    with reporter.task(f"agreement with people on {measure}"):
        told = agreement(
            {name: Predictor(one.columns[kept], one.fitted) for name, one in predictors.items()},
            rated[kept],
            groups,
            generator(experiment.seed, "calibrate", measure),
            resamples=plan.resamples,
            permutations=plan.permutations,
            alpha=experiment.evaluation.alpha,
        )
    for name, (by, _) in columns.items():
        told[name]["by"] = by
    for name, one in told.items():
        one["findings"] = [] if name == LENGTH else findings(name, one)
    return {
        "n": int(kept.size),
        "left_out": int(np.sum(~np.isnan(rated))) - int(kept.size),
        "levels": {f"{level:g}": int(n) for level, n in zip(levels, counts, strict=True)},
        "predictors": told,
        "findings": few_groups(len(set(groups))),
    }


def few_groups(count: int) -> list[str]:
    """What too few groups do to all figures alike."""
    if count >= FOLDS:
        return []
    return [f"There are {count} groups of conversations only: intervals and fits are rough."]


def replies(item: Rated) -> list[Any]:
    """The counselor's turns."""
    return [turn for turn in item.messages if turn.role == "assistant"]


def indicator_table(items: Sequence[Rated], domain: Domain) -> Array:
    """The indicators of every item, but the number of words, which is the baseline."""
    counter = counter_of(domain)
    names = [name for name in counter.names if name not in NOT_PREDICTIVE]
    rows = [counter.of(item.messages) for item in items]
    return np.array([[row[name] for name in names] for row in rows], dtype=np.float64)


def scores_of(read: Read, measure: str, n: int) -> tuple[str, Array]:
    """The judge's scores for a measure, and by which dimension.

    The dimension of that name, or else `empathy`, or else the mean of all.
    """
    scored = next((one.scores for one in read.verdicts if one.scores), {})
    by = next((name for name in (measure, "empathy") if name in scored), "mean of all dimensions")
    column = np.full(n, np.nan)
    for place, verdict in enumerate(read.verdicts):
        if verdict.scores is not None:
            chosen = [verdict.scores[by]] if by in scored else list(verdict.scores.values())
            column[place] = sum(one.score for one in chosen) / len(chosen)
    return by, column


def findings(name: str, told: dict[str, Any]) -> list[str]:
    """What a reader must know of one predictor, in plain sentences."""
    if told["constant"]:
        return [f"{name} gives one value to everything: it cannot tell conversations apart."]
    rho, lead = told["spearman"], told["beyond_length"]
    lines = []
    if not rho["low"] > 0:
        lines.append(f"{name}: no agreement with people is shown (its interval reaches 0).")
    if not math.isnan(lead["value"]) and not lead["low"] > 0:
        lines.append(f'{name} is not shown to rank better than "longer is better".')
    return lines
