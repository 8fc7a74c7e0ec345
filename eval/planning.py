"""What a planned evaluation can find, before anything is spent.

Takes an experiment, and the analysis of an earlier evaluation as its pilot where there is one (see
`eval.analysis` for its keys). Reads and writes no files.
"""

from typing import Any

from eval.statistics.power import ASSUMED, Components, detectable, sd_of_differences
from hybridtune.config import Experiment


def components_of(analysis: dict[str, Any]) -> dict[str, Components]:
    """The components of every dimension that has them."""
    told: dict[str, dict[str, float | None]] = analysis.get("components", {})
    return {
        name: Components(**{key: value or 0.0 for key, value in parts.items()})
        for name, parts in told.items()
        if name in analysis["rubric"]["dimensions"] and parts["scenario_variant"] is not None
    }


def widest(found: dict[str, Components]) -> Components:
    """The dimension whose differences spread most: a plan must do for it too."""
    return max(found.values(), key=lambda parts: sd_of_differences(parts, 1, 1))


def sight(
    experiment: Experiment, scenarios: int, dimensions: int, analysis: dict[str, Any] | None
) -> list[str]:
    """What a planned evaluation can find, in lines, before anything is spent."""
    settings = experiment.evaluation
    found = components_of(analysis) if analysis else {}
    parts = widest(found) if found else ASSUMED
    couples = len(experiment.variants) * (len(experiment.variants) - 1) // 2
    tests = max(couples * dimensions, 1)
    judges = len(experiment.judges())
    one, corrected = (
        detectable(parts, scenarios, settings.repeats, judges, settings.judge_samples, alpha=level)
        for level in (settings.alpha, settings.alpha / tests)
    )
    spread = sd_of_differences(parts, settings.repeats, judges, settings.judge_samples)
    source = "of this run's last evaluation" if found else "assumed; see hybridtune power"
    return [
        f"{scenarios} scenarios x {settings.repeats} conversation(s) x {judges} judge(s) x"
        f" {settings.judge_samples} judgment(s): finds true differences from {one:.2f} points on,"
        f" from {corrected:.2f} in a family of {tests} tests"
        f" (80 % power, paired SD {spread:.2f} {source})"
    ]
