"""The steps of a stage: what each depends on, what it writes, and when it must run.

Every stage package lists its own in `steps.py`; the command line walks them all, and
`python -m eval RUN` and its like walk one stage's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridtune.config import Experiment
from hybridtune.manifest import Manifest
from hybridtune.progress import Reporter

# What decides the words of a model call, beside the stage's own code.
CALLING = ("hybridtune/chat", "hybridtune/conversation.py", "hybridtune/seeds.py")
STAGES = ("corpus", "generation", "training", "eval")


@dataclass(frozen=True)
class Step:
    """One step of a stage.

    Attributes:
        name: in the manifest, e.g. `training:real`.
        stage: one of `STAGES`.
        fingerprint: changes when the step must run again; computed when its inputs are there.
        outputs: files and folders that it writes.
        run: does the work.
        roles: the models that it calls, where the step's name does not tell.
    """

    name: str
    stage: str
    fingerprint: Callable[[], str]
    outputs: tuple[Path, ...]
    run: Callable[[Reporter], None]
    roles: tuple[str, ...] = ()


def why_run(step: Step, manifest: Manifest) -> str | None:
    """Why a step must run, or None; its inputs need not be there before it was ever done."""
    if step.name not in manifest.steps:
        return "not done yet"
    return manifest.why_stale(step.name, step.fingerprint())


def run_steps(
    steps: Iterable[Step],
    manifest: Manifest,
    reporter: Reporter,
    *,
    redo: Iterable[str] = (),
) -> None:
    """Run the steps that are not up to date, and those of the stages in `redo`."""
    again = frozenset(redo)
    for step in steps:
        fingerprint = step.fingerprint()
        why = "asked for" if step.stage in again else manifest.why_stale(step.name, fingerprint)
        if why is None:
            reporter.say(f"[green]up to date[/]  {step.name}")
            continue
        reporter.say(f"[bold]{step.name}[/]  ({why})")
        with manifest.recording(step.name, fingerprint, step.outputs):
            step.run(reporter)


def part(experiment: Experiment, *keys: str) -> dict[str, Any]:
    """A part of the configuration with the seed, as plain values, for a fingerprint."""
    return experiment.model_dump(mode="json", include={*keys, "seed"})


def role_part(experiment: Experiment, name: str) -> dict[str, Any]:
    """A role and the server behind it; neither speed nor prices change its answers."""
    server = experiment.server_of(name).model_dump(
        mode="json", exclude={"limits", "start_timeout_s", "port", "prices", "replicas"}
    )
    role = experiment.answering(name).model_dump(mode="json", exclude={"prices", "batch_size"})
    return {**role, "at": server}
