"""From judgments to one number per scenario and variant, and the count of what is missing.

Reads `eval/scenarios.jsonl`, `eval/conversations.jsonl` and `eval/judgments.jsonl` of a run. A
judgment that failed, or was never made, is missing with its reason and never a number.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eval.statistics.arrays import Array
from hybridtune.errors import DataError
from hybridtune.records import Judgment, Scenario, Session, read_jsonl
from hybridtune.runs import Run

COMBINED = "combined"
"""The mean of all dimensions of one judgment, a measure beside them."""


@dataclass(frozen=True)
class Material:
    """What the eval stage has gathered, checked to belong together."""

    scenarios: list[Scenario]
    conversations: list[Session]
    judgments: dict[str, list[Judgment]]
    """By conversation id."""


@dataclass(frozen=True)
class Cells:
    """Scores by variant, measure and scenario; a list holds one number per conversation."""

    scenarios: list[str]
    measures: list[str]
    scores: dict[str, dict[str, dict[str, list[float]]]]
    missing: dict[str, Counter[str]]
    present: Counter[str]

    def values(self, variant: str, measure: str) -> Array:
        """One number per scenario, in the scenarios' order; `nan` where all are missing."""
        groups = self.scores[variant][measure]
        means = [float(np.mean(groups[name])) if groups[name] else math.nan for name in groups]
        return np.array(means, dtype=np.float64)

    def every(self, variant: str, measure: str) -> list[float]:
        """One number per conversation."""
        return [score for group in self.scores[variant][measure].values() for score in group]

    def missing_share(self, variant: str) -> float:
        """Missing judgments among those planned."""
        missing = self.missing[variant].total()
        planned = missing + self.present[variant]
        return missing / planned if planned else math.nan


def variant_of(conversation: Session) -> str:
    """The variant that was the counselor."""
    return str(conversation.provenance.get("variant"))


def scenario_of(conversation: Session) -> str:
    """The id of the scenario that was played."""
    return str(conversation.provenance.get("scenario"))


def failure_of(conversation: Session) -> str | None:
    """Why a conversation did not come about, or None where it did; a failed one is never scored."""
    told = conversation.provenance.get("failed") or conversation.provenance.get("invalid")
    return str(told) if told else None


def load_material(run: Run, rubric: str | None = None) -> Material:
    """Read the eval folder; judgments by other rubrics than this (the evaluation's) are left aside.

    Raises:
        DataError: a record names a variant, scenario or conversation that the run does not have.
    """
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    place = str(run.eval / "conversations.jsonl")
    known = {scenario.id for scenario in scenarios}
    for one in conversations:
        check(variant_of(one), run.experiment.variants, "variant", one.id, place)
        check(scenario_of(one), known, "scenario", one.id, place)
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    ids = {one.id for one in conversations}
    by_conversation: defaultdict[str, dict[int | str, Judgment]] = defaultdict(dict)
    for judgment in judgments:
        check(
            judgment.conversation,
            ids,
            "conversation",
            judgment.id,
            str(run.eval / "judgments.jsonl"),
        )
        if judgment.rubric == (rubric or run.experiment.evaluation.rubric):
            by_conversation[judgment.conversation][judgment.id] = judgment
    kept = {name: list(judged.values()) for name, judged in by_conversation.items()}
    return Material(scenarios, conversations, kept)


def check(name: str, known: Iterable[str], what: str, record: str, place: str) -> None:
    """Refuse a record that belongs to another run."""
    if name not in known:
        raise DataError(
            f"{record} names the {what} {name!r}, which this run does not have",
            where=place,
            fix="run the eval stage again with --force",
        )


def gather(material: Material, run: Run, dimensions: list[str]) -> Cells:
    """Sort all judgments into cells, and count what is missing against what was planned."""
    settings = run.experiment.evaluation
    samples = settings.judge_samples * len(run.experiment.judges())
    names = [scenario.id for scenario in material.scenarios]
    measures = [*dimensions, COMBINED]
    cells = Cells(
        names,
        measures,
        {
            variant: {measure: {name: [] for name in names} for measure in measures}
            for variant in run.experiment.variants
        },
        {variant: Counter() for variant in run.experiment.variants},
        Counter(),
    )
    played: Counter[tuple[str, str]] = Counter()
    for conversation in material.conversations:
        variant, scenario = variant_of(conversation), scenario_of(conversation)
        played[variant, scenario] += 1
        judged = material.judgments.get(conversation.id, [])
        kept = usable(conversation, judged, samples, dimensions, cells)
        for measure in measures if kept else ():
            score = float(np.mean([scores[measure] for scores in kept]))
            cells.scores[variant][measure][scenario].append(score)
    for variant in run.experiment.variants:
        absent = sum(max(settings.repeats - played[variant, name], 0) for name in names)
        if absent:
            cells.missing[variant]["no conversation"] += absent * samples
    return cells


def usable(
    conversation: Session, judged: list[Judgment], samples: int, dimensions: list[str], cells: Cells
) -> list[dict[str, float]]:
    """The scores of one conversation's judgments by measure, and the count of the others."""
    variant = variant_of(conversation)
    if reason := failure_of(conversation):
        cells.missing[variant][f"no conversation: {short(reason)}"] += samples
        return []
    kept = []
    for judgment in judged:
        if judgment.scores is None:
            cells.missing[variant][short(judgment.missing or "no reason given")] += 1
        elif absent := [name for name in dimensions if name not in judgment.scores]:
            cells.missing[variant][f"not scored: {', '.join(absent)}"] += 1
        else:
            scores = {name: float(judgment.scores[name].score) for name in dimensions}
            kept.append({**scores, COMBINED: sum(scores.values()) / len(scores)})
    if len(judged) < samples:
        cells.missing[variant]["not judged"] += samples - len(judged)
    cells.present[variant] += len(kept)
    return kept


def short(reason: str) -> str:
    """A reason as one short line, so that equal ones count together."""
    line = " ".join(reason.split())
    return line if len(line) <= 100 else line[:97] + "..."
