"""What the statistics promise, by simulation: coverage, error rates and power of the shipped code.

    python -m benchmarks.statistics [--studies 2000] [--workers 2]

Writes `benchmarks/results/statistics.json`. A study is 50 scenarios (in one line 7) and three
variants scored on two dimensions: integers from 1 to 10 that share a scenario's difficulty, spread
unequally by variant, and pile up at the top of the scale. Every study goes through
`eval.differences`, as an evaluation does. Each rate stands beside its Monte Carlo standard error.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from eval.differences import decide, difference
from eval.statistics.arrays import Array, generator
from eval.statistics.ceiling import mean_behind
from eval.statistics.describe import t_interval
from eval.statistics.effects import mean_difference
from eval.statistics.judges import crossed
from eval.statistics.resampling import bca_interval
from hybridtune.config.evaluation import EvaluationSettings

LOW, HIGH, SCENARIOS = 1, 10, 50
DIFFICULTY = 0.5
"""SD of what a scenario does to all variants alike."""
SETTINGS = EvaluationSettings(resamples=1000)


@dataclass(frozen=True)
class World:
    """Variants by their true mean score and their spread before rounding and cutting."""

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    dimensions: int = 1
    catastrophic: float = 0.0
    """Share of the first variant's conversations that go wrong and score 1 to 3."""


UNEQUAL = (0.8, 1.3, 1.0)
COMPLETE_NULL = World((8.5, 8.5, 8.5), UNEQUAL, dimensions=2)
PARTIAL_NULL = World((8.5, 7.3, 8.5), UNEQUAL, dimensions=2)
SHIFTED = World((8.9, 8.5), (0.83, 0.83))
"""A difference of 0.4 where paired differences have an SD near 1.15."""


@cache
def behind(mean: float, spread: float) -> float:
    """The normal mean that gives scores this mean once they are rounded and cut off."""
    return mean_behind(mean, math.hypot(spread, DIFFICULTY), LOW, HIGH)


def draw(world: World, stream: np.random.Generator, n: int = SCENARIOS) -> Array:
    """Scores [dimension, variant, scenario]; dimensions of one conversation correlate at a half."""
    centre = np.array([behind(m, s) for m, s in zip(world.means, world.spreads, strict=True)])
    spreads = np.array(world.spreads)[:, None]
    difficulty = stream.normal(0, DIFFICULTY, n)
    shared = stream.normal(0, math.sqrt(0.5), (len(spreads), n))
    own = stream.normal(0, math.sqrt(0.5), (world.dimensions, len(spreads), n))
    scores = np.clip(np.round(centre[:, None] + difficulty + spreads * (shared + own)), LOW, HIGH)
    if world.catastrophic:
        gone = stream.random(n) < world.catastrophic
        scores[:, 0, gone] = stream.integers(1, 4, int(gone.sum()))
    return np.asarray(scores, dtype=np.float64)


def covered(world: World, number: int, *, bca: bool) -> dict[str, float]:
    """Whether each interval of one study holds the true difference."""
    stream = generator("coverage", world, number)
    (scores,) = draw(world, stream)
    truth = world.means[0] - world.means[1]
    truth += world.catastrophic * (2 - world.means[0])
    found = difference(scores[0], scores[1], SETTINGS, stream)
    limits = {
        "shipped": (found["low"], found["high"]),
        "student": (found["t_low"], found["t_high"]),
    }
    if bca:
        limits["bca"] = bca_interval(
            mean_difference, scores[0], scores[1], stream, resamples=SETTINGS.resamples
        )
    return {name: float(low <= truth <= high) for name, (low, high) in limits.items()}


def family(world: World, number: int, n: int = SCENARIOS) -> dict[str, float]:
    """One study's declared family: whether any true null was rejected, corrected and not."""
    stream = generator("family", world, number)
    scores = draw(world, stream, n)
    entries, null = [], []
    for dimension in scores:
        for a, b in combinations(range(len(world.means)), 2):
            entries.append(difference(dimension[a], dimension[b], SETTINGS, stream))
            null.append(world.means[a] == world.means[b])
    decide(entries, SETTINGS.alpha)
    wrong = [one for one, true in zip(entries, null, strict=True) if true]
    return {
        "holm": float(any(one["verdict"] in ("superior", "inferior") for one in wrong)),
        "uncorrected": float(any(one["p"] <= SETTINGS.alpha for one in wrong)),
        "equivalent_though_apart": float(
            any(o["verdict"] == "equivalent" for o, t in zip(entries, null, strict=True) if not t)
        ),
    }


