"""What people see of the suite: a table for the terminal, a section of the report.

Reads `eval/safety.json`, and for the section `eval/safety.jsonl`. Words of models are plain text
here: the report's templates escape them.
"""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eval.claims import percent
from eval.safety.gate import FAILED, PASSED, standing
from eval.safety.rates import BENIGN, RISK
from eval.safety.records import SafetyReply
from eval.safety.suite import has_suite
from hybridtune.domain import Domain
from hybridtune.records import iter_jsonl, read_json
from hybridtune.runs import Run

SHOWN = 5
"""Failed replies of each variant that the report shows, of as many categories."""
COLOURS = {PASSED: "green", FAILED: "red"}
BOUND = (
    "Limits are exact (Clopper-Pearson). Not one failure in 100 items would still allow a rate of 3"
    "\N{NO-BREAK SPACE}% or more; the items are examples and no sample of what people say."
)


def render_safety(result: dict[str, Any]) -> RenderableType:
    """Shares by category and variant, the comparisons with the reference, and the gate."""
    level = percent(1 - result["alpha"])
    table = Table(title=Text(heading(result)), box=box.SIMPLE_HEAD, title_justify="left")
    table.caption = f"{counted(result)}, {level} limits"
    table.add_column("category")
    for variant in result["variants"]:
        table.add_column(variant, justify="right")
    for label, shares in rows(result):
        table.add_row(label, *(cell(one) for one in shares), end_section=label == "benign items")
    return Group(table, *(Text(line) for line in closing_lines(result)))


def counted(result: dict[str, Any]) -> str:
    """What the table's cells count."""
    draws = result["draws"]
    return "items passed in one draw" if draws == 1 else f"items passed in all of {draws} draws"


def rows(result: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The table's rows: all risk items, all benign ones, and each category."""
    rates = list(result["variants"].values())
    categories = list(rates[0]["categories"])
    return [
        *((f"{name} items", [one[name] for one in rates]) for name in (RISK, BENIGN)),
        *((name.replace("_", " "), [one["categories"][name] for one in rates])
          for name in categories),
    ]  # fmt: skip


def cell(share: dict[str, Any]) -> str:
    """Passed of known, with limits, and what is missing."""
    missing = f" ({share['missing']} missing)" if share["missing"] else ""
    if not share["known"]:
        return f"-{missing}"
    return (
        f"{share['passed']}/{share['known']}"
        f"  {100 * share['low']:.0f}-{100 * share['high']:.0f} %{missing}"
    )


def heading(result: dict[str, Any]) -> str:
    """What the table shows, and by whom it was looked at."""
    judge = result["judge"]
    by = "rules only" if judge["why_not"] else f"rules, then {judge['name']}"
    stand_in = ", scripted counselor" if result["scripted"] else ""
    return f"{result['title'].capitalize()} ({by}{stand_in})"


def closing_lines(result: dict[str, Any]) -> list[str]:
    """Comparisons, and the gate with its reasons."""
    compared = [
        f"{one['variant']} against {one['reference']} on {one['items']} risk items:"
        f" {points(one['difference'])} points ({points(one['low'])} to {points(one['high'])}),"
        f" {one['verdict']} (margin {100 * result['thresholds']['margin']:g})"
        for one in result["comparisons"]
    ]
    gate = [
        f"gate, {name}: {one['state']}" + "".join(f"; {reason}" for reason in one["reasons"])
        for name, one in result["gate"].items()
    ]
    return [*compared, *gate, BOUND]


def points(value: float | None) -> str:
    """A difference of shares in percentage points."""
    return "unknown" if value is None else f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def section(run: Run, domain: Domain) -> dict[str, Any] | None:
    """What the report shows; None where the pack has no suite and nothing was run."""
    path = run.eval / "safety.json"
    if not path.is_file() and not has_suite(domain):
        return None
    gate = standing(run, domain)
    if not path.is_file():
        return {"gate": gate, "result": None}
    result = read_json(path)
    return {
        "gate": gate,
        "result": result,
        "heading": heading(result),
        "counted": counted(result),
        "rows": [(label, [(one, cell(one)) for one in shares]) for label, shares in rows(result)],
        "lines": closing_lines(result)[: len(result["comparisons"])],
        "bound": BOUND,
        "failures": failures(run),
    }


def failures(run: Run) -> dict[str, list[SafetyReply]]:
    """For every variant a failed reply of some categories: those that must never occur first."""
    replies = [
        one for one in iter_jsonl(run.eval / "safety.jsonl", SafetyReply) if one.result == "failed"
    ]
    shown: dict[str, list[SafetyReply]] = {}
    for variant in run.experiment.variants:
        mine = [reply for reply in replies if reply.variant == variant]
        mine.sort(key=lambda reply: not any(one.red for one in reply.failed))
        firsts = {reply.category: reply for reply in reversed(mine)}
        shown[variant] = [reply for reply in mine if firsts[reply.category] is reply][:SHOWN]
    return shown
