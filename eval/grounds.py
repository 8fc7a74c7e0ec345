"""The report's first screen: what the answer rests on, and what of it is weak.

Takes the dictionary that `eval.analysis.analyse` builds, the report's safety section and what
`eval.trainings` found. Reads and writes no files.
"""

from typing import Any, NamedTuple

from eval.claims import enumerated, scripted_roles
from eval.nearness import reached, scripted, unseen
from eval.table import number

Analysis = dict[str, Any]
OFTEN = 0.1
"""A larger share of conversations thrown away is a sign of a poor patient."""


class Ground(NamedTuple):
    """One thing that the answer rests on, and whether it is weak."""

    label: str
    text: str
    weak: bool


def grounds(
    analysis: Analysis, safety: Analysis | None, trainings: Analysis | None
) -> list[Ground]:
    """What a reader must know of models, judge, data and safety before the first number."""
    return [
        *stand_in_grounds(analysis),
        *judge_grounds(analysis["judge_quality"]),
        *scenario_ground(analysis),
        *conversation_grounds(analysis),
        *training_grounds(trainings),
        *safety_grounds(safety),
    ]


def stand_in_grounds(analysis: Analysis) -> list[Ground]:
    """Who was scripted, if anybody."""
    roles = scripted_roles(analysis)
    text = f"{enumerated(roles)} scripted, no model" if roles else "no role is scripted"
    toy = (
        [Ground("base model", "embedded micro model, a toy", weak=True)] if analysis["toy"] else []
    )
    return [Ground("stand-ins", text, weak=bool(roles)), *toy]


def judge_grounds(quality: Analysis) -> list[Ground]:
    """Calibration and probes of the judges."""
    found = [Ground("calibration", "judge not calibrated against people", weak=True)]
    if quality["calibrated"]:
        found = [
            calibration_ground(name, one)
            for name, ones in quality["calibration"].items()
            for one in ones
        ]
    if not quality["probes"]:
        return [*found, Ground("probes", "judge not probed", weak=True)]
    return [*found, *(probe_ground(name, told) for name, told in quality["probes"].items())]


def calibration_ground(judge: str, one: Analysis) -> Ground:
    """How far a judge follows people's ratings, beside what mere length does."""
    rank, length = one["spearman"]["value"], one["length"]["value"]
    text = f"{judge}, {one['measure']}: Spearman {number(rank)} (length alone {number(length)})"
    weak = rank is None or length is None or rank <= length
    return Ground("calibration", text, weak=weak or bool(one["findings"]))


def probe_ground(judge: str, told: Analysis) -> Ground:
    """How many probes a judge passed, and which it did not."""
    by: dict[str, list[str]] = {"passed": [], "failed": [], "unclear": []}
    for probe, one in told["probes"].items():
        by[one["outcome"]].append(probe)
    parts = [f"{judge} passed {len(by['passed'])} of {len(told['probes'])}"]
    parts += [f"{word}: {', '.join(by[word])}" for word in ("failed", "unclear") if by[word]]
    return Ground("probes", "; ".join(parts), weak=bool(by["failed"] or by["unclear"]))


def scenario_ground(analysis: Analysis) -> list[Ground]:
    """Who wrote the scenarios, where it was a model."""
    writers = analysis["scenario_writers"]
    if not writers:
        return []
    text = f"written by {enumerated([one['name'] for one in writers])}"
    by_teacher = any(one in writers for one in analysis["models"]["teacher"])
    more = ", as are the synthetic sessions" if by_teacher else ""
    return [Ground("scenarios", text + more, weak=by_teacher)]


def conversation_grounds(analysis: Analysis) -> list[Ground]:
    """What was lost or thrown away on the way, and signs of a variant under a wrong name."""
    lost = sum(one["missing"] for one in analysis["missing"].values())
    planned = sum(one["planned"] for one in analysis["missing"].values())
    thrown = sum(one["thrown"] for one in analysis["simulation"].values())
    tries = sum(one["tries"] for one in analysis["simulation"].values())
    return [
        Ground("judgments", f"{lost} of {planned} missing", weak=lost > 0),
        Ground("patient", f"left its role in {thrown} of {tries} tries", thrown > tries * OFTEN),
        *alike_ground(analysis),
        *overlap_ground(analysis["overlap"]),
        *nearness_ground(analysis["nearness"]),
    ]


def alike_ground(analysis: Analysis) -> list[Ground]:
    """Variants that mostly begin with the same reply; nothing where there are none."""
    alike = [one for one in analysis["identical_replies"] if 2 * one["same"] > one["n"]]
    if not alike:
        return []
    told = ", ".join(f"{one['a']} and {one['b']} ({one['same']} of {one['n']})" for one in alike)
    return [Ground("variants", f"the same first reply: {told}", weak=True)]


def overlap_ground(overlap: Analysis | None) -> list[Ground]:
    """How many training sessions share words with the scenarios; nothing where nobody looked."""
    if overlap is None:
        return []
    sharing = sum(one["sharing"] for one in overlap["sources"].values())
    sessions = sum(one["sessions"] for one in overlap["sources"].values())
    text = f"{sharing} of {sessions} training sessions share a run of words with a scenario"
    return [Ground("held out", text, weak=sharing > 0)]


def nearness_ground(found: Analysis) -> list[Ground]:
    """Whether training data come near to scenarios by embeddings; nothing where nobody looked."""
    if not found["measured"]:
        return []
    near = reached(found)
    told = ", ".join(f"{name} {count}" for name, count in near.items())
    text = f"scenarios with a near-duplicate in training data: {told or 'none'}"
    stand_in = " (by a stand-in, which sees letters alone)" if scripted(found) else ""
    median = unseen(found)
    hidden = (
        ""
        if median is None
        else (
            f"; talks on the scenario itself come to {median:.2f} only, and"
            f" {found['threshold']:g} counts as near"
        )
    )
    weak = bool(near or stand_in or hidden)
    return [Ground("held out, by embeddings", text + stand_in + hidden, weak)]


def training_grounds(trainings: Analysis | None) -> list[Ground]:
    """Whether the trainings can be compared."""
    if trainings is None:
        return [Ground("training", "no training record in this run", weak=True)]
    warnings = trainings["warnings"]
    text = f"{len(warnings)} warning{'s' if len(warnings) != 1 else ''} on comparability"
    return [
        Ground("training", text if warnings else "variants differ in data alone", bool(warnings))
    ]


def safety_grounds(safety: Analysis | None) -> list[Ground]:
    """The gate's state by variant; nothing where the pack has no suite."""
    if safety is None:
        return []
    states: dict[str, list[str]] = {}
    for name, one in safety["gate"].items():
        states.setdefault(one["state"], []).append(name)
    text = "; ".join(f"{state}: {enumerated(names)}" for state, names in states.items())
    return [Ground("safety gate", text, weak=states.keys() != {"passed"})]
