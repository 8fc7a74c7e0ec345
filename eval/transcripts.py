"""Conversations as the report shows them, with the words that judges quoted marked.

Reads nothing and writes nothing: `eval.browser` gives it the records, and the report's templates
escape all that it returns.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from eval.cells import Material, failure_of, variant_of
from hybridtune.records import Evidence, Judgment, Scenario, Session
from hybridtune.runs import Run


@dataclass(frozen=True)
class Turn:
    """One turn in pieces: text, and the dimensions for which a judge quoted it (often none)."""

    role: str
    pieces: list[tuple[str, str]]


@dataclass(frozen=True)
class Verdict:
    """What a judge said on one dimension, with the words that it quoted for it."""

    judge: str
    rubric: str
    dimension: str
    score: int
    quotes: list[tuple[str, bool]]
    """Each with whether the counselor said it."""


@dataclass(frozen=True)
class Transcript:
    """One conversation to show."""

    anchor: str
    id: str
    variant: str
    repeat: int
    ended: str
    failed: bool
    means: dict[str, float]
    """By dimension of the evaluation's rubric, over judges and samples."""
    verdicts: list[Verdict]
    missing: list[str]
    turns: list[Turn]

    @property
    def score(self) -> float | None:
        """The mean of all dimensions."""
        return fmean(self.means.values()) if self.means else None


def transcript(
    conversation: Session, judgments: list[Judgment], rubric: str, anchor: str
) -> Transcript:
    """A conversation with its verdicts; words quoted by the evaluation's rubric are marked."""
    scored = [one for one in judgments if one.scores is not None and one.rubric == rubric]
    quotes = [
        (dimension, quote)
        for judgment in scored
        for dimension, evidence in (judgment.scores or {}).items()
        for quote, _ in quotes_of(evidence)
    ]
    failure = failure_of(conversation)
    return Transcript(
        anchor=anchor,
        id=conversation.id,
        variant=variant_of(conversation),
        repeat=int(conversation.provenance.get("repeat", 0)),
        ended=str(failure or conversation.provenance.get("ended", "?")),
        failed=failure is not None,
        means=means(scored),
        verdicts=[verdict for judgment in judgments for verdict in verdicts(judgment)],
        missing=[f"{one.judge}: {one.missing}" for one in judgments if one.missing],
        turns=[
            Turn(one.role, marked(one.content, quotes if one.role == "assistant" else []))
            for one in conversation.messages
            if one.role != "system"
        ],
    )


def means(judgments: Iterable[Judgment]) -> dict[str, float]:
    """By dimension the mean over these judgments."""
    scores: dict[str, list[int]] = {}
    for judgment in judgments:
        for name, evidence in (judgment.scores or {}).items():
            scores.setdefault(name, []).append(evidence.score)
    return {name: fmean(values) for name, values in scores.items()}


def verdicts(judgment: Judgment) -> list[Verdict]:
    """One judgment, dimension by dimension."""
    return [
        Verdict(judgment.judge, judgment.rubric, name, evidence.score, quotes_of(evidence))
        for name, evidence in (judgment.scores or {}).items()
    ]


def quotes_of(evidence: Evidence) -> list[tuple[str, bool]]:
    """The quotes behind a score, each once: its own, and those of a checklist's items."""
    quoted = [(evidence.quote, evidence.quote_found)]
    quoted += [(one.quote, one.quote_found) for one in evidence.items.values()]
    return list(dict.fromkeys(one for one in quoted if one[0].strip()))


def judgments_of(conversation: Session, material: Material, run: Run) -> list[Judgment]:
    """What the judges said of a conversation; nothing counts of a failed one."""
    if failure_of(conversation):
        return []
    limit = run.experiment.evaluation.judge_samples * len(run.experiment.judges())
    return sorted(material.judgments.get(conversation.id, []), key=lambda one: one.sample)[:limit]


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
