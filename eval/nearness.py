"""How near training data come to the evaluation scenarios by embeddings, beside shared words.

Cosines of different models cannot be compared, so each number stands beside what it would be where
nothing has leaked, and where all has. Reads and writes no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.statistics.arrays import Array

QUANTILES = {"lowest": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "highest": 1.0}
MOST_AMONG = 2000
AT_ONCE = 512


@dataclass(frozen=True)
class Named:
    """Vectors of length 1 by the ids of the records that their texts are from."""

    ids: Sequence[str]
    rows: Array


@dataclass(frozen=True)
class Sessions:
    """The training sessions of a variant, each once.

    Attributes:
        told: the scenarios that they were written from, of those that were.
        said: the clients' words.
    """

    count: int
    told: Named
    said: Named


@dataclass(frozen=True)
class Played:
    """The clients' words in the simulated conversations, and whose scenario each played."""

    rows: Array
    scenarios: Sequence[str]


def nearness(
    scenarios: Named,
    played: Played,
    variants: Mapping[str, Sessions],
    threshold: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Per variant and evaluation scenario the highest cosine with a training session.

    `told` compares scenarios with scenarios, `said` scenarios with the clients' words. What these
    numbers mean is seen in `references`: how near scenarios come to each other, and how near the
    clients' words in a conversation come to the scenario that it plays (as a session that leaked
    would) and, at most, to any other (as one that did not leak).

    Args:
        scenarios: the evaluation scenarios.
        played: the conversations on them.
        variants: what each was trained on.
        threshold: cosine from which two texts count as near-duplicates.
        rng: draws sessions where they are too many to be compared with each other.
    """
    return {
        "threshold": threshold,
        "scenarios": len(scenarios.ids),
        "references": references(scenarios, played),
        "variants": {
            name: {
                "sessions": sessions.count,
                "told": closest(scenarios, sessions.told, threshold),
                "said": closest(scenarios, sessions.said, threshold),
                "among_themselves": {
                    "told": among(sessions.told, rng),
                    "said": among(sessions.said, rng),
                },
            }
            for name, sessions in variants.items()
        },
    }


def references(scenarios: Named, played: Played) -> dict[str, Any]:
    """What a cosine is where the two texts are different cases, and where they are the same."""
    number = {name: place for place, name in enumerate(scenarios.ids)}
    own = np.array([number[name] for name in played.scenarios], dtype=np.int64)
    entry: dict[str, Any] = {
        "scenarios_among_themselves": quantiles(to_another(scenarios.rows)),
        "conversations_to_own_scenario": None,
        "conversations_to_another_scenario": None,
    }
    if len(own):
        cosines = played.rows @ scenarios.rows.T
        rows = np.arange(len(own))
        entry["conversations_to_own_scenario"] = quantiles(cosines[rows, own])
        if len(scenarios.ids) > 1:
            cosines[rows, own] = -1.0
            entry["conversations_to_another_scenario"] = quantiles(cosines.max(axis=1))
    return entry


def closest(scenarios: Named, sessions: Named, threshold: float) -> dict[str, Any] | None:
    """The highest cosine of every scenario, how many reach the threshold, and the nearest pairs."""
    if not len(sessions.ids) or not len(scenarios.ids):
        return None
    cosines = np.full(len(scenarios.ids), -1.0)
    places = np.zeros(len(scenarios.ids), dtype=np.int64)
    for start in range(0, len(sessions.ids), AT_ONCE):
        part = scenarios.rows @ sessions.rows[start : start + AT_ONCE].T
        best = part.argmax(axis=1)
        value = part[np.arange(len(part)), best]
        nearer = value > cosines
        cosines[nearer], places[nearer] = value[nearer], start + best[nearer]
    cosines = np.round(cosines, 6)
    order = np.argsort(-cosines, kind="stable")
    pairs = [
        {
            "scenario": scenarios.ids[at],
            "session": sessions.ids[places[at]],
            "cosine": round(float(cosines[at]), 4),
        }
        for at in order
    ]
    above = int((cosines >= threshold).sum())
    return {
        "compared": len(sessions.ids),
        "highest_by_scenario": quantiles(cosines),
        "above": above,
        "share_above": round(above / len(cosines), 4),
        "nearest": pairs[0],
        "near_duplicates": pairs[:above],
    }


def among(sessions: Named, rng: np.random.Generator) -> dict[str, Any] | None:
    """How near each session comes to another one; of at most 2,000, drawn from all."""
    rows = sessions.rows
    if len(rows) > MOST_AMONG:
        rows = rows[np.sort(rng.choice(len(rows), MOST_AMONG, replace=False))]
    return quantiles(to_another(rows))


def to_another(rows: Array) -> Array:
    """Each row's highest cosine with another one; nothing of a single row."""
    if len(rows) < 2:
        return np.zeros(0)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1.0)
    highest: Array = cosines.max(axis=1)
    return highest


