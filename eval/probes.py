"""Judges put to the test: what happens to a score when nothing, or everything, has changed.

Reads `eval/conversations.jsonl`; writes `eval/probes.json`. Every probe changes conversations in
one way of which it is known what it must do to a score:

    sympathy   a sentence of sympathy that fits anything        must not raise it
    padding    sentences that say nothing                        must not raise it
    markdown   the same words as a list, with bold               must not raise it
    twice      the same conversation, read once more             must not move it
    parrot     replies that only repeat the patient              must lower it
    other      the replies of another conversation               must lower it
    empty      no replies                                        must lower it
"""

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eval.judge_quality import conversations_digest
from eval.judging import Reader, reader_of
from eval.statistics.arrays import Array
from eval.statistics.describe import t_interval
from eval.twins import (
    Messages,
    Twists,
    answered_by,
    emptied,
    in_markdown,
    padded,
    parroted,
    read_twists,
    with_sympathy,
)
from hybridtune.domain import Domain, Rubric
from hybridtune.errors import DataError, StageError
from hybridtune.judge import Verdict, judge_messages
from hybridtune.progress import Reporter, Task
from hybridtune.records import Session, read_jsonl, write_json
from hybridtune.runs import Run
from hybridtune.seeds import derive
from hybridtune.serving.models import open_models

Rule = Literal["no rise", "same", "falls"]
RULES: dict[str, Rule] = {
    "sympathy": "no rise", "padding": "no rise", "markdown": "no rise", "twice": "same",
    "parrot": "falls", "other": "falls", "empty": "falls",
}  # fmt: skip
STEADY = 1 / 18
"""Of the scale's width: a shift within it counts as none; half a point from 1 to 10."""
CLEAR = 1 / 9
"""Of the scale's width: what must be lowered must fall by so much; one point from 1 to 10."""


@dataclass(frozen=True)
class Case:
    """One conversation and its twins by probe."""

    session: Session
    twins: dict[str, Messages]


async def probe_run(run: Run, domain: Domain, count: int, reporter: Reporter) -> dict[str, Any]:
    """Probe every judge of the experiment on so many of the run's conversations.

    Raises:
        DataError: the run has too few conversations.
        StageError: a judge gave no usable verdict on them.
    """
    cases = cases_of(run, domain, count)
    rubric = domain.rubric(run.experiment.evaluation.rubric)
    judges: dict[str, Any] = {}
    for role in run.experiment.judges():
        async with open_models(run, domain, [role], stage="eval", reporter=reporter) as models:
            reader = reader_of(run, domain, models[role], role)
            with reporter.task(f"probes of {reader.name}", total=len(cases) * 8) as task:
                probed = await probe(run, domain, reader, rubric, cases, task)
        judges[reader.name] = {"model": described(reader), "probes": probed}
    result = {
        "rubric": rubric.name,
        "conversations": len(cases),
        "sha256": conversations_digest(run),
        "judges": judges,
    }
    write_json(run.eval / "probes.json", result)
    return result


def described(reader: Reader) -> dict[str, str]:
    """Kind and name of a judge's model."""
    told = reader.model.description
    return {"kind": str(told["kind"]), "name": str(told["name"])}


def cases_of(run: Run, domain: Domain, count: int) -> list[Case]:
    """Conversations drawn by the run's seed, and for each the replies of another scenario.

    Raises:
        DataError: there are not two scenarios with a conversation.
    """
    twists = read_twists(domain)
    sessions = sessions_of(run)
    drawn = spread_draw(sessions, count, derive(run.experiment.seed, "probes"))
    return [Case(one, twins_of(one, stranger(one, sessions), twists)) for one in drawn]


def sessions_of(run: Run) -> list[Session]:
    """The conversations with words of the counselor.

    Raises:
        DataError: they are on fewer than two scenarios.
    """
    path = run.eval / "conversations.jsonl"
    sessions = [
        one
        for one in read_jsonl(path, Session)
        if any(turn.strip() for turn in one.turns("assistant"))
    ]
    if len({one.provenance["scenario"] for one in sessions}) < 2:
        raise DataError("needs conversations on two scenarios or more", where=str(path))
    return sessions


def spread_draw(sessions: Sequence[Session], count: int, seed: int) -> list[Session]:
    """So many conversations at random, from all variants in turn."""
    shuffled = random.Random(seed).sample(list(sessions), len(sessions))
    seen: dict[str, int] = {}
    ranked = []
    for session in shuffled:
        variant = session.provenance["variant"]
        seen[variant] = seen.get(variant, 0) + 1
        ranked.append((seen[variant], session))
    return [session for _, session in sorted(ranked, key=lambda pair: pair[0])[:count]]


