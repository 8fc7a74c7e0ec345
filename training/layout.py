"""How accelerate will start a training: processes, and who holds which weights. No torch.

Reads the file that `training.accelerate_config` names, as `accelerate launch` will.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import InputError
from hybridtune.records import read_json
from training.launch_file import (
    accelerate_config,
    cpu_asked,
    number_asked,
    processes_asked,
    read_launch_file,
)


@dataclass(frozen=True)
class Layout:
    """Processes, None for one a GPU, and how they share.

    Attributes:
        kind: accelerate's `distributed_type`.
        zero_stage: of DeepSpeed.
        machines: over which the processes are spread evenly.
        cpu: told to leave a GPU alone.
    """

    processes: int | None
    kind: str
    zero_stage: int = 0
    machines: int = 1
    cpu: bool = False

    @property
    def sharded(self) -> bool:
        """Whether the frozen weights are split over the processes."""
        return self.kind == "FSDP" or self.zero_stage == 3


def layout_of(settings: TrainingSettings) -> Layout:
    """What the launch file and the arguments beside it ask for.

    Raises:
        ConfigError: there is no such file, or it is none for accelerate.
    """
    path = accelerate_config(settings.accelerate_config)
    processes = processes_asked(path, settings.accelerate_args)
    values = read_launch_file(path)
    kind = str(values.get("distributed_type", "NO")).upper()
    flags = {each.lstrip("-").replace("-", "_") for each in settings.accelerate_args}
    for word, forced in (
        ("use_fsdp", "FSDP"),
        ("use_deepspeed", "DEEPSPEED"),
        ("multi_gpu", "MULTI_GPU"),
    ):
        if word in flags:
            kind = forced
    kind = "NO" if "cpu" in flags else kind
    if kind == "NO":
        processes = 1
    return Layout(
        processes,
        kind,
        zero_stage(values.get("deepspeed_config") or {}),
        machines=number_asked("num_machines", path, settings.accelerate_args) or 1,
        cpu=bool(values.get("use_cpu") or "cpu" in flags or settings.sft.get("use_cpu"))
        or cpu_asked({**os.environ, **settings.env}),
    )


def leaves_gpu(settings: TrainingSettings) -> bool:
    """Whether a training is told to leave a GPU alone; not, where its launch file is unusable."""
    try:
        return layout_of(settings).cpu
    except InputError:
        return False


def running_layout(processes: int, environment: Mapping[str, str]) -> Layout:
    """What accelerate did start, by the variables that it sets for each process."""
    kind = "MULTI_GPU" if processes > 1 else "NO"
    if environment.get("ACCELERATE_USE_FSDP") == "true":
        kind = "FSDP"
    stage = int(environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "0") or 0)
    if environment.get("ACCELERATE_USE_DEEPSPEED") == "true":
        kind = "DEEPSPEED"
    here = int(environment.get("LOCAL_WORLD_SIZE", processes))
    return Layout(None, kind, stage, machines=max(processes // here, 1), cpu=True)


def zero_stage(deepspeed: object) -> int:
    """DeepSpeed's stage, from accelerate's file or the one that it names."""
    if not isinstance(deepspeed, dict):
        return 0
    if "deepspeed_config_file" in deepspeed:
        inner = read_json(accelerate_config(str(deepspeed["deepspeed_config_file"])))
        return int(inner.get("zero_optimization", {}).get("stage", 0))
    stage = deepspeed.get("zero_stage", 0)
    return int(stage) if isinstance(stage, int | str) else 0
