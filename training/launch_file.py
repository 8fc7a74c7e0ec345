"""accelerate's launch file: where it is, what it says, and what this machine cannot give. No torch.

Reads the file that `training.accelerate_config` names.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError

HOME = Path(__file__).parent.parent
SHARDED = {"FSDP", "DEEPSPEED"}
YES = {"1", "on", "t", "true", "y", "yes"}
"""What accelerate takes for true in an environment variable."""


def accelerate_config(name: str) -> Path:
    """The file as named from the working folder, else from the repository.

    Raises:
        ConfigError: it is in neither.
    """
    for path in (Path(name), HOME / name):
        if path.is_file():
            return path.resolve()
    raise ConfigError(
        f"no such file: {name}",
        where="training.accelerate_config",
        fix="accelerate_config.yaml, or one of configs/accelerate/",
    )


def read_launch_file(file: Path) -> dict[str, Any]:
    """What a launch file says.

    Raises:
        ConfigError: it is not YAML, or not keys with values.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not YAML: {error}", where=str(file)) from None
    if not isinstance(values or {}, dict):
        raise ConfigError(
            f"a {type(values).__name__} instead of keys with values",
            where=str(file),
            fix="write it as accelerate_config.yaml is",
        )
    return values or {}


def check_launch(settings: TrainingSettings, file: Path) -> None:
    """Refuse to launch what would fail after the base model was loaded, or train unsoundly.

    Raises:
        ConfigError: DeepSpeed is not installed, a quantised base would be sharded, or a number
            of processes is none.
    """
    kind = kind_of(file)
    for name in ("num_processes", "num_machines"):
        number_asked(name, file, settings.accelerate_args)
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
    return str(read_launch_file(file).get("distributed_type", "NO"))


def processes_asked(file: Path, arguments: Sequence[str]) -> int | None:
    """How many processes accelerate was told to start, if it was."""
    return number_asked("num_processes", file, arguments)


def number_asked(name: str, file: Path, arguments: Sequence[str]) -> int | None:
    """A whole number of the launch file, over which the arguments win.

    Raises:
        ConfigError: it is none.
    """
    words = " ".join(arguments).replace("=", " ").split()
    for place, word in enumerate(words[:-1]):
        if word.startswith("--") and word[2:].replace("-", "_") == name:
            return whole(words[place + 1], f"training.accelerate_args: {word}")
    value = read_launch_file(file).get(name)
    return None if value is None else whole(value, f"{file}: {name}")


def whole(value: object, where: str) -> int:
    """A whole number above 0.

    Raises:
        ConfigError: it is none.
    """
    if str(value).isdecimal() and int(str(value)):
        return int(str(value))
    raise ConfigError(f"{value!r} is no whole number above 0", where=where, fix="write 1, 2, ...")


def cpu_asked(environment: Mapping[str, str]) -> bool:
    """Whether accelerate's variable says to leave a GPU alone."""
    return environment.get("ACCELERATE_USE_CPU", "").lower() in YES
