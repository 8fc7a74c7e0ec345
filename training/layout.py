"""How accelerate will start a training: processes, and who holds which weights. No torch.

Reads the file that `training.accelerate_config` names, as `accelerate launch` will.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from hybridtune.config.training import TrainingSettings
from hybridtune.records import read_json
from training.launch import accelerate_config, processes_asked


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
        ConfigError: there is no such file, or it is not YAML.
    """
    path = accelerate_config(settings.accelerate_config)
    processes = processes_asked(path, settings.accelerate_args)
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    kind = str(values.get("distributed_type", "NO")).upper()
    for word, forced in (
        ("use_fsdp", "FSDP"),
        ("use_deepspeed", "DEEPSPEED"),
        ("multi_gpu", "MULTI_GPU"),
    ):
        if any(each.lstrip("-").replace("-", "_") == word for each in settings.accelerate_args):
            kind = forced
    if kind == "NO":
        processes = 1
    return Layout(
        processes,
        kind,
        zero_stage(values.get("deepspeed_config") or {}),
        machines=int(values.get("num_machines") or 1),
        cpu=bool(values.get("use_cpu")) or settings.env.get("ACCELERATE_USE_CPU") == "true",
    )


def running_layout(processes: int, environment: Mapping[str, str]) -> Layout:
    """What accelerate did start, by the variables that it sets for each process."""
    kind = "MULTI_GPU" if processes > 1 else "NO"
    if environment.get("ACCELERATE_USE_FSDP") == "true":
        kind = "FSDP"
    stage = int(environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "0") or 0)
    if environment.get("ACCELERATE_USE_DEEPSPEED") == "true":
        kind = "DEEPSPEED"
    return Layout(None, kind, stage, cpu=True)


def zero_stage(deepspeed: dict[str, object]) -> int:
    """DeepSpeed's stage, from accelerate's file or the one that it names."""
    if "deepspeed_config_file" in deepspeed:
        inner = read_json(accelerate_config(str(deepspeed["deepspeed_config_file"])))
        return int(inner.get("zero_optimization", {}).get("stage", 0))
    stage = deepspeed.get("zero_stage", 0)
    return int(stage) if isinstance(stage, int | str) else 0
