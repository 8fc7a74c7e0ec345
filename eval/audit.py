"""The judge audited on a run's own conversations: steadiness, place, length, and its own kind.

Reads `eval/conversations.jsonl` and `eval/judgments.jsonl`; writes `eval/audit.json`:

    repeatability    the same conversations read again: ICC(1,1), ICC(2,1), Krippendorff's alpha
    position         pairs in both orders: how often the order decides, and for which place
    verbosity        padded twins: how far the score moves, and which twin is preferred
    self_preference  scores for the own model's words, beside what the other judges give them
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from eval.findings import findings, notes
from eval.judge_quality import conversations_digest
from eval.judging import Reader, judges_named, reader_of
from eval.pairwise import Pair, compare_one, meetings_of, position
from eval.probes import described, mean_score, reading, sessions_of, spread_draw
from eval.statistics.arrays import Array, generator
from eval.statistics.describe import summary
from eval.statistics.reliability import bootstrapped, icc, krippendorff_alpha
from eval.statistics.wins import wilson
from eval.twins import padded, read_twists
from hybridtune.domain import Domain, Rubric
from hybridtune.errors import StageError
from hybridtune.judge import compare_messages
from hybridtune.progress import Reporter
from hybridtune.records import Judgment, Session, read_jsonl, write_json
from hybridtune.runs import Run
from hybridtune.seeds import derive
from hybridtune.serving.models import open_models

RESAMPLES = 1000
STATISTICS = {
    "icc_1_1": lambda table: icc(table)[0],
    "icc_2_1": lambda table: icc(table)[1],
    "alpha": krippendorff_alpha,
}


async def audit_run(
    run: Run, domain: Domain, reporter: Reporter, *, count: int, samples: int
) -> dict[str, Any]:
    """Audit every judge of the experiment on so many conversations, each read so many times.

    Raises:
        DataError: the run has too few conversations, or the pack no `probes.yaml`.
        StageError: a judge gave no usable verdict.
    """
    sessions = sessions_of(run)
    own = self_preference(run)
    drawn = spread_draw(sessions, count, derive(run.experiment.seed, "audit"))
    judges: dict[str, Any] = {}
    for role in run.experiment.judges():
        async with open_models(run, domain, [role], stage="eval", reporter=reporter) as models:
            reader = reader_of(run, domain, models[role], role)
            with reporter.task(f"audit of {reader.name}"):
                judges[reader.name] = await audit(run, domain, reader, drawn, samples, count)
    for name, told in judges.items():
        told["self_preference"] = own.get(name, {"measured": False, "why": "it has not judged"})
        told["findings"], told["notes"] = findings(told), notes(told)
    result = {
        "rubric": run.experiment.evaluation.rubric,
        "conversations": len(drawn),
        "sha256": conversations_digest(run),
        "samples": samples,
        "judges": judges,
    }
    write_json(run.eval / "audit.json", result)
    return result


async def audit(
    run: Run, domain: Domain, reader: Reader, drawn: Sequence[Session], samples: int, most: int
) -> dict[str, Any]:
    """One judge on these conversations."""
    rubric = domain.rubric(run.experiment.evaluation.rubric)
    tables = await readings(run, domain, reader, rubric, drawn, samples)
    if all(np.isnan(table).all() for table in tables.values()):
        raise StageError(f"{reader.name}: no usable verdict on any of {len(drawn)} conversations")
    meetings = meetings_of(read_jsonl(run.eval / "conversations.jsonl", Session), run)
    stream = random.Random(derive(run.experiment.seed, "audit", "pairs"))
    met = stream.sample(meetings, min(most, len(meetings)))
    pairs = await asyncio.gather(
        *(compare_one(run, domain, reader, one, other) for one, other in met)
    )
    return {
        "model": described(reader),
        "temperature": run.experiment.role(reader.role).sampling.temperature,
        "repeatability": repeatability(run, reader, tables),
        "position": order_of(pairs, run),
        "verbosity": await verbosity(run, domain, reader, rubric, drawn),
    }


async def readings(
    run: Run,
    domain: Domain,
    reader: Reader,
    rubric: Rubric,
    drawn: Sequence[Session],
    samples: int,
) -> dict[str, Array]:
    """By dimension a table of scores: a row per conversation, a column per reading."""
    verdicts = await asyncio.gather(
        *(
            reading(run, domain, reader, rubric, one, one.messages, sample)
            for one in drawn
            for sample in range(samples)
        )
    )
    return {
        name: np.array(
            [verdict.scores[name].score if verdict.scores else np.nan for verdict in verdicts],
            dtype=np.float64,
        ).reshape(len(drawn), samples)
        for name in rubric.dimensions
    }


def repeatability(run: Run, reader: Reader, tables: dict[str, Array]) -> dict[str, Any]:
    """By dimension: agreement of the readings with limits, and how many levels are used at all."""
    told: dict[str, Any] = {}
    for name, table in tables.items():
        known = table[~np.isnan(table)]
        told[name] = {
            "n": int((~np.isnan(table)).any(axis=1).sum()),
            "missing": int(np.isnan(table).sum()),
            "levels": len(np.unique(known)),
            "mean": float(known.mean()) if known.size else None,
        }
        for statistic, compute in STATISTICS.items():
            stream = generator(run.experiment.seed, "audit", reader.name, name, statistic)
            told[name][statistic] = plain(
                bootstrapped(compute, table, stream, resamples=RESAMPLES)._asdict()
            )
    return told


def order_of(pairs: Sequence[Pair], run: Run) -> dict[str, Any]:
    """What the order of two conversations does, and how many comparisons are missing."""
    found = position(pairs, run.experiment.evaluation.alpha)
    return plain(found) | {"missing": sum(pair.winner is None for pair in pairs)}


async def verbosity(
    run: Run, domain: Domain, reader: Reader, rubric: Rubric, drawn: Sequence[Session]
) -> dict[str, Any]:
    """Padded twins: the shift of the mean score, and how often the longer twin is preferred."""
    twists, alpha = read_twists(domain), run.experiment.evaluation.alpha
    experiment = run.experiment

    async def twin(session: Session) -> tuple[float, str | None]:
        longer = padded(session.messages, twists)
        before = await reading(run, domain, reader, rubric, session, session.messages, 0)
        after = await reading(run, domain, reader, rubric, session, longer, 0)
        compared = await compare_messages(
            reader.model,
            domain,
            rubric,
            reader.mask.messages(session.messages),
            reader.mask.messages(longer),
            sampling=experiment.role(reader.role).sampling,
            seed=derive(experiment.seed, "padded", session.id),
            reasks=experiment.evaluation.reasks,
        )
        return mean_score(after) - mean_score(before), compared.winner

    twins = await asyncio.gather(*(twin(session) for session in drawn))
    shifts = np.array([shift for shift, _ in twins], dtype=np.float64)
    winners = [winner for _, winner in twins if winner is not None]
    longer, shorter = winners.count("second"), winners.count("first")
    decided = longer + shorter
    limits = wilson(longer, decided, alpha)
    return {
        "shift": plain(summary(shifts[~np.isnan(shifts)], alpha)._asdict()),
        "missing": int(np.isnan(shifts).sum()),
        "longer": longer,
        "tie": winners.count("tie"),
        "shorter": shorter,
        "low": None if not decided else limits.low,
        "high": None if not decided else limits.high,
    }


def self_preference(run: Run) -> dict[str, Any]:
    """For each judge whose own model is a variant: what it gives itself that others do not.

    The own variant's lead over the other variants in the judge's scores, minus the same lead in the
    mean of the judges of other models; one number per scenario, with Student's interval.
    """
    path = run.eval / "judgments.jsonl"
    rubric = run.experiment.evaluation.rubric
    judged = [one for one in read_jsonl(path, Judgment) if one.scores and one.rubric == rubric]
    leads = {name: leads_of(ones, run) for name, ones in judges_named(judged).items()}
    models = {name: model_of(ones) for name, ones in judges_named(judged).items()}
    base = PurePath(run.experiment.model.name).name.casefold()
    told: dict[str, Any] = {}
    for name, own in leads.items():
        others = [leads[other] for other in leads if models[other] != models[name]]
        if models[name] != base:
            told[name] = {"measured": False, "why": "its model is none of the variants"}
        elif not others:
            told[name] = {"measured": False, "why": "there is no judge of another model beside it"}
        else:
            excess = [
                lead - float(np.mean([other[place] for other in others]))
                for place, lead in own.items()
                if all(place in other for other in others)
            ]
            alpha = run.experiment.evaluation.alpha
            told[name] = {"measured": True, **plain(summary(excess, alpha)._asdict())}
    return told


def model_of(judgments: Sequence[Judgment]) -> str:
    """The name of the model behind a judge, without folders."""
    return PurePath(str(judgments[0].provenance.get("judge", {}).get("name"))).name.casefold()


def leads_of(judgments: Sequence[Judgment], run: Run) -> dict[str, float]:
    """By scenario: the mean score of untrained variants minus that of the trained ones."""
    trained = set(run.experiment.trained_variants())
    groups: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)
    for one in judgments:
        assert one.scores is not None
        mean = sum(each.score for each in one.scores.values()) / len(one.scores)
        groups[one.scenario, one.variant in trained].append(mean)
    return {
        scenario: float(np.mean(groups[scenario, False]) - np.mean(groups[scenario, True]))
        for scenario in dict.fromkeys(scenario for scenario, _ in groups)
        if groups.get((scenario, False)) and groups.get((scenario, True))
    }


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers as JSON knows them: what is unknown is null."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in values.items()
    }
