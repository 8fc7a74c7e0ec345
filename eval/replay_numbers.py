"""From replayed turns to numbers by variant, and paired differences between them.

A turn is no unit: turns of one session are alike, so each session gives one number first.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from pydantic import Field

from eval.reference import distinct
from eval.statistics.arrays import generator
from eval.statistics.describe import summary, t_interval
from eval.statistics.holm import holm
from eval.statistics.paired import sign_flip_p
from hybridtune.overlap import words
from hybridtune.records import Record, Session, read_json
from hybridtune.runs import Run

Turn = tuple[str, int]
"""A session and the place of a turn in it."""


class Replay(Record):
    """One counselor turn answered by one variant; `reply` or `missing` is set."""

    id: str
    session: str
    turn: int
    variant: str
    reference: str
    reply: str | None = None
    missing: str | None = None
    call_id: str | None = None
    scores: dict[str, float | None] = Field(default_factory=dict)


def compared(
    run: Run, sessions: list[Session], replies: list[Replay], metrics: list[str]
) -> dict[str, Any]:
    """Numbers by variant and paired differences; the unit is the session, never the turn."""
    experiment = run.experiment
    by_variant: defaultdict[str, list[Replay]] = defaultdict(list)
    for told in replies:
        by_variant[told.variant].append(told)
    means = {
        name: {metric: by_session(by_variant[name], sessions, metric) for metric in metrics}
        for name in experiment.variants
    }
    spoken = [told.reference for told in replies if told.variant == experiment.evaluation.reference]
    return {
        "experiment": experiment.name,
        "sessions": len(sessions),
        "turns": len(replies) // len(experiment.variants),
        "variants": {
            name: described(run, name, by_variant[name], means[name])
            for name in experiment.variants
        },
        "reference": {
            "distinct_1": distinct(spoken, 1),
            "distinct_2": distinct(spoken, 2),
            "words": summary([len(words(text)) for text in spoken])._asdict(),
        },
        "contrasts": contrasts(run, by_variant, sessions, metrics),
        "notes": [
            "Overlap with what one counselor said is likeness, not quality: other replies may be as"
            " good or better.",
            "Differences are paired by session, over the turns that both variants answered; limits"
            " are Student's, p is the sign-flip test's, p_holm corrects for all comparisons here.",
            "Perplexity is of the counselor's words in the held-out sessions, as measured when the"
            " variants were trained.",
        ],
    }  # fmt: skip


def described(
    run: Run, variant: str, replies: list[Replay], means: Mapping[str, list[float | None]]
) -> dict[str, Any]:
    """One variant's numbers."""
    lost = Counter(told.missing for told in replies if told.missing is not None)
    came = [told.reply for told in replies if told.reply is not None]
    alpha = run.experiment.evaluation.alpha
    return {
        "missing": dict(lost),
        "measures": {
            metric: summary([value for value in column if value is not None], alpha)._asdict()
            for metric, column in means.items()
        },
        "distinct_1": distinct(came, 1),
        "distinct_2": distinct(came, 2),
        "perplexity": perplexity(run, variant),
    }


def by_session(replies: list[Replay], sessions: list[Session], metric: str) -> list[float | None]:
    """One number per session: the mean over its turns, or None where there is none."""
    return session_means(by_turn(replies, metric), sessions)


def by_turn(replies: list[Replay], metric: str) -> dict[Turn, float]:
    """The values of the turns that have one."""
    return {
        (told.session, told.turn): value
        for told in replies
        if (value := told.scores.get(metric)) is not None
    }


def session_means(values: Mapping[Turn, float], sessions: list[Session]) -> list[float | None]:
    """The mean over each session's turns, or None where there is none."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for (session, _), value in values.items():
        found[session].append(value)
    return [
        sum(found[one.id]) / len(found[one.id]) if one.id in found else None for one in sessions
    ]


def contrasts(
    run: Run, replies: Mapping[str, list[Replay]], sessions: list[Session], metrics: list[str]
) -> list[dict[str, Any]]:
    """Every pair of variants on every measure, over the turns that both have."""
    settings = run.experiment.evaluation
    entries: list[dict[str, Any]] = []
    for a, b in combinations(run.experiment.variants, 2):
        for metric in metrics:
            one, other = (by_turn(replies[name], metric) for name in (a, b))
            apart = {turn: one[turn] - other[turn] for turn in one if turn in other}
            gaps = [gap for gap in session_means(apart, sessions) if gap is not None]
            low, high = t_interval(gaps, settings.alpha)
            stream = generator(run.experiment.seed, "replay", a, b, metric)
            entries.append(
                {
                    "a": a,
                    "b": b,
                    "measure": metric,
                    "n": len(gaps),
                    "difference": sum(gaps) / len(gaps) if gaps else math.nan,
                    "low": low,
                    "high": high,
                    "p": sign_flip_p(gaps, stream, settings.resamples),
                }
            )
    for entry, p in zip(entries, holm([one["p"] for one in entries]), strict=True):
        entry["p_holm"] = float(p)
    return entries


def perplexity(run: Run, variant: str) -> float | None:
    """Exp of the held-out loss that training measured: after it, or before it for the base."""
    trained = run.experiment.trained_variants()
    moment, name = ("after", variant) if variant in trained else ("before", trained[0])
    path = run.variant(name) / "training.json"
    loss = read_json(path)["held_out_loss"][moment] if path.is_file() else None
    return math.exp(loss) if loss is not None else None
