"""What TRL, PEFT, bitsandbytes and the model itself say to the options, without a weight.

Reads the base model's `config.json`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from hybridtune.config import Experiment
from hybridtune.doctor import Check
from hybridtune.errors import ConfigError
from training.settings import lora_config, quantization_config, sft_config
from training.targets import matches, takes_all

WHERE = "training.lora.target_modules"
FIX = "all-linear, a list of names, or a regular expression for whole names"


def check_values(experiment: Experiment, folder: Path) -> Iterator[Check]:
    """Let the libraries take the options, as the training will."""
    settings = experiment.training
    # A GPU that is not here, or shall be left alone, is no reason to refuse its options.
    sft = settings.sft if torch.cuda.is_available() else {**settings.sft, "use_cpu": True}
    here = experiment.model_copy(update={"training": settings.model_copy(update={"sft": sft})})
    attempts: list[Callable[[], Any]] = [
        lambda: sft_config(here, folder / "checkpoints"),
        lambda: lora_config(settings),
        lambda: quantization_config(settings),
    ]
    for attempt in attempts:
        try:
            attempt()
        except ConfigError as error:
            yield Check("options", "fail", f"{error.where}: {error.what}", error.fix)
        except ImportError as error:
            yield Check("options", "fail", str(error).strip().splitlines()[0])


def check_targets(experiment: Experiment) -> Iterator[Check]:
    """Does the model have the modules that shall get an adapter, and can they have one?"""
    targets = experiment.training.lora.get("target_modules")
    if targets is None or takes_all(targets):
        return
    model = empty_model(experiment)
    if model is None:
        return
    exclude = experiment.training.lora.get("exclude_modules")
    modules = {name: each for name, each in model.named_modules() if not matches(name, exclude)}
    for target in [targets] if isinstance(targets, str) else targets:
        meant = target if isinstance(targets, str) else [target]
        found = {name: each for name, each in modules.items() if matches(name, meant)}
        if not found:
            yield Check("targets", "fail", f"{WHERE}: the model has no {target!r}", FIX)
        for name, module in found.items():
            if module in (model.get_output_embeddings(), model.get_input_embeddings()):
                told = f"{WHERE}: {target!r} takes {name}, which vLLM serves no adapter on"
                yield Check("targets", "fail", told, FIX)
                break
            if not isinstance(module, torch.nn.Linear):
                told = f"{WHERE}: {target!r} takes {name}, which is no linear layer"
                yield Check("targets", "fail", told, FIX)
                break


def empty_model(experiment: Experiment) -> Any | None:
    """The base model without weights, as TRL would load it; None where that cannot be done."""
    base = experiment.model
    try:
        config = AutoConfig.from_pretrained(base.name, revision=base.revision or "main")
        kind = getattr(transformers, (config.architectures or [""])[0], AutoModelForCausalLM)
        with torch.device("meta"):
            if kind is AutoModelForCausalLM:
                return kind.from_config(config)
            return kind(config)
    except (ImportError, OSError, ValueError, AttributeError):
        return None
