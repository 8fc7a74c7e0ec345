"""What accelerate's launch file asks for that the experiment, or this machine, cannot give."""

from importlib.util import find_spec
from pathlib import Path

import yaml

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError

SHARDED = {"FSDP", "DEEPSPEED"}


def check_launch(settings: TrainingSettings, file: Path) -> None:
    """Refuse to launch what would fail after the base model was loaded, or train unsoundly.

    Raises:
        ConfigError: DeepSpeed is not installed, or a quantised base would be sharded.
    """
    kind = kind_of(file)
    where = f"training.accelerate_config: {settings.accelerate_config}"
    if kind == "DEEPSPEED" and find_spec("deepspeed") is None:
        raise ConfigError(
            "deepspeed is not installed",
            where=where,
            fix="pip install deepspeed on a machine with NVIDIA GPUs, or take "
            "configs/accelerate/fsdp2.yaml",
        )
    if kind in SHARDED and settings.quantization:
        raise ConfigError(
            "packed 4-bit and 8-bit weights do not shard soundly",
            where=where,
            fix="take configs/accelerate/multi_gpu.yaml, or leave training.quantization out",
        )


def kind_of(file: Path) -> str:
    """How a launch file distributes a training, by accelerate's name."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", where=str(file)) from None
    return str((values or {}).get("distributed_type", "NO"))
