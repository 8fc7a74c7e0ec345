"""The report's browser: every scenario with every conversation that was held on it.

Reads `eval/comparisons.jsonl` where pairs were compared; the other records are given. Writes
nothing.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from eval.cells import load_material, scenario_of
from eval.judging import rubrics_of
from eval.pairwise import Pair
from eval.transcripts import Transcript, judgments_of, title_of, transcript
from hybridtune.records import Judgment, Scenario, iter_jsonl
from hybridtune.runs import Run


@dataclass(frozen=True)
class Card:
    """One scenario: what it is, and how each variant met it, repeat by repeat."""

    id: str
    title: str
    theme: str
    story: list[tuple[str, str]]
    rounds: list[list[Transcript]]
    pairs: list[str]


def cards(run: Run) -> list[Card]:
    """All scenarios in their order; a conversation's anchor is its place in the file."""
    materials = [load_material(run, rubric) for rubric in rubrics_of(run)]
    material, rubric = materials[0], run.experiment.evaluation.rubric
    by_scenario: defaultdict[str, list[Transcript]] = defaultdict(list)
    for place, conversation in enumerate(material.conversations):
        judgments: list[Judgment] = []
        for one in materials:
            judgments += judgments_of(conversation, one, run)
        shown = transcript(conversation, judgments, rubric, f"talk-{place}")
        by_scenario[scenario_of(conversation)].append(shown)
    pairs = pair_lines(run)
    return [card(one, by_scenario[one.id], pairs[one.id], run) for one in material.scenarios]


def card(scenario: Scenario, talks: list[Transcript], pairs: list[str], run: Run) -> Card:
    """One scenario's card, the variants in the experiment's order."""
    order = list(run.experiment.variants)
    rounds: defaultdict[int, list[Transcript]] = defaultdict(list)
    for talk in sorted(talks, key=lambda one: (one.repeat, order.index(one.variant))):
        rounds[talk.repeat].append(talk)
    return Card(
        id=scenario.id,
        title=title_of(scenario),
        theme=str(scenario.provenance.get("theme") or ""),
        story=story(scenario),
        rounds=list(rounds.values()),
        pairs=pairs,
    )


def story(scenario: Scenario) -> list[tuple[str, str]]:
    """The scenario's fields beside its title, and the person in one line."""
    fields = [(name, one) for name, one in scenario.scenario.items() if name != "summary"]
    named = [*fields, ("person", scenario.persona)] if scenario.persona else fields
    return [(name.replace("_", " "), told(value)) for name, value in named]


def told(value: Any) -> str:
    """A value of a scenario or persona as text, whatever its schema."""
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {told(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "\n".join(told(one) for one in value)
    return str(value)


def pair_lines(run: Run) -> defaultdict[str, list[str]]:
    """By scenario, who won each comparison in pairs."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    path = run.eval / "comparisons.jsonl"
    if run.experiment.evaluation.judging.pairwise and path.is_file():
        for pair in iter_jsonl(path, Pair):
            lines[pair.scenario].append(f"{pair.first} against {pair.second}: {outcome(pair)}")
    return lines


def outcome(pair: Pair) -> str:
    """The winner by name, or why there is none."""
    if pair.winner is None:
        return f"missing ({pair.missing}; {pair.judge})"
    names = {"first": pair.first, "second": pair.second, "tie": "tie"}
    orders = "" if pair.agreed else ", the two orders disagree"
    return f"{names[pair.winner]} ({pair.judge}{orders})"


def lowest(found: list[Card], variants: list[str]) -> list[Transcript]:
    """The conversation with the lowest score of every variant: where to look for failures."""
    worst = []
    for variant in variants:
        scored = [
            (talk.score, talk)
            for card in found
            for talks in card.rounds
            for talk in talks
            if talk.variant == variant and talk.score is not None
        ]
        if scored:
            worst.append(min(scored, key=lambda pair: pair[0])[1])
    return worst
