"""From judgments to one number per scenario and variant, and the count of what is missing.

Reads `eval/scenarios.jsonl`, `eval/conversations.jsonl` and `eval/judgments.jsonl` of a run. A
judgment that failed, or was never made, is missing with its reason and never a number.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.readings import COMBINED, Readings, readings, scores_of
from eval.statistics.arrays import Array
from hybridtune.errors import DataError
from hybridtune.records import Judgment, Message, Scenario, Session, read_jsonl
from hybridtune.runs import Run
from hybridtune.scripted.text import words


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
    readings: Readings
    words: dict[str, Array]
    """By variant: mean words of a counselor turn in each scenario, in those scored."""

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
    settings, variants = run.experiment.evaluation, list(run.experiment.variants)
    names = [scenario.id for scenario in material.scenarios]
    read = [one for many in material.judgments.values() for one in many]
    judges = max(len({one.judge for one in read}), len(run.experiment.judges()))
    planned = settings.judge_samples * judges
    missing: dict[str, Counter[str]] = {variant: Counter() for variant in variants}
    present: Counter[str] = Counter()
    judged, lengths = [], {variant: defaultdict[str, list[float]](list) for variant in variants}
    played: Counter[tuple[str, str]] = Counter()
    for conversation in material.conversations:
        variant, scenario = variant_of(conversation), scenario_of(conversation)
        many = material.judgments.get(conversation.id, [])
        usable = count(conversation, many, planned, dimensions, missing[variant])
        present[variant] += usable
        if usable:
            place = (variants.index(variant), names.index(scenario), played[variant, scenario])
            judged.append((place, many))
            lengths[variant][scenario].append(words_per_turn(conversation.messages))
        played[variant, scenario] += 1
    for variant in variants:
        absent = sum(max(settings.repeats - played[variant, name], 0) for name in names)
        if absent:
            missing[variant]["no conversation"] += absent * planned
    block = readings(judged, (len(variants), len(names)), dimensions)
    lengths_of = {
        variant: np.array([np.mean(found[name]) if name in found else np.nan for name in names])
        for variant, found in lengths.items()
    }
    scores = {variant: by_scenario(block, place, names) for place, variant in enumerate(variants)}
    return Cells(names, [*dimensions, COMBINED], scores, missing, present, block, lengths_of)


def by_scenario(
    block: Readings, variant: int, names: list[str]
) -> dict[str, dict[str, list[float]]]:
    """A variant's scores by measure and scenario, one number per conversation that has any."""
    return {
        measure: {
            name: [float(score) for score in row if not math.isnan(score)]
            for name, row in zip(names, block.conversations(measure)[variant], strict=True)
        }
        for measure in block.scores
    }


def count(
    conversation: Session,
    judged: list[Judgment],
    planned: int,
    dimensions: list[str],
    missing: Counter[str],
) -> int:
    """How many of a conversation's judgments can be used; the others are counted by reason."""
    if reason := failure_of(conversation):
        missing[f"no conversation: {short(reason)}"] += planned
        return 0
    usable = 0
    for judgment in judged:
        if judgment.scores is None:
            missing[short(judgment.missing or "no reason given")] += 1
        elif scores_of(judgment, dimensions) is None:
            absent = [name for name in dimensions if name not in judgment.scores]
            missing[f"not scored: {', '.join(absent)}"] += 1
        else:
            usable += 1
    if len(judged) < planned:
        missing["not judged"] += planned - len(judged)
    return usable


def words_per_turn(messages: Sequence[Message]) -> float:
    """Mean words of a counselor turn; `nan` where it says nothing."""
    counts = [len(words(turn.content)) for turn in messages if turn.role == "assistant"]
    return sum(counts) / len(counts) if any(counts) else math.nan


def short(reason: str) -> str:
    """A reason as one short line, so that equal ones count together."""
    line = " ".join(reason.split())
    return line if len(line) <= 100 else line[:97] + "..."
