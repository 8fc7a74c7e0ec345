"""An import's report for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

FLAGS = 20


def tables(report: Mapping[str, Any]) -> Group:
    """All tables of a `report.json`, in the order in which one asks."""
    sections = {
        "corpus": report["totals"],
        "left out": report["left_out_by_reason"],
        "waiting for a person": report["held_by_reason"],
        "told to a person": report["flags_by_kind"],
        "cleaning": report["cleaning"],
        "roles told by": report["roles"]["methods"] | uncertain(report["roles"]),
        "replaced": report["deidentification"]["replaced"],
    }
    parts = [count_table(title, counts) for title, counts in sections.items() if counts]
    if report["lengths"]["turns"]:
        parts.append(length_table(report["lengths"]))
    return Group(*parts)


def uncertain(roles: Mapping[str, Any]) -> dict[str, int]:
    """How many sessions' roles are not certain, if any."""
    return {"not certain": roles["uncertain"]} if roles["uncertain"] else {}


def count_table(title: str, counts: Mapping[str, int]) -> Table:
    """Names and numbers."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(min_width=34)
    table.add_column(justify="right", min_width=10)
    for name, count in counts.items():
        table.add_row(escape(name.replace("_", " ")), f"{count:,}")
    return table


def length_table(lengths: Mapping[str, Mapping[str, int]]) -> Table:
    """The spread of turns and words a session."""
    table = Table(title="a session has", title_justify="left")
    table.add_column("")
    for name in lengths["turns"]:
        table.add_column(name, justify="right")
    for name, values in lengths.items():
        table.add_row(name, *(f"{value:,}" for value in values.values()))
    return table


def warnings(report: Mapping[str, Any]) -> Iterator[str]:
    """What a person should look at, a line each; the rest is in the report."""
    for each in report["malformed"]:
        yield f"{each['where']}: {each['what']}" + (f" ({each['fix']})" if each["fix"] else "")
    for each in report["skipped"][:FLAGS]:
        yield f"{each['file']}: not read: {each['reason']}"
    for each in report["flags"][:FLAGS]:
        yield f"{each['session']}: {each['flag']}: {each['why']}"
    more = len(report["flags"]) - FLAGS
    if more > 0:
        yield f"... and {more} more flags in the report"
    remaining = report["deidentification"]["remaining_capitalised"]
    if remaining:
        words = ", ".join(list(remaining)[:FLAGS])
        yield f"capitalised words that no list knows, to be looked at: {words}"
