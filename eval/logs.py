"""Conversations that happened, read by the judge: scores by group, without a simulated patient.

Reads a file of conversations (`eval/chats.py`). Writes `eval/conversations.jsonl`,
`eval/judgments.jsonl` and `eval/logs.json` in a run folder of its own. Groups hold different
people's conversations: differences between them are observed, not caused by the variant.
"""

import hashlib
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

from eval.analysis import jsonable, words
from eval.cells import short, variant_of
from eval.chats import ALL, read_chats
from eval.judging import judge_all, rubrics_of
from eval.readings import COMBINED
from eval.statistics.describe import summary
from eval.statistics.holm import holm
from eval.statistics.unpaired import welch
from hybridtune.chat.model import ChatModel
from hybridtune.domain import Domain, Rubric
from hybridtune.errors import RunError
from hybridtune.progress import Reporter
from hybridtune.records import Judgment, Session, read_json, read_jsonl, write_json, write_jsonl
from hybridtune.runs import Run

Scores = dict[str, dict[str, list[float]]]
"""By group and measure, one number per conversation."""


async def score_logs(
    run: Run, domain: Domain, judge: ChatModel, file: Path, reporter: Reporter
) -> dict[str, Any]:
    """Judge a file's conversations and write `eval/logs.json`.

    Raises:
        DataError: the file cannot be read.
        RunError: the folder holds the scores of another file.
        StageError: more than a tenth of the judgments are missing.
    """
    sessions = read_chats(file, domain.name)
    source = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    target = run.eval / "logs.json"
    if target.exists() and read_json(target)["source"] != source:
        raise RunError("holds the scores of another file", where=str(run.path), fix="--run NAME")
    write_jsonl(run.eval / "conversations.jsonl", sessions)
    await judge_all(run, domain, judge, reporter)
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    rubric = domain.rubric(run.experiment.evaluation.rubric)
    found = jsonable(
        {
            "experiment": run.experiment.name,
            "source": source,
            "rubric": {"name": rubric.name, "low": rubric.low, "high": rubric.high},
            "further_rubrics": rubrics_of(run)[1:],
            "judge": judge.description,
            "scripted": judge.description["kind"] == "scripted",
            **compared(sessions, judgments, rubric, run.experiment.evaluation.alpha),
        }
    )
    found["notes"] = notes(found)
    write_json(target, found)
    return dict(found)


def compared(
    sessions: list[Session], judgments: list[Judgment], rubric: Rubric, alpha: float
) -> dict[str, Any]:
    """The part of the analysis that holds the numbers."""
    by_group: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_group[variant_of(session)].append(session)
    scores, missing = scores_of(judgments, rubric)
    return {
        "groups": {
            name: {
                "conversations": len(held),
                "missing": dict(missing[name]),
                "words": words(held),
                "measures": {
                    measure: summary(scores[name][measure], alpha)._asdict()
                    for measure in (*rubric.dimensions, COMBINED)
                },
            }
            for name, held in sorted(by_group.items())
        },
        "contrasts": contrasts(scores, sorted(by_group), list(rubric.dimensions), alpha),
    }


def scores_of(judgments: list[Judgment], rubric: Rubric) -> tuple[Scores, dict[str, Counter[str]]]:
    """Each conversation's mean over its readings by this rubric, and what is missing, by group."""
    readings: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    missing: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for judgment in judgments:
        if judgment.rubric != rubric.name:
            continue
        if judgment.scores is None:
            missing[judgment.variant][short(judgment.missing or "no reason given")] += 1
            continue
        read = {name: float(judgment.scores[name].score) for name in rubric.dimensions}
        read[COMBINED] = sum(read.values()) / len(read)
        readings[judgment.variant, judgment.conversation].append(read)
    scores: defaultdict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (group, _), several in readings.items():
        for measure in several[0]:
            mean = sum(one[measure] for one in several) / len(several)
            scores[group][measure].append(mean)
    return scores, missing


def contrasts(
    scores: Scores, groups: list[str], measures: list[str], alpha: float
) -> list[dict[str, Any]]:
    """Every pair of groups on every dimension, the p values corrected together (Holm)."""
    entries: list[dict[str, Any]] = [
        {"a": a, "b": b, "measure": measure}
        | welch(scores[a][measure], scores[b][measure], alpha)._asdict()
        for a, b in combinations(groups, 2)
        for measure in measures
    ]
    for entry, p in zip(entries, holm([one["p"] for one in entries]), strict=True):
        entry["p_holm"] = float(p)
    return entries


def notes(found: dict[str, Any]) -> list[str]:
    """What to know before believing a number."""
    lines = []
    if found["scripted"]:
        lines.append("The judge is scripted: the numbers show the machinery, not quality.")
    if ALL not in found["groups"] or len(found["groups"]) > 1:
        lines.append(
            "The groups hold different conversations of different people: a difference may come"
            " from who talked to which."
        )
    if found["further_rubrics"]:
        lines.append(
            f"Scores are by the rubric {found['rubric']['name']} alone; the verdicts by"
            f" {', '.join(found['further_rubrics'])} are in eval/judgments.jsonl."
        )
    count = sum(sum(group["missing"].values()) for group in found["groups"].values())
    lines.append(f"Missing judgments: {count}; they count as missing, never as a score.")
    return lines
