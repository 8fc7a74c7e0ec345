"""Whole chains on a terminal: who comes, with what, what was written, and what becomes of it.

What models wrote is printed as text, never as markup.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from generation.decisions import Decided, decide
from generation.meter import Spent
from generation.outcomes import Outcome
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import DomainSettings
from hybridtune.records import Message

COLOURS = {"accepted": "green", "flagged": "yellow", "rejected": "red"}


def chains(
    outcomes: Sequence[Outcome], settings: GenerationSettings, names: DomainSettings
) -> Iterator[RenderableType]:
    """Every row from its persona to the rules' decision; likeness to other rows is left out."""
    for outcome in outcomes:
        yield Text(f"row {outcome.row.index + 1}: {outcome.row.theme}", style="bold")
        if outcome.persona:
            yield facts("persona", outcome.persona.persona)
        for chain in outcome.chains:
            if chain.scenario:
                yield facts("scenario", chain.scenario.scenario)
            for each in decide(chain, settings, lambda _: None):
                yield draft(each, names)
        yield from failures(outcome)


def facts(title: str, content: Mapping[str, Any]) -> Panel:
    """A persona or a scenario: names and what is said of each."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in content.items():
        table.add_row(Text(name.replace("_", " ")), Text(plain(value)))
    return Panel(table, title=title, title_align="left")


def plain(value: Any) -> str:
    """A value of a schema in words."""
    if isinstance(value, Mapping):
        return ": ".join(plain(each) for each in value.values())
    if isinstance(value, list | tuple):
        return "\n".join(plain(each) for each in value)
    return str(value)


def draft(decided: Decided, names: DomainSettings, *, turns: bool = True) -> Panel:
    """The turns, the scores with their quotes, and the decision."""
    review = decided.review
    verdict = Text(f"{review.status}: {review.reason}, {review.detail}", COLOURS[review.status])
    said = [talk(decided.take.draft.messages, names)] if turns else []
    parts = Table.grid()
    for part in (*said, *scores(decided), Padding(verdict, (1, 0, 0, 0))):
        parts.add_row(part)
    return Panel(parts, title=decided.take.draft.id, title_align="left")


def talk(messages: Iterable[Message], names: DomainSettings) -> Table:
    """The turns behind their speakers' names."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for message in messages:
        speaker = names.patient if message.role == "user" else names.counselor
        table.add_row(Text(speaker, style="dim"), Text(message.content))
    return table


def scores(decided: Decided) -> Iterator[RenderableType]:
    """Dimension, score and quote; a quote that nobody said is marked."""
    ranking = decided.take.ranking
    if ranking is None or not ranking.scores:
        return
    table = Table(box=None, padding=(0, 1), show_edge=False)
    for name in ("dimension", "score", "quote"):
        table.add_column(name, overflow="fold", justify="right" if name == "score" else "left")
    for name, each in ranking.scores.items():
        quote = Text(each.quote, style="" if each.quote_found else "yellow")
        table.add_row(name, str(each.score), quote if each.quote_found else quote + " (not found)")
    yield Padding(table, (1, 0, 0, 0))


def failures(outcome: Outcome) -> Iterator[Text]:
    """What of a row did not come, and why."""
    for failure in outcome.all_failures():
        yield Text(f"{failure.id}: {failure.reason}", style="red")


def spent_on(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Calls and tokens of some rows together."""
    spent = Spent()
    for outcome in outcomes:
        spent.add(outcome.tokens)
    kinds = ("calls", "prompt_tokens", "completion_tokens")
    return {kind: sum(task[kind] for task in spent.counts().values()) for kind in kinds}