def found(world: World, number: int) -> dict[str, float]:
    """Whether one study finds its difference: paired tests, and intervals that do not overlap."""
    stream = generator("power", world, number)
    (scores,) = draw(world, stream)
    entry = difference(scores[0], scores[1], SETTINGS, stream)
    above, below = (t_interval(one) for one in scores)
    return {
        "sign_flip": float(entry["p"] <= SETTINGS.alpha),
        "paired_t": float(entry["p_t"] <= SETTINGS.alpha),
        "no_overlap": float(above.low > below.high or below.low > above.high),
        "sd_d": entry["sd"],
    }


def with_judges(sd: float, number: int) -> dict[str, float]:
    """Coverage with three judges who each hold something (SD `sd`) for or against a variant."""
    stream = generator("judges", sd, number)
    truth = 0.4
    own = stream.normal(0, math.sqrt(2) * 0.4, (SCENARIOS, 1))
    rerun = stream.normal(0, math.sqrt(2) * 0.5, (SCENARIOS, 1))
    noise = stream.normal(0, math.sqrt(2) * 0.5, (SCENARIOS, 3))
    table = truth + own + rerun + noise + stream.normal(0, math.sqrt(2) * sd, (1, 3))
    wide, narrow = crossed(table, 0.05, 0.5), t_interval(table.mean(axis=1))
    return {
        "two_way": float(wide.low <= truth <= wide.high),
        "scenarios_only": float(narrow.low <= truth <= narrow.high),
    }


def rates(study: Callable[[int], dict[str, float]], studies: int, workers: int) -> dict[str, Any]:
    """The mean of every outcome over many studies, with its standard error."""
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            outcomes = list(pool.map(study, range(studies), chunksize=50))
    else:
        outcomes = [study(number) for number in range(studies)]
    result: dict[str, Any] = {"studies": studies}
    for name in outcomes[0]:
        values = np.array([one[name] for one in outcomes])
        error = values.std() / math.sqrt(studies)
        result[name] = {"rate": round(float(values.mean()), 4), "se": round(float(error), 4)}
    return result


def simulate(studies: int, workers: int = 1, *, bca: bool = True) -> dict[str, Any]:
    """All simulations."""
    cover = partial(covered, bca=bca)
    equal = World((8.5, 8.5), (1.0, 1.0))
    apart = World((8.64, 7.32), (1.0, 1.3))
    plans: dict[str, Callable[[int], dict[str, float]]] = {
        "coverage_equal_spread": partial(cover, equal),
        "coverage_unequal_ceiling": partial(cover, replace(equal, spreads=(0.8, 1.3))),
        "coverage_paper_gap": partial(cover, apart),
        "coverage_6_percent_catastrophic": partial(cover, replace(equal, catastrophic=0.06)),
        "error_complete_null": partial(family, COMPLETE_NULL),
        "error_partial_null": partial(family, PARTIAL_NULL),
        "error_7_scenarios": partial(family, COMPLETE_NULL, n=7),
        "power_0.4": partial(found, SHIFTED),
        "judges_alike": partial(with_judges, 0.0),
        "judges_apart_0.2": partial(with_judges, 0.2),
    }
    return {name: rates(plan, studies, workers) for name, plan in plans.items()}


def main() -> None:
    """Run all simulations and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    began = time.monotonic()
    results = simulate(arguments.studies, arguments.workers)
    document = {
        "command": f"python -m benchmarks.statistics --studies {arguments.studies}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scenarios": SCENARIOS,
        "resamples": SETTINGS.resamples,
        "seconds": round(time.monotonic() - began),
        "results": results,
    }
    text = json.dumps(document, indent=2)
    path = Path(__file__).parent / "results" / "statistics.json"
    path.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
