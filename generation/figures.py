"""The figures of the generation report, drawn from the content of `report.json` alone.

Import this where figures are drawn and not before: it loads matplotlib.
"""

import io
import warnings
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridtune.drawing import COLOURS, FAINT, INK, NOTHING, WIDTH, drawing, inline

Content = dict[str, Any]
SIDES = {"synthetic": COLOURS[0], "real": COLOURS[1]}
STATUSES = {"accepted": COLOURS[2], "flagged": COLOURS[4], "rejected": COLOURS[1]}
MARKS = {"synthetic": "o", "real": "^"}


def draw(report: Content) -> dict[str, Markup]:
    """Each figure that the report has numbers for, as SVG by its name."""
    drawn = {}
    for name, function in FIGURES.items():
        with drawing(), warnings.catch_warnings():
            # A pack's names may have letters that the font lacks; the table beside has them.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure = function(report)
            if figure is not None:
                file = io.StringIO()
                figure.savefig(file, format="svg", metadata=NOTHING)
                drawn[name] = inline(file.getvalue(), name)
    return drawn


def plain(text: str, most: int = 34) -> str:
    """A name as it stands: without mathematics, and cut where it is long."""
    text = " ".join(text.split()).replace("$", "\uff04")
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def coverage(report: Content) -> Figure:
    """A bar for every value asked for, beside what is due and what was taken."""
    axes = report["coverage"]["axes"]
    sizes = [len(values) + 1.2 for values in axes.values()]
    figure = Figure(figsize=(WIDTH, 0.21 * sum(sizes) + 0.4 * len(sizes)))
    panels = figure.subplots(len(axes), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for panel, (axis, values) in zip(panels, axes.items(), strict=True):
        places = range(len(values))
        panel.barh(places, [each["asked"] for each in values.values()], color=COLOURS[5])
        panel.barh(places, [each["taken"] for each in values.values()], 0.35, color=COLOURS[0])
        quotas = [each["quota"] for each in values.values()]
        panel.plot(quotas, places, "|", color=INK, markersize=9, markeredgewidth=2)
        panel.set_yticks(places, [plain(value) for value in values], fontsize=7.5)
        panel.set_title(plain(axis), loc="left", fontsize=9)
        panel.set_ylim(len(values) - 0.4, -0.6)
        panel.set_xlim(0, None)
        panel.grid(visible=False, axis="y")
    return figure


def lengths(report: Content) -> Figure | None:
    """Each measure of length, in bins that both sides share."""
    measures = report["against_real"]["lengths"]
    if not report["against_real"]["sessions"]["synthetic"]:
        return None
    figure = Figure(figsize=(WIDTH, 2.1 * len(measures)))
    panels = figure.subplots(len(measures), 1, squeeze=False)[:, 0]
    for panel, (measure, entry) in zip(panels, measures.items(), strict=True):
        for side, counts in entry["histogram"].items():
            if counts:
                shares = [100 * count / sum(counts) for count in counts]
                steps(panel, shares, entry["bins"], side)
        panel.set_title(measure.replace("_", " "), loc="left")
        panel.set_ylabel("share (%)")
    panels[0].legend(loc="upper right", fontsize=8)
    return figure


def steps(panel: Axes, shares: list[float], edges: list[float], side: str) -> None:
    """One side's histogram as an outline, told apart by more than its colour."""
    line = "-" if side == "synthetic" else "--"
    panel.stairs(shares, edges, color=SIDES[side], linestyle=line, linewidth=1.8, label=side)


def reasons(report: Content) -> Figure | None:
    """How many drafts each reason accepted, flagged or rejected."""
    bars = [
        (status, reason, count)
        for status, counts in report["reasons"].items()
        for reason, count in counts.items()
    ]
    if not bars:
        return None
    figure = Figure(figsize=(WIDTH, 0.8 + 0.3 * len(bars)))
    panel = figure.subplots()
    for place, (status, _, count) in enumerate(bars):
        panel.barh(place, count, color=STATUSES[status])
        beside: Any = {"textcoords": "offset points", "va": "center"}
        panel.annotate(f"{count:,}", (count, place), (3, 0), **beside)
    panel.set_yticks(range(len(bars)), [f"{status}: {plain(why)}" for status, why, _ in bars])
    panel.set_ylim(len(bars) - 0.4, -0.6)
    panel.set_xlabel("drafts")
    panel.margins(x=0.12)
    panel.grid(visible=False, axis="y")
    return figure


def scores(report: Content) -> Figure | None:
    """Per dimension how often each score was given, and the mean."""
    dimensions = report["scores"]
    if not dimensions:
        return None
    figure = Figure(figsize=(WIDTH, 0.9 + 0.45 * len(dimensions)))
    panel = figure.subplots()
    for place, counts in enumerate(dimensions.values()):
        total = sum(counts.values())
        given = {int(score): count for score, count in counts.items()}
        sizes = [420 * count / total for count in given.values()]
        panel.scatter(list(given), [place] * len(given), sizes, color=COLOURS[5])
        mean = sum(score * count for score, count in given.items()) / total
        panel.plot(mean, place, "|", color=INK, markersize=16, markeredgewidth=2)
    panel.set_yticks(range(len(dimensions)), [plain(name) for name in dimensions])
    panel.set_ylim(len(dimensions) - 0.4, -0.6)
    panel.set_xlabel("score (area: share of drafts; line: mean)")
    return figure


def likeness(report: Content) -> Figure | None:
    """Cosines of nearest neighbours."""
    found = report["against_real"]["likeness"] or {}
    looks = {
        "within_synthetic": (COLOURS[0], "-"),
        "within_real": (COLOURS[1], "--"),
        "synthetic_to_real": (COLOURS[2], "-."),
    }
    shown = {name: look for name, look in looks.items() if found.get(name)}
    if not shown:
        return None
    figure = Figure(figsize=(WIDTH, 2.8))
    panel = figure.subplots()
    for name, (colour, line) in shown.items():
        entry = found[name]
        shares = [100 * count / entry["n"] for count in entry["histogram"]]
        edges = [place / len(shares) for place in range(len(shares) + 1)]
        label = f"{name.replace('_', ' ')} (n {entry['n']})"
        panel.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.8, label=label)
    panel.set_xlabel("cosine of the nearest neighbour")
    panel.set_ylabel("share of sessions (%)")
    panel.legend(fontsize=8)
    return figure


def topic_map(report: Content) -> Figure | None:
    """Where sessions of both sides lie, and which topic is where."""
    found = report["against_real"]["map"]
    if found is None:
        return None
    figure = Figure(figsize=(WIDTH, 4.4))
    panel = figure.subplots()
    by_topic: dict[int, list[list[float]]] = {}
    for side, points in found["points"].items():
        for point in points:
            by_topic.setdefault(int(point[2]), []).append(point)
        if points:
            xs, ys, _ = zip(*points, strict=True)
            panel.plot(xs, ys, MARKS[side], color=SIDES[side], markersize=4, alpha=0.55, label=side)
    for topic, points in sorted(by_topic.items()):
        across, up = (sum(point[way] for point in points) / len(points) for way in (0, 1))
        box = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": FAINT}
        panel.annotate(
            str(topic + 1), (across, up), bbox=box, color="black", fontsize=8, ha="center"
        )
    panel.set_xlabel("first axis")
    panel.set_ylabel("second axis")
    panel.legend(fontsize=8)
    return figure


FIGURES = {
    "coverage": coverage,
    "lengths": lengths,
    "reasons": reasons,
    "scores": scores,
    "likeness": likeness,
    "topics": topic_map,
}
