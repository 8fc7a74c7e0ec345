"""Are `training.sft`, `lora` and `quantization` right? Answered before anything is loaded.

The names and types come from the installed TRL, PEFT and transformers, whose source is parsed, not
imported: the answer takes a fraction of a second and no torch. What vLLM would refuse to serve
after the training is refused here, before it.
"""

import ast
import difflib
import importlib.util
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError
from training.servable import check_servable
from training.trackers import check_trackers

PARSING = Lock()
"""CPython 3.11 counts the depth of all threads' parsers in one place, and fails where two meet."""
UPLOADED = "remove it: nothing is uploaded, except by hybridtune merge --push"
# Gone from transformers 5 and TRL 1, and what to write instead.
REMOVED = {
    "warmup_ratio": "write warmup_steps: a number below 1 is a share of all steps",
    "evaluation_strategy": "it is called eval_strategy",
    "group_by_length": "write train_sampling_strategy: group_by_length",
    "max_seq_length": "set training.max_length",
    "no_cuda": "it is called use_cpu",
    "overwrite_output_dir": "remove it",
    "logging_dir": "set TENSORBOARD_LOGGING_DIR under training.env",
    "save_safetensors": "remove it: safetensors is the only format",
    "include_tokens_per_second": "remove it: training.json tells the speed",
    "half_precision_backend": "remove it",
    "push_to_hub_token": UPLOADED,
    "tpu_num_cores": "remove it",
    "ray_scope": "remove it",
    "torchdynamo": "it is called torch_compile_backend",
    "torch_dtype": "set model.dtype",
}
# Ours to set, and where the user says it instead.
OURS = {
    "sft": {
        "output_dir": "checkpoints stand in the run folder",
        "resume_from_checkpoint": "an interrupted training resumes by itself",
        "save_only_model": "remove it: an interrupted training could not be resumed",
        "ignore_data_skip": "remove it: a resumed training would meet rows again",
        "push_to_hub": UPLOADED,
        "hub_always_push": UPLOADED,
        "hub_model_id": UPLOADED,
        "hub_private_repo": UPLOADED,
        "hub_revision": UPLOADED,
        "hub_strategy": UPLOADED,
        "hub_token": UPLOADED,
        "max_length": "set training.max_length",
        "truncation_mode": "sessions are cut into windows, never truncated",
        "seed": "set the experiment's seed",
        "data_seed": "set the experiment's seed",
        "chat_template_path": "training uses the template that serves the model",
        "eos_token": "training uses the template that serves the model",
        "pad_token": "training uses the base model's own",
        "assistant_only_loss": "the loss is on the counselor's turns alone in any case",
        "completion_only_loss": "the loss is on the counselor's turns alone in any case",
        "dataset_text_field": "rows are tokenised before TRL gets them",
        "dataset_kwargs": "rows are tokenised before TRL gets them",
        "dataset_num_proc": "rows are tokenised before TRL gets them",
        "remove_unused_columns": "rows are tokenised before TRL gets them",
    },
    "lora": {
        "task_type": "it is always CAUSAL_LM",
        "peft_type": "it is always LORA",
        "peft_version": "PEFT fills it in",
        "base_model_name_or_path": "set model.name",
        "revision": "set model.revision",
        "inference_mode": "it follows from the use",
        "auto_mapping": "it follows from the model",
    },
    "quantization": {"quant_method": "it is always bitsandbytes"},
}
# What `model_init_kwargs` must not say, and where the user says it instead.
LOADING = {
    "dtype": "model.dtype",
    "torch_dtype": "model.dtype",
    "revision": "model.revision",
    "quantization_config": "training.quantization",
}
SOURCES = {
    "sft": (
        ("trl", "trainer/sft_config.py", "SFTConfig"),
        ("trl", "trainer/base_config.py", "_BaseConfig"),
        ("transformers", "training_args.py", "TrainingArguments"),
    ),
    "lora": (
        ("peft", "tuners/lora/config.py", "LoraConfig"),
        ("peft", "config.py", "PeftConfig"),
        ("peft", "config.py", "PeftConfigMixin"),
    ),
    "quantization": (("transformers", "utils/quantization_config.py", "BitsAndBytesConfig"),),
}


def check_training(settings: TrainingSettings) -> None:
    """Refuse options that TRL, PEFT, bitsandbytes or, later, vLLM would refuse.

    Raises:
        ConfigError: names the first option that cannot be used, and what to write instead.
    """
    check_names("sft", settings.sft)
    check_names("lora", settings.lora)
    check_names("quantization", settings.quantization or {})
    check_combinations(settings)
    check_servable(settings.lora)
    check_trackers(settings.sft.get("report_to"))


def check_names(section: str, options: Mapping[str, Any]) -> None:
    """Refuse names that the library does not know, and values of another type than it wants."""
    known = fields(section)
    for name, value in options.items():
        where = f"training.{section}.{name}"
        if name in OURS[section]:
            raise ConfigError("not to be set here", where=where, fix=OURS[section][name])
        if name in REMOVED and section == "sft":
            raise ConfigError("no longer an option", where=where, fix=REMOVED[name])
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            fix = f"did you mean {nearest[0]!r}?" if nearest else "remove it"
            raise ConfigError(f"{SOURCES[section][0][2]} has no such option", where=where, fix=fix)
        check_type(known[name], value, where)


def check_type(annotation: str, value: Any, where: str) -> None:
    """Compare a value with its type in the source; enumerations are left to the library."""
    try:
        # The annotation is the installed library's own source text.
        kind = eval(annotation, dict(vars(typing)))
    except (NameError, TypeError):
        return
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        wanted = f"{value!r} is not of type {annotation}: {error.errors()[0]['msg']}"
        raise ConfigError(wanted, where=where) from None


def check_combinations(settings: TrainingSettings) -> None:
    """Refuse what contradicts our own settings."""
    sft = settings.sft
    if sft.get("packing_strategy", "bfd") not in {"bfd", "bfd_split"}:
        raise ConfigError(
            "lets sessions see each other and cuts turns",
            where="training.sft.packing_strategy",
            fix="write bfd, or leave it out",
        )
    for name, place in LOADING.items():
        if name in (sft.get("model_init_kwargs") or {}):
            where = f"training.sft.model_init_kwargs.{name}"
            raise ConfigError("not to be set here", where=where, fix=f"set {place}")
    if (sft.get("load_best_model_at_end") or sft.get("eval_strategy", "no") != "no") and (
        not settings.held_out
    ):
        raise ConfigError(
            "there is nothing to evaluate on",
            where="training.held_out",
            fix="raise it above 0, or leave out eval_strategy and load_best_model_at_end",
        )


@cache
def fields(section: str) -> dict[str, str]:
    """The options of a library's configuration class: names, and types as their source says."""
    found: dict[str, str] = {}
    for package, file, name in SOURCES[section]:
        tree = class_in(package, file, name)
        for statement in tree.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found.setdefault(statement.target.id, ast.unparse(statement.annotation))
            elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                found |= {argument.arg: "Any" for argument in statement.args.args[1:]}
    return found


def class_in(package: str, file: str, name: str) -> ast.ClassDef:
    """A class of an installed package, as a syntax tree."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"{package} is not installed",
            where="training",
            fix="install with pip install -e '.[cpu]' or '.[gpu]'",
        )
    source = (Path(spec.origin).parent / file).read_text(encoding="utf-8")
    with PARSING:
        body = ast.parse(source).body
    for statement in body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            return statement
    raise AssertionError(f"{package} has no {name} in {file}: the supported versions differ")
