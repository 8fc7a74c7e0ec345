"""How all figures look, and how an SVG is made fit to stand in a page.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart. Pages swap
INK, FAINT and PAPER for their theme's. Import this where figures are drawn: it loads matplotlib.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup

INK, FAINT, PAPER = "#1b1f24", "#c9ced6", "#fefefe"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
WIDTH = 6.4
NOTHING: Any = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""Metadata for SVGs: equal numbers give equal files."""
STYLE: Any = {
    "svg.hashsalt": "hybridtune", "svg.fonttype": "path", "font.family": "DejaVu Sans",
    "font.size": 9.5, "axes.titlesize": 10.5, "axes.titleweight": "bold", "text.color": INK,
    "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": FAINT, "grid.linewidth": 0.6, "legend.frameon": False,
    "figure.constrained_layout.use": True,
}  # fmt: skip


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's settings for the block, whatever the user's own are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def inline(text: str, name: str) -> Markup:
    """A figure's SVG with ids of its own, the page's colours, and no links."""
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(xmlns(:\w+)?|version|width|height)="[^"]*"', "", text, count=5)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, theme in ((INK, "currentColor"), (FAINT, "var(--line)"), (PAPER, "var(--card)")):
        text = text.replace(colour, theme)
    # Made by matplotlib from numbers and from names that it draws as shapes.
    return Markup(re.sub(r"\s*\n\s*", "\n", text))
