"""Where scores come from: theme by theme, and beside the length of replies. Exploratory.

Gives `analysis.json` its parts `themes` and `reply_words`. Reads and writes no files.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from eval.cells import Cells, Material, failure_of, scenario_of, variant_of
from eval.readings import COMBINED
from eval.statistics.describe import summary

FEW = 3
"""A theme with fewer scenarios has its scores shown one by one, and no mean."""


def themes(
    cells: Cells, material: Material, variants: Iterable[str], alpha: float
) -> dict[str, dict[str, dict[str, Any]]]:
    """By theme and variant n, mean, low, high and the combined scores; empty where none is known.

    The theme stands in a scenario's provenance, as the pack or whoever imported it named it.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, scenario in enumerate(material.scenarios):
        if theme := str(scenario.provenance.get("theme") or ""):
            places[theme].append(place)
    columns = {name: cells.values(name, COMBINED) for name in variants}
    return {
        theme: {name: described(column[places[theme]], alpha) for name, column in columns.items()}
        for theme in sorted(places)
    }


def described(column: np.ndarray[Any, np.dtype[np.float64]], alpha: float) -> dict[str, Any]:
    """One theme's scores of one variant; no mean of too few."""
    known = column[~np.isnan(column)]
    enough = known.size >= FEW
    told = summary(known, alpha)
    return {
        "n": int(known.size),
        "mean": told.mean if enough else math.nan,
        "low": told.low if enough else math.nan,
        "high": told.high if enough else math.nan,
        "scores": sorted(known.tolist()),
    }


def reply_words(material: Material, variants: Iterable[str]) -> dict[str, list[float]]:
    """By variant and scenario, in the scenarios' order, the mean words of a counselor turn."""
    lengths: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for one in material.conversations:
        if not failure_of(one):
            cell = lengths[variant_of(one), scenario_of(one)]
            cell += [len(turn.split()) for turn in one.turns("assistant")]
    return {
        name: [
            float(np.mean(lengths[name, scenario.id])) if lengths[name, scenario.id] else math.nan
            for scenario in material.scenarios
        ]
        for name in variants
    }
