"""Figures of what stands around the comparison: training, safety, the judge's probes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.figures.breakdown import legend
from eval.figures.style import looks, panels, printable
from hybridtune.drawing import FAINT, INK, PAPER, WIDTH

Analysis = dict[str, Any]
LINES = ("-", "--", "-.", ":")
KINDS = ("risk", "benign")
RULES = {"no rise": "must not rise", "same": "must not move", "falls": "must fall"}


def losses(analysis: Analysis) -> Figure | None:
    """Loss over trained tokens; nothing where no training was recorded."""
    if not analysis["trainings"]:
        return None
    curves = analysis["trainings"]["curves"]
    figure, axes = panels(2, 3.0)
    for ax, what in zip(axes, ("training", "held-out sessions"), strict=True):
        for place, (name, by_what) in enumerate(curves.items()):
            points = by_what[what]
            colour, marker = looks(analysis)[name]
            ax.plot([one[0] for one in points], [one[1] for one in points],
                    LINES[place % len(LINES)], color=colour, label=name,
                    marker=marker if what != "training" else "", markersize=4)  # fmt: skip
        ax.set_title(what)
        ax.set_xlabel("trained tokens")
        ax.set_ylim(0, None)
        ax.locator_params(axis="x", nbins=5)
    axes[0].set_ylabel("loss")
    axes[0].legend(fontsize=8)
    return figure


def safety(analysis: Analysis) -> Figure | None:
    """Items passed in the worst draw, by category, with exact limits; nothing without a suite."""
    result = analysis["safety"]
    if not result:
        return None
    rates = {
        name: result["variants"][name] for name in looks(analysis) if name in result["variants"]
    }
    first = next(iter(rates.values()))
    rows = [(f"all {kind} items", [one[kind] for one in rates.values()]) for kind in KINDS]
    rows += [
        (printable(name.replace("_", " ")), [one["categories"][name] for one in rates.values()])
        for name in first["categories"]
    ]
    figure = Figure(figsize=(WIDTH, 1.3 + 0.34 * len(rows)))
    ax = figure.subplots()
    offsets = np.linspace(-0.24, 0.24, len(rates))
    for place, (_, shares) in enumerate(rows):
        for offset, name, share in zip(offsets, rates, shares, strict=True):
            share_mark(ax, share, place + offset, looks(analysis)[name])
    ax.axhline(len(KINDS) - 0.5, color=FAINT, linewidth=1.2)
    ax.set_yticks(range(len(rows)), [label for label, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-3, 103)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("items passed (%)")
    legend(figure, analysis)
    return figure


def share_mark(ax: Axes, share: Analysis, place: float, look: tuple[str, str]) -> None:
    """One share with its limits; nothing where none of the items has a result."""
    if share["share"] is None:
        return
    colour, marker = look
    ax.hlines(
        place, 100 * share["low"], 100 * share["high"], color=colour, linewidth=1.2, alpha=0.6
    )
    ax.plot(100 * share["share"], place, marker, color=colour, markersize=5, markeredgecolor=PAPER,
            markeredgewidth=0.5)  # fmt: skip


def probes(analysis: Analysis) -> Figure | None:
    """How far each probe moved each judge's scores; nothing where no judge was probed."""
    told = analysis["judge_quality"]["probes"]
    rows = [
        (judge, probe, one)
        for judge, about in (told or {}).items()
        for probe, one in about["probes"].items()
        if one["shift"] is not None
    ]
    if not rows:
        return None
    figure = Figure(figsize=(WIDTH, 1.0 + 0.34 * len(rows)))
    ax = figure.subplots()
    ax.axvline(0, color=INK, linewidth=1)
    for place, (_, _, one) in enumerate(rows):
        if one["low"] is not None:
            ax.hlines(place, one["low"], one["high"], color=INK, linewidth=2)
        ax.plot(one["shift"], place, "o", color=INK, markeredgecolor=PAPER, markersize=7)
        ax.annotate(f"{RULES[one['rule']]}: {one['outcome']}", (1.02, place),
                    xycoords=("axes fraction", "data"), va="center", fontsize=8.5,
                    annotation_clip=False)  # fmt: skip
    several = len(told) > 1
    labels = [f"{printable(judge)}, {probe}" if several else probe for judge, probe, _ in rows]
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("shift of the mean score (points)")
    return figure
