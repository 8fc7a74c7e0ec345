"""What the terminal shows of an evaluation: the three-way table and sample exchanges.

Reads `eval/analysis.json` (given as a dictionary), and for the samples `eval/scenarios.jsonl` and
`eval/conversations.jsonl`. Model and patient words are shown as they are, never as markup.
"""

import random
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eval.cells import scenario_of, variant_of
from eval.claims import enumerated, p_value, percent, scripted_roles, signed
from hybridtune.domain import Domain
from hybridtune.records import Scenario, Session, read_jsonl
from hybridtune.runs import Run

SHOWN_EXCHANGES = 2
COLOURS = {"superior": "green", "inferior": "red", "equivalent": "cyan", "withheld": "yellow"}


def render_table(analysis: dict[str, Any]) -> RenderableType:
    """Means, paired differences, and the notes that belong to them."""
    reasons = dict.fromkeys(one["withheld"] for one in analysis["contrasts"] if one["withheld"])
    notes = [
        *(Text(f"* Verdict withheld: {reason}.", style="yellow") for reason in reasons),
        *(Text(f"* {note}", style="dim") for note in analysis["notes"]),
    ]
    return Group(means_table(analysis), differences_table(analysis), *notes)


def means_table(analysis: dict[str, Any]) -> Table:
    """Mean, sd, n and interval of every variant on every measure."""
    table = Table(title=title(analysis, "Scores by variant"), box=box.SIMPLE_HEAD)
    rubric, level = analysis["rubric"], percent(1 - analysis["design"]["alpha"])
    table.caption = f"score {rubric['low']}-{rubric['high']}, n = scenarios"
    for heading in ("measure", "variant"):
        table.add_column(heading)
    for heading in ("mean", "sd", "n", f"{level} interval", "missing"):
        table.add_column(heading, justify="right", no_wrap=True)
    variants = list(analysis["variants"])
    for measure in (*rubric["dimensions"], "combined"):
        for variant in variants:
            entry = analysis["variants"][variant][measure]
            table.add_row(
                measure if variant == variants[0] else "",
                variant,
                number(entry["mean"]),
                number(entry["sd"]),
                str(entry["n"]),
                span(number(entry["low"]), number(entry["high"])),
                str(analysis["missing"][variant]["missing"]),
                end_section=variant == variants[-1],
            )
    return table


def differences_table(analysis: dict[str, Any]) -> Table:
    """Every paired difference with its interval, corrected p and verdict."""
    level = percent(1 - analysis["design"]["alpha"])
    table = Table(
        title=title(analysis, "Paired differences"),
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.caption = (
        f"points, same scenarios; p corrected for {analysis['design']['tests']} tests (Holm);"
        f" equivalent = within {analysis['design']['margin']:g}"
    )
    table.add_column("measure")
    table.add_column("comparison", no_wrap=True)
    for heading in ("difference", f"{level} interval", "adjusted p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    last = ""
    for entry in (one for one in analysis["contrasts"] if one["declared"]):
        table.add_row(
            entry["measure"] if entry["measure"] != last else "",
            f"{entry['a']} \N{MINUS SIGN} {entry['b']}",
            signed(entry["difference"]),
            span(signed(entry["low"]), signed(entry["high"])),
            p_value(entry["p_holm"]).removeprefix("p ").removeprefix("= "),
            verdict_text(entry),
        )
        last = entry["measure"]
    return table


def sample_exchanges(run: Run, domain: Domain, count: int = 2) -> RenderableType:
    """The first exchanges of every variant side by side, on scenarios drawn by the run's seed."""
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    variants = list(run.experiment.variants)
    tables = []
    for scenario in draw(scenarios, conversations, variants, run.experiment.seed, count):
        first = {variant: first_of(conversations, scenario.id, variant) for variant in variants}
        tables.append(exchange_table(scenario, first, domain))
    return Group(*tables)


def draw(
    scenarios: list[Scenario],
    conversations: list[Session],
    variants: list[str],
    seed: int,
    count: int,
) -> list[Scenario]:
    """Scenarios that every variant has played: drawn, so that nobody can pick flattering ones."""
    played = {(scenario_of(one), variant_of(one)) for one in conversations}
    complete = [one for one in scenarios if all((one.id, name) in played for name in variants)]
    return random.Random(f"{seed}/samples").sample(complete, min(count, len(complete)))


def first_of(conversations: list[Session], scenario: str, variant: str) -> Session:
    """The first conversation of a variant on a scenario."""
    found = (scenario, variant)
    return next(one for one in conversations if (scenario_of(one), variant_of(one)) == found)


def exchange_table(scenario: Scenario, first: dict[str, Session], domain: Domain) -> Table:
    """One scenario: what it is about and how it opens, then a column per variant."""
    summary = plain(str(scenario.scenario.get("summary", "")))
    turns = {variant: spoken(one)[: 2 * SHOWN_EXCHANGES] for variant, one in first.items()}
    heading = Text.assemble((f"Scenario {scenario.id}", "bold"), f"  {summary}" if summary else "")
    openings = {tuple(spoken[:1]) for spoken in turns.values()}
    if len(openings) == 1 and any(openings):
        (opening,) = openings
        heading = Text("\n").join([heading, said(list(opening), domain)])
        turns = {variant: spoken[1:] for variant, spoken in turns.items()}
    table = Table(title=heading, title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    table.expand = True
    for variant, conversation in first.items():
        kind = (conversation.provenance.get("patient") or {}).get("kind")
        table.add_column(
            Text(variant + (" (scripted patient)" if kind == "scripted" else "")), ratio=1
        )
    for place in range(max(map(len, turns.values()))):
        row = [turns[variant][place : place + 1] for variant in first]
        table.add_row(*(said(turn, domain) for turn in row))
    return table


def spoken(conversation: Session) -> list[tuple[str, str]]:
    """Role and words of every turn, without the system prompt."""
    return [(one.role, one.content) for one in conversation.messages if one.role != "system"]


def said(turn: list[tuple[str, str]], domain: Domain) -> Text:
    """One turn with its speaker; empty where the conversation had ended."""
    if not turn:
        return Text("")
    role, words = turn[0]
    counselor = role == "assistant"
    name = domain.settings.counselor if counselor else domain.settings.patient
    return Text.assemble((f"{name}: ", "bold"), (plain(words), "" if counselor else "dim"))


def plain(words: str) -> str:
    """Without control characters, which a model could use to write all over the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in words)


def verdict_text(entry: dict[str, Any]) -> Text:
    """The verdict's word in its colour; the reason for a withheld one stands below the table."""
    word = entry["verdict"] or "withheld"
    return Text(word, style=COLOURS.get(word, ""))


def title(analysis: dict[str, Any], text: str) -> Text:
    """A heading that never hides a scripted role."""
    roles = scripted_roles(analysis)
    return Text(f"{text} (scripted {enumerated(roles)})" if roles else text)


def number(value: float | None) -> str:
    """Two digits, or a dash where there is no number."""
    return "-" if value is None else f"{value:.2f}"


def span(low: str, high: str) -> str:
    """An interval in words."""
    return f"{low} to {high}"
