"""The report of the generation in a few lines, for the terminal; takes what report.json holds."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table


def render_summary(report: Mapping[str, Any]) -> Table:
    """What was asked, what came, what was taken, and how it compares where that is known."""
    title = "synthetic sessions" + (" (scripted teacher)" if report["scripted"] else "")
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in lines(report):
        table.add_row(escape(name), escape(value))
    return table


def lines(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each line as its name and what there is to say."""
    drafts, coverage = report["counts"]["draft"], report["coverage"]
    found = [
        ("drafts", f"{drafts['written']:,} of {drafts['asked']:,}, {drafts['failed']:,} failed"),
        ("decisions", listed(report["reviews"]) or "none"),
        ("taken", f"{report['synthetic']:,}"),
        ("quotas", "all met" if coverage["met"] else "not all met"),
    ]
    for status in ("flagged", "rejected"):
        if report["reasons"][status]:
            found.append((f"{status} for", listed(report["reasons"][status])))
    tokens = sum(
        spent["prompt_tokens"] + spent["completion_tokens"] for spent in report["tokens"].values()
    )
    found.append(("tokens", f"{tokens:,}"))
    if cost := report.get("cost"):
        found.append(("cost, estimated", f"{cost['total']:,.2f} {cost['currency']}"))
    against = report.get("against_real")
    if against and against["sessions"]["real"] and against["sessions"]["synthetic"]:
        words = against["lengths"]["words_per_session"]
        found.append(
            (
                "words a session",
                f"{words['synthetic']['mean']:,.0f}; real {words['real']['mean']:,.0f}",
            )
        )
        share = {side: against["distinct"][side]["2"]["distinct"] for side in ("synthetic", "real")}
        found.append(("distinct-2", f"{share['synthetic']:.3f}; real {share['real']:.3f}"))
    return found


def listed(counts: Mapping[str, int]) -> str:
    """Counts with their names."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
