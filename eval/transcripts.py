"""Conversations as the report shows them: side by side, with the words that judges quoted marked.

Reads nothing and writes nothing: `eval.report` gives it the records and escapes all it returns.
"""

import itertools
import re
from dataclasses import dataclass

from eval.cells import Material, failure_of, variant_of
from eval.table import draw, first_of
from hybridtune.records import Judgment, Scenario, Session
from hybridtune.runs import Run

DRAWN = 3


@dataclass(frozen=True)
class Turn:
    """One turn in pieces: text, and the dimensions for which a judge quoted it (often none)."""

    role: str
    pieces: list[tuple[str, str]]


@dataclass(frozen=True)
class Transcript:
    """One conversation to show."""

    id: str
    variant: str
    ended: str
    scores: list[dict[str, int]]
    missing: list[str]
    turns: list[Turn]


@dataclass(frozen=True)
class Sample:
    """One scenario and how each variant met it."""

    scenario: Scenario
    transcripts: list[Transcript]


def samples(material: Material, run: Run) -> list[Sample]:
    """Scenarios drawn by the run's seed, each with the first conversation of every variant."""
    names = list(run.experiment.variants)
    seed, conversations = run.experiment.seed, material.conversations
    return [
        Sample(
            scenario,
            [
                transcript(first_of(conversations, scenario.id, name), material, run)
                for name in names
            ],
        )
        for scenario in draw(material.scenarios, conversations, names, seed, DRAWN)
    ]


def lowest(material: Material, run: Run) -> list[Transcript]:
    """The conversation with the lowest score of every variant: where to look for failures."""
    scored: dict[str, tuple[float, Session]] = {}
    for conversation in material.conversations:
        score = total(judgments_of(conversation, material, run))
        worst = scored.get(variant_of(conversation))
        if score is not None and (worst is None or score < worst[0]):
            scored[variant_of(conversation)] = (score, conversation)
    return [
        transcript(scored[name][1], material, run)
        for name in run.experiment.variants
        if name in scored
    ]


def total(judgments: list[Judgment]) -> float | None:
    """Mean of all scores of a conversation, or None where it has none."""
    scores = [one.score for judgment in judgments for one in (judgment.scores or {}).values()]
    return sum(scores) / len(scores) if scores else None


def judgments_of(conversation: Session, material: Material, run: Run) -> list[Judgment]:
    """What the judge said of a conversation; nothing counts of a failed one."""
    if failure_of(conversation):
        return []
    limit = run.experiment.evaluation.judge_samples * len(run.experiment.judges())
    return sorted(material.judgments.get(conversation.id, []), key=lambda one: one.sample)[:limit]


def transcript(conversation: Session, material: Material, run: Run) -> Transcript:
    """A conversation with its scores and marked quotes."""
    judgments = judgments_of(conversation, material, run)
    quotes = [
        (name, evidence.quote)
        for judgment in judgments
        for name, evidence in (judgment.scores or {}).items()
    ]
    ended = failure_of(conversation) or conversation.provenance.get("ended", "?")
    return Transcript(
        conversation.id,
        variant_of(conversation),
        str(ended),
        [
            {name: evidence.score for name, evidence in judgment.scores.items()}
            for judgment in judgments
            if judgment.scores is not None
        ],
        [judgment.missing for judgment in judgments if judgment.missing],
        [
            Turn(one.role, marked(one.content, quotes if one.role == "assistant" else []))
            for one in conversation.messages
            if one.role != "system"
        ],
    )


def marked(text: str, quotes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Cut a text into pieces, each with the names of the quotes that cover it, joined by comma.

    Upper and lower case and white space may differ between a quote and the text.
    """
    spans = [(*span, name) for name, quote in quotes for span in places(quote, text)]
    cuts = sorted({0, len(text), *(cut for start, end, _ in spans for cut in (start, end))})
    pieces = []
    for start, end in itertools.pairwise(cuts):
        names = dict.fromkeys(name for a, b, name in spans if a <= start and end <= b)
        pieces.append((text[start:end], ", ".join(names)))
    return pieces


def places(quote: str, text: str) -> list[tuple[int, int]]:
    """Where a quote occurs in a text."""
    if not quote.strip():
        return []
    pattern = r"\s+".join(re.escape(word) for word in quote.split())
    return [found.span() for found in re.finditer(pattern, text, re.IGNORECASE)]


def title_of(scenario: Scenario) -> str:
    """What a scenario is about, in its own words where it has a summary."""
    return str(scenario.scenario.get("summary") or scenario.id)
