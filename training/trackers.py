"""Where losses are logged to beside `training.json`: `training.sft.report_to`, by its own names.

Asked before anything is loaded: is the tracker's package there? Imports none of them. What they
write goes to the run folder's `logs/`.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hybridtune.errors import ConfigError

# The names that transformers knows, and the packages of which one must be there.
TRACKERS: dict[str, tuple[str, ...]] = {
    "azure_ml": ("azureml",),
    "clearml": ("clearml",),
    "codecarbon": ("codecarbon",),
    "comet_ml": ("comet_ml",),
    "dagshub": ("dagshub",),
    "dvclive": ("dvclive",),
    "flyte": ("flytekit",),
    "mlflow": ("mlflow",),
    "neptune": ("neptune",),
    "swanlab": ("swanlab",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}


def check_trackers(report_to: Any) -> None:
    """Refuse a tracker that transformers does not know, or whose package is not installed.

    Raises:
        ConfigError: names it, and the command that installs it.
    """
    where = "training.sft.report_to"
    for name in [report_to] if isinstance(report_to, str) else report_to or []:
        if name in {"none", "all"}:
            continue
        if name not in TRACKERS:
            fix = f"none, or some of {', '.join(TRACKERS)}"
            raise ConfigError(f"no tracker {name!r}", where=where, fix=fix)
        if not any(find_spec(package) for package in TRACKERS[name]):
            package = TRACKERS[name][0]
            raise ConfigError(
                f"{name} is not installed",
                where=where,
                fix=f"pip install {package}, or leave {name} out",
            )


def places(report_to: Sequence[str], logs: Path, variant: str) -> dict[str, str]:
    """Where the common trackers shall write, as the environment variables that they read."""
    known = {
        "mlflow": ("MLFLOW_TRACKING_URI", f"sqlite:///{logs / 'mlflow.sqlite'}"),
        "tensorboard": ("TENSORBOARD_LOGGING_DIR", str(logs / "tensorboard" / variant)),
        "trackio": ("TRACKIO_DIR", str(logs / "trackio")),
        "wandb": ("WANDB_DIR", str(logs)),
    }
    return dict(known[name] for name in report_to if name in known)
