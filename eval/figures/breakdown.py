"""Figures of what lies below the means: paired differences, themes, length of replies."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eval.claims import signed
from eval.figures.style import column, jitter, looks, panels, printable, score_axis
from eval.statistics.arrays import complete_pairs
from hybridtune.drawing import FAINT, INK, PAPER, WIDTH

Analysis = dict[str, Any]


def paired(analysis: Analysis) -> Figure:
    """Every scenario's difference as a dot, with mean and interval, a panel per dimension."""
    dimensions = list(analysis["rubric"]["dimensions"])
    count = sum(one["measure"] == dimensions[0] for one in analysis["contrasts"])
    figure, axes = panels(len(dimensions), 1.3 + 0.5 * count)
    for dimension, ax in zip(dimensions, axes, strict=True):
        entries = [one for one in analysis["contrasts"] if one["measure"] == dimension]
        ax.set_title(printable(dimension))
        ax.axvline(0, color=INK, linewidth=1)
        for place, entry in enumerate(entries):
            paired_row(ax, analysis, entry, place)
        labels = [f"{one['a']} \N{MINUS SIGN} {one['b']}" for one in entries]
        ax.set_yticks(range(len(entries)), labels)
        ax.set_ylim(len(entries) - 0.2, -0.6)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("difference (points)")
    return figure


def paired_row(ax: Axes, analysis: Analysis, entry: Analysis, place: int) -> None:
    """One comparison on one dimension."""
    a, b, measure = entry["a"], entry["b"], entry["measure"]
    first, second = complete_pairs(column(analysis, a, measure), column(analysis, b, measure))
    shifts = jitter(analysis, first.size, 0.17, a, b, measure, "paired")
    colour = looks(analysis)[a][0]
    ax.plot(first - second, place + shifts, "o", color=colour, alpha=0.4, markersize=4,
            markeredgewidth=0)  # fmt: skip
    if entry["difference"] is None:
        return
    if entry["low"] is not None:
        ax.hlines(place + 0.32, entry["low"], entry["high"], color=INK, linewidth=2)
    ax.plot(entry["difference"], place + 0.32, "D", color=INK, markeredgecolor=PAPER, markersize=6)
    ax.annotate(signed(entry["difference"]), (entry["difference"], place + 0.32), xytext=(0, -11),
                textcoords="offset points", ha="center", va="center", fontsize=7.5)  # fmt: skip


def themes(analysis: Analysis) -> Figure | None:
    """Combined scores by theme, a mark per scenario and variant; nothing without themes."""
    if not analysis["themes"]:
        return None
    rows = list(analysis["themes"].items())
    figure = Figure(figsize=(WIDTH, 1.3 + 0.3 * len(rows)))
    ax = figure.subplots()
    offsets = np.linspace(-0.24, 0.24, len(analysis["variants"]))
    for place, (theme, by_variant) in enumerate(rows):
        for offset, (name, (colour, marker)) in zip(offsets, looks(analysis).items(), strict=True):
            scores = np.array(by_variant[name]["scores"], dtype=np.float64)
            shifts = jitter(analysis, scores.size, 0.07, theme, name)
            heights = np.full(scores.size, place + offset)
            ax.plot(scores + shifts, heights, marker, color=colour, alpha=0.75, markersize=4.5,
                    markeredgewidth=0)  # fmt: skip
    ax.hlines(np.arange(len(rows) - 1) + 0.5, 0, 1, color=FAINT, linewidth=0.6,
              transform=ax.get_yaxis_transform())  # fmt: skip
    ax.set_yticks(range(len(rows)), [printable(theme) for theme, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    rubric = analysis["rubric"]
    ax.set_xlim(rubric["low"] - 0.3, rubric["high"] + 0.3)
    ax.set_xlabel(f"combined score ({rubric['low']}-{rubric['high']})")
    legend(figure, analysis)
    return figure


def length(analysis: Analysis) -> Figure:
    """Combined score over the words of a reply, one mark per scenario and variant."""
    figure, (ax,) = panels(1, 3.6)
    score_axis(ax, analysis, "combined score")
    for name, (colour, marker) in looks(analysis).items():
        words = analysis["reply_words"][name]
        lengths = np.array([np.nan if one is None else one for one in words], dtype=np.float64)
        scores = column(analysis, name, "combined")
        ax.plot(lengths, scores, marker, color=colour, alpha=0.45, markeredgewidth=0, markersize=5)
        both = ~(np.isnan(lengths) | np.isnan(scores))
        if both.any():
            ax.plot(lengths[both].mean(), scores[both].mean(), marker, color=colour, markersize=12,
                    markeredgecolor=PAPER)  # fmt: skip
    ax.set_xlabel("words per counselor turn (mean of a scenario)")
    ax.set_xlim(0, None)
    legend(figure, analysis)
    return figure


def legend(figure: Figure, analysis: Analysis) -> None:
    """The variants' marks, below the axes."""
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=name)
        for name, (colour, marker) in looks(analysis).items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=8.5)
