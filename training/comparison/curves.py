"""Loss curves of several variants over what they were trained on, as an SVG or a page of its own.

Import this where figures are drawn and not before: it loads matplotlib.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import hybridtune
from hybridtune.drawing import COLOURS, NOTHING, WIDTH, drawing, inline
from hybridtune.records import atomic_write

TEMPLATES = Path(__file__).parent / "templates"
SHARED = Path(hybridtune.__file__).parent / "templates"
LINES = ("-", "--", "-.", ":")


def write_plot(
    reports: Mapping[str, Any], found: Mapping[str, Any], said: list[str], file: Path
) -> None:
    """Write the curves into an `.svg`, or with the table and what it says into an `.html`."""
    drawn = svg(reports)
    text = drawn if file.suffix == ".svg" else page(found, said, drawn)
    with atomic_write(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(found: Mapping[str, Any], said: list[str], drawn: str) -> str:
    """A page that needs no other file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    template = environment.get_template("compare.html.jinja")
    return template.render(found=found, said=said, figure=inline(drawn, "curves"))


def svg(reports: Mapping[str, Any]) -> str:
    """The figure as text."""
    file = io.StringIO()
    with drawing():
        curves(reports).savefig(file, format="svg", metadata=NOTHING)
    return file.getvalue()


def curves(reports: Mapping[str, Any]) -> Figure:
    """The loss in training and on held-out sessions, over trained tokens."""
    figure = Figure(figsize=(WIDTH, 3.2))
    training, held_out = figure.subplots(1, 2)
    for place, (name, report) in enumerate(reports.items()):
        look: dict[str, Any] = {
            "color": COLOURS[place % len(COLOURS)],
            "linestyle": LINES[place // len(COLOURS) % len(LINES)],
            "label": name.replace("$", "\uff04"),
        }
        plot(training, report["loss_curve"], look)
        plot(held_out, held_out_points(report), look | {"marker": "o", "markersize": 3.5})
    for axes, title in ((training, "training"), (held_out, "held-out sessions")):
        axes.set_title(title, loc="left")
        axes.set_xlabel("trained tokens")
        axes.set_ylim(0, None)
    training.set_ylabel("loss")
    training.legend(fontsize=8)
    return figure


def held_out_points(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The losses while it trained, and the adapter's own where it is not among them."""
    after, points = report["held_out_loss"]["after"], list(report["held_out_curve"])
    if after is not None and all(point["step"] != report["best_step"] for point in points):
        points.append({"tokens_trained": report["tokens_in_adapter"], "loss": after})
    return points


def plot(axes: Axes, points: list[dict[str, Any]], look: dict[str, Any]) -> None:
    """One variant's line."""
    axes.plot(
        [point["tokens_trained"] for point in points], [point["loss"] for point in points], **look
    )