def reached(found: Mapping[str, Any]) -> dict[str, int]:
    """By variant how many scenarios have a near-duplicate in its training data, if any has."""
    near = {
        name: {
            pair["scenario"]
            for side in (one["told"], one["said"])
            if side
            for pair in side["near_duplicates"]
        }
        for name, one in found["variants"].items()
    }
    return {name: len(scenarios) for name, scenarios in near.items() if scenarios}


def unseen(found: Mapping[str, Any]) -> float | None:
    """The median cosine of clients' words with the scenario that they play, if it is too low.

    Under the threshold, most sessions on a scenario would not count as near to it.
    """
    own = found["references"]["conversations_to_own_scenario"]
    return float(own["median"]) if own and own["median"] < found["threshold"] else None


def note_on_unseen(found: Mapping[str, Any]) -> list[str]:
    """That the threshold hides what it is there to find, and which one would not."""
    median, references = unseen(found), found["references"]
    if median is None:
        return []
    own = references["conversations_to_own_scenario"]
    other = references["conversations_to_another_scenario"]
    advice = ""
    if other and other["highest"] < own["lowest"]:
        advice = (
            f"; roles.embedder.near_duplicate between {other['highest']:.2f} and"
            f" {own['lowest']:.2f} would tell them from talks on other scenarios"
        )
    elif other:
        advice = "; no value would, as some talks on other scenarios come as near by this model"
    return [
        f"Clients who play an evaluation scenario come to {median:.2f} with it by embeddings"
        f" (median), and only {found['threshold']:g} counts as near: training sessions on it would"
        f" mostly not be found by their clients' words{advice}."
    ]


def notes_on(found: Mapping[str, Any]) -> list[str]:
    """What a reader must know of near-duplicates by embeddings; takes the analysis' `nearness`."""
    if not found["measured"]:
        return []
    about = "a stand-in that sees letters, not meaning" if scripted(found) else "embeddings"
    lines = note_on_unseen(found)
    for name in reached(found):
        one = found["variants"][name]
        pair = max(
            (side["nearest"] for side in (one["told"], one["said"]) if side),
            key=lambda pair: float(pair["cosine"]),
        )
        lines.append(
            f"By {about}, training data of {name} come as near to evaluation scenarios as"
            f" near-duplicates (cosine {found['threshold']:g} or more), nearest session"
            f" {pair['session']} to {pair['scenario']} ({pair['cosine']:.2f}): read them, and"
            " remove what tells the same."
        )
    return lines


def scripted(found: Mapping[str, Any]) -> bool:
    """Whether the stand-in has embedded the texts."""
    return bool(found["model"]["kind"] == "scripted")


def quantiles(cosines: Array) -> dict[str, Any] | None:
    """A distribution of cosines in a few numbers; None of nothing."""
    if not len(cosines):
        return None
    found = np.minimum(np.quantile(cosines, list(QUANTILES.values())), 1.0)
    return {
        "n": len(cosines),
        **{name: round(float(value), 4) for name, value in zip(QUANTILES, found, strict=True)},
    }
