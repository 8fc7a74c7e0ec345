"""The commands that the end-to-end tests run, as a person would type them."""

import sys
from pathlib import Path

from hybridtune.machine import gpus_by_driver

HOME = Path(__file__).parent.parent
ON_GPU = bool(gpus_by_driver())
CONFIG = HOME / f"configs/{'demo-gpu' if ON_GPU else 'demo'}.yaml"

# The demo, smaller: everything real, nothing long.
SMALL = (
    "generation.sessions=8",
    "corpus.limit=10",
    "evaluation.count=4",
    "evaluation.max_exchanges=3",
    "evaluation.resamples=1000",
    "training.sft.num_train_epochs=2",
)


def hybridtune(*arguments: str) -> list[str]:
    """The command line of a `hybridtune` call with this Python."""
    return [sys.executable, "-m", "hybridtune", *arguments]


def small_demo(folder: Path, *overrides: str) -> list[str]:
    """The command that runs the small demo in a folder."""
    command = hybridtune("reproduce", str(CONFIG), "--run", str(folder))
    for override in (*SMALL, *overrides):
        command += ["--set", override]
    return command
