"""The synthetic sessions beside the real ones: lengths, words, likeness, spread and topics.

Reads `generation/synthetic.jsonl` and, where there is one, `corpus/real.jsonl`; what it finds goes
into `generation/report.json` as `against_real`. docs/generation-report.md explains every number.
"""

from typing import Any

import numpy as np

from generation.measures import bins, distances, distinct, histogram, summary, token_count
from generation.sample import MEASURES, SAMPLE, Side, read_side
from generation.sentences import Sentences
from generation.topics import topics
from generation.vectors import (
    Array,
    Vectors,
    by_sentences,
    cosines_of,
    from_centre,
    nearest,
    vectors,
    vendi,
)
from hybridtune.runs import Run
from hybridtune.seeds import derive

BY_WORDS = "TF-IDF; for topics, truncated SVD of it (LSA)"
BY_SENTENCES = "sentence embeddings; for topics, truncated SVD of them less their mean"
MOST_TOKENS = 200_000
MOST_SPREAD, RESAMPLES = 300, 100
NORMAL = 1.96
"""Standard errors that a 95 % interval reaches to each side."""


def compare(run: Run, sentences: Sentences | None = None) -> dict[str, Any]:
    """All that the report says of the two sides; the same files and seed give the same content.

    Likeness, spread and topics are by a model's vectors where there are some, else by words.
    """
    seed = run.experiment.seed
    sides = {
        "synthetic": read_side(run.generation / "synthetic.jsonl", "synthetic", seed),
        "real": read_side(run.corpus / "real.jsonl", "real", seed),
    }
    return {
        "sessions": {name: side.sessions for name, side in sides.items()},
        "sample": {"at_most": SAMPLE, **{name: len(side.sample) for name, side in sides.items()}},
        "lengths": {measure: lengths(sides, measure) for measure in MEASURES},
        "distinct": distinct_n(sides),
        **by_vectors(sides, derive(seed, "generation", "report", "vectors"), sentences),
    }


def lengths(sides: dict[str, Side], measure: str) -> dict[str, Any]:
    """One measure of length over all sessions of both sides."""
    found = {name: side.lengths[measure] for name, side in sides.items()}
    edges = bins(found.values())
    return {
        **{name: summary(each) for name, each in found.items()},
        "bins": edges,
        "histogram": {name: histogram(each, edges) if each else [] for name, each in found.items()},
        "distance": distances(found["synthetic"], found["real"]),
    }


def distinct_n(sides: dict[str, Side]) -> dict[str, Any]:
    """Distinct-n of both sides over as many words of each."""
    words = {name: token_count(side.sample) for name, side in sides.items()}
    tokens = min([MOST_TOKENS, *(count for count in words.values() if count)])
    return {
        "tokens": {name: min(tokens, count) for name, count in words.items()},
        **{
            name: {str(n): distinct(side.sample, n, tokens) for n in (1, 2, 3)}
            if words[name]
            else None
            for name, side in sides.items()
        },
    }


def by_vectors(sides: dict[str, Side], seed: int, sentences: Sentences | None) -> dict[str, Any]:
    """Likeness, spread and topics of the samples, in one space for both sides."""
    synthetic, real = sides["synthetic"].sample, sides["real"].sample
    found = vectors([synthetic, real], seed) if len(synthetic) + len(real) > 2 else None
    if found is None:
        return {"embedding": None, "likeness": None, "spread": None, "map": None}
    if sentences is not None:
        found = by_sentences(found, sentences.rows, seed)
    placed = found.placed
    is_real = np.arange(len(placed)) >= len(synthetic)
    groups = {
        "synthetic": np.flatnonzero(placed & ~is_real),
        "real": np.flatnonzero(placed & is_real),
    }
    return {
        "embedding": {
            "kind": BY_SENTENCES if sentences else BY_WORDS,
            "model": sentences.model if sentences else None,
            "fitted_on": len(found.fitted),
            "terms": len(found.terms),
            "dimensions": found.places.shape[1],
            "without_vector": int((~placed).sum()),
        },
        "likeness": likeness(found, groups),
        "spread": spread(found, groups, seed),
        "map": topics(found, is_real, seed),
    }


def even(groups: dict[str, Any], most: int = SAMPLE) -> dict[str, Any]:
    """As many of each side as the smaller one has; a side without any stays out of it."""
    most = min([most, *(len(group) for group in groups.values() if len(group))])
    return {name: group[:most] for name, group in groups.items()}


def likeness(found: Vectors, groups: dict[str, Any]) -> dict[str, Any]:
    """Cosines of nearest neighbours, at equal sizes: more sessions have nearer ones."""
    rows = {name: found.compared[group] for name, group in even(groups).items()}
    entry: dict[str, Any] = {"within_all_synthetic": None}
    if len(groups["synthetic"]) > 1:
        entry["within_all_synthetic"] = cosines(nearest(found.compared[groups["synthetic"]]))
    for name, each in rows.items():
        entry[f"within_{name}"] = cosines(nearest(each)) if each.shape[0] > 1 else None
    both = all(each.shape[0] for each in rows.values())
    entry["synthetic_to_real"] = cosines(nearest(rows["synthetic"], rows["real"])) if both else None
    return entry


def cosines(values: Array) -> dict[str, Any]:
    """Mean, 95th percentile and a histogram in steps of 0.05."""
    counts, _ = np.histogram(np.clip(values, 0, 1), bins=20, range=(0, 1))
    return {
        "n": len(values),
        "mean": round(float(values.mean()), 4),
        "q95": round(float(np.quantile(values, 0.95)), 4),
        "histogram": counts.tolist(),
    }


def spread(found: Vectors, groups: dict[str, Any], seed: int) -> dict[str, Any]:
    """How widely each side is spread, at equal sizes, with 95 % intervals.

    These are normal intervals by the bootstrap's standard error (Efron and Tibshirani 1993, chapter
    13): a resample repeats sessions, so that its own spread is smaller, and percentiles of it would
    miss the value.
    """
    entry: dict[str, Any] = {"resamples": RESAMPLES}
    for number, (name, group) in enumerate(even(groups, MOST_SPREAD).items()):
        n = len(group)
        if n < 2:
            entry[name] = None
            continue
        rows = found.compared[group]
        all_cosines = cosines_of(rows, rows)
        drawn = np.random.default_rng([seed, number])
        counts = drawn.multinomial(n, np.full(n, 1 / n), RESAMPLES)
        entry[name] = {"n": n}
        for measure, function in (("vendi", vendi), ("from_centre", from_centre)):
            value = function(all_cosines)
            again = [function(all_cosines, times.astype(np.float64)) for times in counts]
            reach = NORMAL * float(np.std(again, ddof=1))
            limits = {"value": value, "low": value - reach, "high": value + reach}
            entry[name][measure] = {key: round(limit, 4) for key, limit in limits.items()}
    return entry
