"""The data card of an import: what the sessions are, what was done to them, what is not known.

Renders `corpus/templates/DATA_CARD.md.jinja`; what a person must fill in stands there as a
question in italics. docs/data.md says how to go on with it.
"""

import html
from pathlib import Path

import jinja2

from corpus.report import Report

TEMPLATES = Path(__file__).parent / "templates"


def plain(text: str) -> str:
    """A user's words in one line of a table, without any markup of theirs."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


def data_card(report: Report) -> str:
    """The card as Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown of counts and words of our own
    )
    environment.filters["plain"] = plain
    settings = report.recipe.settings
    return environment.get_template("DATA_CARD.md.jinja").render(
        domain=report.recipe.domain,
        source=settings.source,
        deidentify=settings.deidentify,
        disfluencies=settings.disfluencies,
        report=report.as_json(),
    )
