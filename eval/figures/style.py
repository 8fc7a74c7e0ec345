"""What the figures of variants share, and how they are saved: equal numbers give equal files.

Their look is `hybridtune.drawing`'s; every variant has a marker of its own besides its colour.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.statistics.arrays import Array, generator
from hybridtune.drawing import COLOURS, NOTHING, WIDTH
from hybridtune.records import atomic_write

MARKERS = ("o", "s", "^", "D", "v", "P")


def save(figure: Figure, path: Path) -> None:
    """Write `path`.svg and `path`.png, without dates or versions."""
    with atomic_write(path.with_suffix(".svg")) as temporary:
        figure.savefig(temporary, format="svg", metadata=NOTHING)
    figure.set_layout_engine("none")  # it is laid out now; again would take as long
    with atomic_write(path.with_suffix(".png")) as temporary:
        figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})


def panels(count: int, height: float = 3.2, *, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side."""
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.subplots(1, count, sharey=share_y, squeeze=False)
    return figure, list(axes[0])


def looks(analysis: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every variant, the same in all figures."""
    return {
        name: (COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, name in enumerate(analysis["variants"])
    }


def column(analysis: dict[str, Any], variant: str, measure: str) -> Array:
    """A variant's scores, one per scenario; missing ones are `nan`."""
    values = analysis["values"][variant][measure]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def jitter(analysis: dict[str, Any], size: int, width: float, *names: str) -> Array:
    """Small random shifts, the same at every drawing."""
    return generator(analysis["design"]["seed"], "jitter", *names).uniform(-width, width, size)


def score_axis(axes: Axes, analysis: dict[str, Any], label: str | None = None) -> None:
    """The whole scale from its lowest to its highest score: differences are not magnified."""
    rubric = analysis["rubric"]
    low, high = rubric["low"], rubric["high"]
    axes.set_ylim(low - 0.03 * (high - low) - 0.2, high + 0.03 * (high - low) + 0.2)
    if high - low <= 12:
        axes.set_yticks(range(low, high + 1))
    if label:
        axes.set_ylabel(f"{label} ({low}-{high})")


def variant_axis(axes: Axes, analysis: dict[str, Any]) -> None:
    """The variants from left to right, by name."""
    names = list(analysis["variants"])
    axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 4 else 0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")


def printable(text: str, longest: int = 38) -> str:
    """A label from a pack or a person: short, and no dollar sign, which would begin a formula."""
    line = " ".join(text.split()).replace("$", "\N{FULLWIDTH DOLLAR SIGN}")
    return line if len(line) <= longest else line[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
