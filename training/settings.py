"""From the experiment's `training` section to what TRL, PEFT and bitsandbytes take.

Their own names, over our defaults (`training.defaults`).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import BitsAndBytesConfig
from trl import SFTConfig

from hybridtune.config import Experiment
from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError
from training.defaults import LORA, SFT
from training.launch_file import cpu_asked

COUNTS = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
)
METRICS = ("loss", "eval_loss")


def sft_config(experiment: Experiment, checkpoints: Path, steps: int | None = None) -> SFTConfig:
    """TRL's configuration: our defaults, the experiment's options, and what only we may set.

    Args:
        experiment: the whole configuration.
        checkpoints: folder to save in.
        steps: a variant's budget, if it has one.

    Raises:
        ConfigError: TRL refuses a value.
    """
    settings, base = experiment.training, experiment.model
    cpu = settings.sft.get("use_cpu", cpu_asked(os.environ))
    gpu = torch.cuda.is_available() and not cpu
    options: dict[str, Any] = {
        **SFT,
        "use_cpu": cpu,
        "bf16": base.dtype == "bfloat16",
        "fp16": base.dtype == "float16",
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
        **evaluation(settings),
        **settings.sft,
    }
    # TRL loads in float32 unless told otherwise, and cuts rows at 1024 tokens. Ours have their
    # length already; the packer needs it to fill its rows.
    model = {"dtype": base.dtype, "revision": base.revision or "main"}
    options["model_init_kwargs"] = model | (settings.sft.get("model_init_kwargs") or {})
    options["max_length"] = settings.max_length if options["packing"] else None
    options |= {"output_dir": str(checkpoints), "seed": experiment.seed}
    options |= {"max_steps": steps} if steps else {}
    check_values(options)
    try:
        config = SFTConfig(**options)
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"trl.SFTConfig refuses it: {reason}", where="training.sft") from None
    if gpu and config.world_size == 1:
        on_one_gpu(config)
    return config


def on_one_gpu(config: SFTConfig) -> None:
    """Keep a single process to the first GPU that it sees.

    Else TRL spreads the base over all of them, or the trainer copies it to each and takes as many
    times the batch.
    """
    config.model_init_kwargs.setdefault("device_map", {"": 0})
    config._n_gpu = 1


def check_values(options: Mapping[str, Any]) -> None:
    """Refuse numbers and names that `SFTConfig` takes and the trainer then fails with.

    Raises:
        ConfigError: names the first of them.
    """
    for name in COUNTS:
        if options[name] < 1:
            raise ConfigError(
                f"{options[name]} is no batch", where=f"training.sft.{name}", fix="write 1 or more"
            )
    if options["load_best_model_at_end"] and options["eval_strategy"] == "no":
        raise ConfigError(
            "no loss is measured to choose by",
            where="training.sft.load_best_model_at_end",
            fix="leave it out, or write save_strategy: steps",
        )
    metric = options["metric_for_best_model"]
    if metric not in METRICS:
        raise ConfigError(
            f"no metric {metric!r}: only the loss on the held-out sessions is measured",
            where="training.sft.metric_for_best_model",
            fix="leave it out",
        )


def evaluation(settings: TrainingSettings) -> dict[str, Any]:
    """Measure the held-out loss at every checkpoint; without held-out sessions, nothing of it.

    Where checkpoints follow the best loss, or there are none, it is measured as often as they
    would be written by default.
    """
    sft = settings.sft
    saved = sft.get("save_strategy")
    if sft.get("eval_strategy") == "no" or not settings.held_out:
        return {"eval_strategy": "no", "load_best_model_at_end": False}
    if saved == "no":
        strategy, best = sft.get("eval_strategy", "no"), False
    elif saved == "best":
        strategy, best = sft.get("eval_strategy", SFT["save_strategy"]), True
    else:
        strategy = saved or sft.get("eval_strategy", SFT["save_strategy"])
        steps = sft.get("save_steps", sft.get("eval_steps", SFT["save_steps"]))
        return dict.fromkeys(("eval_strategy", "save_strategy"), strategy) | dict.fromkeys(
            ("eval_steps", "save_steps"), steps
        )
    return {
        "eval_strategy": strategy,
        "eval_steps": SFT["save_steps"],
        "load_best_model_at_end": best,
    }


def lora_config(settings: TrainingSettings) -> LoraConfig:
    """PEFT's configuration.

    Raises:
        ConfigError: PEFT refuses a value.
    """
    try:
        return LoraConfig(**LORA | settings.lora | {"task_type": "CAUSAL_LM"})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"peft.LoraConfig refuses it: {error}", where="training.lora") from None


def quantization_config(settings: TrainingSettings) -> BitsAndBytesConfig | None:
    """The configuration of bitsandbytes, where the base shall be quantised.

    Raises:
        ConfigError: it refuses a value.
    """
    if not settings.quantization:
        return None
    try:
        return BitsAndBytesConfig(**settings.quantization)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"BitsAndBytesConfig refuses it: {error}", where="training.quantization"
        ) from None


def check_processes(running: int, wanted: int | None) -> None:
    """Refuse to train with another number of processes than was asked for.

    Raises:
        ConfigError: `accelerate launch --cpu --num_processes 2`, for one, starts a single one.
    """
    if wanted is not None and running != wanted:
        raise ConfigError(
            f"accelerate started {running} of {wanted} processes",
            where="training.accelerate_args",
            fix="use configs/accelerate/multi_gpu.yaml; on a CPU with ACCELERATE_USE_CPU=true",
        )
