"""What is known of the judges, for the report's first page: calibration, probes, audit.

Reads `eval/probes.json` and `eval/audit.json` of a run, and the calibration that the experiment
names; what is not there is said to be missing. A scripted judge is no judge: with it no comparison
gets a verdict.
"""

import hashlib
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError
from hybridtune.records import read_json
from hybridtune.runs import Run

Analysis = dict[str, Any]
UNCALIBRATED = "The judge has not been calibrated against human ratings."
UNPROBED = "The judge was not probed: what moves its scores is not known."


def judge_quality(run: Run, models: list[dict[str, str]]) -> Analysis:
    """The three files' figures of the judges that judged this run.

    `calibration`: {judge: [{measure, by, n, spearman, kappa, mae, length, findings}]}, or null;
    `calibrated`: whether every judge's model is in it; `probes`, `audit`: {judge: ...}, or null.
    """
    told = named_calibration(run)
    calibration = calibration_of(run, told, models)
    known = [one["model"] for name, one in told["judges"].items() if name in (calibration or {})]
    return {
        "calibration": calibration,
        "calibrated": bool(models) and all(model in known for model in models),
        "probes": of_file(run, "probes.json", models),
        "audit": of_file(run, "audit.json", models),
    }


def of_file(run: Run, name: str, models: list[dict[str, str]]) -> Analysis | None:
    """By judge what a file says of the models that judged here.

    None where it is by another rubric, or of conversations that were held anew since.
    """
    path = run.eval / name
    if not path.is_file():
        return None
    told, rubric = read_json(path), run.experiment.evaluation.rubric
    if told["rubric"] != rubric or told.get("sha256") != conversations_digest(run):
        return None
    found = {name: one for name, one in told["judges"].items() if one["model"] in models}
    return found or None


def conversations_digest(run: Run) -> str:
    """SHA-256 of the run's conversations, by which probes and audit know what they are of."""
    return hashlib.sha256((run.eval / "conversations.jsonl").read_bytes()).hexdigest()


def named_calibration(run: Run) -> Analysis:
    """The calibration that the experiment names; one without judges where it names none.

    Raises:
        DataError: the file is not there, or is no calibration.
    """
    named = run.experiment.evaluation.judging.calibration
    if named is None:
        return {"judges": {}, "measures": {}, "settings": {}}
    told = read_json(Path(named))
    if not isinstance(told, dict) or not {"judges", "measures", "settings"} <= told.keys():
        raise DataError("not a calibration", where=named, fix="`hybridtune judge calibrate`")
    return told


def calibration_of(run: Run, told: Analysis, models: list[dict[str, str]]) -> Analysis | None:
    """The figures of these models in a calibration by the same rubric."""
    if told["settings"].get("rubric") != run.experiment.evaluation.rubric:
        return None
    found = {
        name: [
            figures(measure, one, name)
            for measure, one in told["measures"].items()
            if name in one.get("predictors", {})
        ]
        for name, judge in told["judges"].items()
        if judge["model"] in models
    }
    return {name: measures for name, measures in found.items() if measures} or None


def figures(measure: str, told: Analysis, judge: str) -> Analysis:
    """One measure's figures of one judge, beside those of length."""
    one = told["predictors"][judge]
    return {
        "measure": measure,
        "by": one["by"],
        "n": told["n"],
        **{name: one[name] for name in ("spearman", "kendall", "kappa", "mae")},
        "length": told["predictors"]["length"]["spearman"],
        "findings": told["findings"] + one["findings"],
    }


def quality_notes(analysis: Analysis) -> list[str]:
    """What a reader must know of the judges beforehand."""
    quality = analysis["judge_quality"]
    lines = [] if quality["calibrated"] else [UNCALIBRATED]
    for measures in (quality["calibration"] or {}).values():
        lines += [line for one in measures for line in one["findings"]]
    if not quality["probes"]:
        lines.append(UNPROBED)
    for name, told in (quality["probes"] or {}).items():
        failed = [probe for probe, one in told["probes"].items() if one["outcome"] == "failed"]
        if failed:
            lines.append(f"The judge {name} failed the probes {', '.join(failed)}.")
    for name, told in (quality["audit"] or {}).items():
        lines += [f"The judge {name}: {line}" for line in (*told["findings"], *told["notes"])]
    return lines


def any_scripted(analysis: Analysis) -> bool:
    """Whether a scripted judge has judged, be it one among several."""
    return any(one["kind"] == "scripted" for one in analysis["models"]["judge"])