def stranger(session: Session, sessions: Sequence[Session]) -> Session:
    """The same variant's conversation on the next other scenario, or somebody's."""
    told = session.provenance
    place = sessions.index(session)
    others = [
        one
        for one in [*sessions[place:], *sessions[:place]]
        if one.provenance["scenario"] != told["scenario"]
    ]
    return next((one for one in others if one.provenance["variant"] == told["variant"]), others[0])


def twins_of(session: Session, other: Session, twists: Twists) -> dict[str, Messages]:
    """The conversation after each probe."""
    messages = session.messages
    return {
        "sympathy": with_sympathy(messages, twists),
        "padding": padded(messages, twists),
        "markdown": in_markdown(messages),
        "twice": messages,
        "parrot": parroted(messages),
        "other": answered_by(messages, other.messages),
        "empty": emptied(messages),
    }


async def probe(
    run: Run, domain: Domain, reader: Reader, rubric: Rubric, cases: Sequence[Case], task: Task
) -> dict[str, Any]:
    """All probes of one judge: how far the mean score over all dimensions moved."""

    async def read(case: Case, name: str) -> float:
        messages = case.session.messages if name == "as it is" else case.twins[name]
        sample = int(name == "twice")
        verdict = await reading(run, domain, reader, rubric, case.session, messages, sample)
        task.advance(failed=verdict.scores is None)
        return mean_score(verdict)

    names = ["as it is", *RULES]
    rows = await asyncio.gather(
        *(asyncio.gather(*(read(case, name) for name in names)) for case in cases)
    )
    table = dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True))
    before = table.pop("as it is")
    if np.isnan(before).all():
        raise StageError(f"{reader.name}: no usable verdict on any of {len(cases)} conversations")
    return {
        name: outcome(before, after, RULES[name], rubric, run.experiment.evaluation.alpha)
        for name, after in table.items()
    }


async def reading(
    run: Run,
    domain: Domain,
    reader: Reader,
    rubric: Rubric,
    session: Session,
    messages: Messages,
    sample: int,
) -> Verdict:
    """One verdict on a conversation or a twin of it, drawn as the evaluation draws its own."""
    experiment = run.experiment
    return await judge_messages(
        reader.model,
        domain,
        rubric,
        reader.mask.messages(messages),
        sampling=experiment.role(reader.role).sampling,
        seed=derive(experiment.seed, "judge", session.provenance["scenario"], sample),
        sample=sample,
        reasks=experiment.evaluation.reasks,
    )


def mean_score(verdict: Verdict) -> float:
    """The mean over all dimensions; `nan` where there is no verdict."""
    if verdict.scores is None:
        return math.nan
    return sum(one.score for one in verdict.scores.values()) / len(verdict.scores)


def outcome(
    before: Array, after: Array, rule: Rule, rubric: Rubric, alpha: float
) -> dict[str, Any]:
    """One probe's mean shift with its interval, and whether the judge passed.

    What has no room to fall is left out where a score must fall. `passed` and `failed` need the
    whole interval on their side; else the probe is `unclear` at this number of conversations.
    """
    width = rubric.high - rubric.low
    usable = ~(np.isnan(before) | np.isnan(after))
    if rule == "falls":
        usable &= np.isnan(before) | (before > rubric.low + CLEAR * width)
    shifts = (after - before)[usable]
    low, high = t_interval(shifts, alpha)
    return {
        "rule": rule,
        "n": int(shifts.size),
        "missing": int(np.sum(np.isnan(before) | np.isnan(after))),
        "shift": round(float(shifts.mean()), 6) if shifts.size else None,
        "low": None if math.isnan(low) else round(low, 6),
        "high": None if math.isnan(high) else round(high, 6),
        "outcome": decided(low, high, rule, width),
    }


def decided(low: float, high: float, rule: Rule, width: int) -> str:
    """`passed`, `failed` or `unclear`; comparisons with `nan` are never true."""
    steady, clear = STEADY * width, CLEAR * width
    if rule == "falls":
        passed, failed = high <= -clear, low > -clear
    elif rule == "no rise":
        passed, failed = high <= steady, low > steady
    else:
        passed, failed = -steady <= low and high <= steady, low > steady or high < -steady
    return "passed" if passed else "failed" if failed else "unclear"
