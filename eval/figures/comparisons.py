"""Figures that compare variants: paired differences, spread and failures, scenario by scenario."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.claims import signed
from eval.figures.scores import by_dimension
from eval.figures.style import column, looks, panels, printable, variant_axis
from hybridtune.drawing import COLOURS, FAINT, INK, PAPER, WIDTH

Analysis = dict[str, Any]


def variability(analysis: Analysis) -> Figure:
    """Standard deviations to the left, failure rates to the right."""
    figure, (left, right) = panels(2, 3.2, share_y=False)
    measures = list(analysis["rubric"]["dimensions"])
    for place, variant in enumerate(analysis["variants"]):
        for number, measure in enumerate(measures):
            shift = place + 0.24 * (number - (len(measures) - 1) / 2)
            entry = analysis["spread"]["variants"][variant][measure]
            spread_marks(left, right, entry, shift, number)
    left.set_ylabel("standard deviation (points)")
    left.set_title("spread over scenarios")
    left.set_ylim(0, 1.15 * max(left.get_ylim()[1], 0.5))
    right.set_title(f"failures (score at most {analysis['design']['fails_at']:g})")
    right.set_ylabel("share of conversations (%)")
    right.set_ylim(-2, None)
    for ax in (left, right):
        variant_axis(ax, analysis)
    for number, measure in enumerate(measures):
        left.plot(
            [], [], "os^Dv"[number % 5], color=COLOURS[3 + number % 3], label=printable(measure)
        )
    if any(
        entry["rerun_sd"] is not None
        for measured in analysis["spread"]["variants"].values()
        for entry in measured.values()
    ):
        left.plot([], [], "_", color=INK, markersize=12, label="between repeats")
    left.legend(loc="lower left", fontsize=8)
    return figure


def spread_marks(left: Axes, right: Axes, entry: Analysis, place: float, number: int) -> None:
    """One variant's spread and failure rate on one measure."""
    colour, marker = COLOURS[3 + number % 3], "os^Dv"[number % 5]
    if entry["sd"] is not None:
        left.plot(place, entry["sd"], marker, color=colour, markersize=8)
    if entry["rerun_sd"] is not None:
        left.plot(place, entry["rerun_sd"], "_", color=INK, markersize=12)
    if entry["failure_rate"] is not None:
        right.vlines(place, 100 * entry["low"], 100 * entry["high"], color=colour, linewidth=2)
        right.plot(place, 100 * entry["failure_rate"], marker, color=colour, markersize=8)


def forest(analysis: Analysis) -> Figure:
    """Every paired difference with its interval, the negligible band, and what n can see."""
    entries = [one for one in analysis["contrasts"] if one["difference"] is not None]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.36 * len(entries)))
    ax = figure.subplots()
    margin = analysis["design"]["margin"]
    ax.axvspan(-margin, margin, color=FAINT, alpha=0.45, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    colours = dict(zip(looks(analysis), COLOURS, strict=False))
    for place, entry in enumerate(entries):
        forest_row(ax, entry, place, colours.get(entry["a"], INK))
    ax.set_yticks(
        range(len(entries)),
        [f"{printable(one['measure'])}: {one['a']} \N{MINUS SIGN} {one['b']}" for one in entries],
    )
    ax.set_ylim(len(entries) - 0.5, -0.6)
    ax.grid(visible=False, axis="y")
    rubric = analysis["rubric"]
    ax.set_xlabel(f"difference in score (points on {rubric['low']}-{rubric['high']})")
    return figure


def forest_row(ax: Axes, entry: Analysis, place: int, colour: str) -> None:
    """One comparison: bracket, interval, difference, and its verdict at the right edge."""
    if entry["mdd"] is not None:
        ax.plot(
            [-entry["mdd"], entry["mdd"]],
            [place + 0.26] * 2,
            "|-",
            color=INK,
            alpha=0.35,
            linewidth=1,
            markersize=5,
        )
    if entry["low"] is not None:
        ax.hlines(place, entry["low"], entry["high"], color=colour, linewidth=2.4)
    ax.plot(entry["difference"], place, "o", color=colour, markeredgecolor=PAPER, markersize=8)
    word = entry["verdict"] or ("withheld" if entry["withheld"] else "exploratory")
    ax.annotate(
        f"{signed(entry['difference'])}  {word}",
        (1.02, place),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=8.5,
        annotation_clip=False,
    )


def slopes(analysis: Analysis) -> Figure:
    """A line for every scenario across the variants, a panel per dimension."""
    figure, pairs = by_dimension(analysis)
    variants = list(analysis["variants"])
    for measure, ax in pairs:
        table = np.array([column(analysis, variant, measure) for variant in variants])
        ax.plot(range(len(variants)), table, color=INK, alpha=0.22, linewidth=1)
        middle = [analysis["variants"][variant][measure]["mean"] for variant in variants]
        if None not in middle:
            ax.plot(range(len(variants)), middle, color=INK, linewidth=2.6)
        for place, variant in enumerate(variants):
            colour, marker = looks(analysis)[variant]
            if middle[place] is not None:
                ax.plot(place, middle[place], marker, color=colour, markersize=9)
    return figure
