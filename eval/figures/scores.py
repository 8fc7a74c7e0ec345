"""Figures of the scores themselves: means, distributions, and one dimension against another."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eval.figures.style import column, jitter, looks, panels, printable, score_axis, variant_axis
from eval.statistics.arrays import Array, constant
from hybridtune.drawing import INK, PAPER

Analysis = dict[str, Any]


def by_dimension(analysis: Analysis) -> tuple[Figure, list[tuple[str, Axes]]]:
    """A panel for every dimension, on one common score axis."""
    dimensions = list(analysis["rubric"]["dimensions"])
    figure, axes = panels(len(dimensions))
    for place, (dimension, ax) in enumerate(zip(dimensions, axes, strict=True)):
        ax.set_title(printable(dimension))
        score_axis(ax, analysis, "score" if place == 0 else None)
        variant_axis(ax, analysis)
    return figure, list(zip(dimensions, axes, strict=True))


def known(analysis: Analysis, variant: str, measure: str) -> Array:
    """A variant's scores without the missing ones."""
    values = column(analysis, variant, measure)
    return np.asarray(values[~np.isnan(values)], dtype=np.float64)


def means(analysis: Analysis) -> Figure:
    """Means with intervals, a panel per dimension."""
    figure, pairs = by_dimension(analysis)
    for measure, ax in pairs:
        for place, variant in enumerate(analysis["variants"]):
            mean_mark(ax, analysis, variant, measure, place, label=True)
    return figure


def mean_mark(
    ax: Axes, analysis: Analysis, variant: str, measure: str, place: float, *, label: bool
) -> None:
    """One mean with its interval, and its value beside it."""
    entry = analysis["variants"][variant][measure]
    if entry["mean"] is None:
        return
    colour, marker = looks(analysis)[variant]
    if entry["low"] is not None:
        ax.vlines(place, entry["low"], entry["high"], color=colour, linewidth=2.4)
    ax.plot(place, entry["mean"], marker, color=colour, markeredgecolor=PAPER, markersize=9)
    if label:
        ax.annotate(
            f"{entry['mean']:.2f}",
            (place, entry["mean"]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
        )


def dots(ax: Axes, analysis: Analysis, variant: str, measure: str, place: float) -> None:
    """One faint dot a scenario."""
    values = known(analysis, variant, measure)
    colour, marker = looks(analysis)[variant]
    shifts = jitter(analysis, values.size, 0.16, variant, measure)
    ax.plot(
        place + shifts,
        values,
        marker,
        color=colour,
        alpha=0.45,
        markersize=4.5,
        markeredgewidth=0,
    )


def boxes(analysis: Analysis) -> Figure:
    """Boxes with every scenario's dot, a panel per dimension."""
    figure, pairs = by_dimension(analysis)
    for measure, ax in pairs:
        for place, variant in enumerate(analysis["variants"]):
            values = known(analysis, variant, measure)
            dots(ax, analysis, variant, measure, place)
            if values.size:
                ax.boxplot(
                    [values],
                    positions=[place],
                    widths=0.5,
                    manage_ticks=False,
                    showfliers=False,
                    medianprops={"color": INK, "linewidth": 2},
                    boxprops={"color": looks(analysis)[variant][0], "linewidth": 1.4},
                    whiskerprops={"color": looks(analysis)[variant][0]},
                    capprops={"color": looks(analysis)[variant][0]},
                )
    return figure


def violins(analysis: Analysis) -> Figure:
    """Smoothed densities, a panel per dimension."""
    figure, pairs = by_dimension(analysis)
    for measure, ax in pairs:
        for place, variant in enumerate(analysis["variants"]):
            values = known(analysis, variant, measure)
            if values.size > 2 and not constant(values):
                parts = ax.violinplot([values], positions=[place], widths=0.8, showextrema=False)
                for body in parts["bodies"]:  # type: ignore[attr-defined]
                    body.set(facecolor=looks(analysis)[variant][0], alpha=0.35)
            dots(ax, analysis, variant, measure, place)
            mean_mark(ax, analysis, variant, measure, place, label=False)
    return figure


def scatter(analysis: Analysis) -> Figure | None:
    """The first dimension against the second; nothing where the rubric has only one."""
    dimensions = list(analysis["rubric"]["dimensions"])
    if len(dimensions) < 2:
        return None
    across, up = dimensions[:2]
    figure, (ax,) = panels(1, 4.2)
    score_axis(ax, analysis, f"{printable(up)} score")
    ax.set_xlim(ax.get_ylim())
    ax.set_xticks(ax.get_yticks())
    ax.set_xlabel(
        f"{printable(across)} score ({analysis['rubric']['low']}-{analysis['rubric']['high']})"
    )
    handles = []
    for variant, (colour, marker) in looks(analysis).items():
        x, y = column(analysis, variant, across), column(analysis, variant, up)
        shift_x = jitter(analysis, x.size, 0.2, variant, across, "scatter")
        shift_y = jitter(analysis, y.size, 0.2, variant, up, "scatter")
        ax.plot(x + shift_x, y + shift_y, marker, color=colour, alpha=0.5, markeredgewidth=0)
        middle = [analysis["variants"][variant][measure]["mean"] for measure in (across, up)]
        if None not in middle:
            ax.plot(*middle, marker, color=colour, markersize=13, markeredgecolor=PAPER)
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="", label=variant))
    ax.legend(handles=handles, loc="lower right")
    return figure


def combined(analysis: Analysis) -> Figure:
    """The mean of all dimensions: every scenario's dot, the mean, its interval."""
    figure, (ax,) = panels(1, 3.4)
    score_axis(ax, analysis, "combined score")
    variant_axis(ax, analysis)
    for place, variant in enumerate(analysis["variants"]):
        dots(ax, analysis, variant, "combined", place - 0.18)
        mean_mark(ax, analysis, variant, "combined", place + 0.12, label=True)
    return figure
