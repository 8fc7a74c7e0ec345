"""Will vLLM load the adapter? Asked of its planned configuration, before hours are spent on it.

The rules are those of vLLM 0.32: `vllm/config/lora.py` and `vllm/lora/peft_helper.py`.
"""

import re
from collections.abc import Mapping
from typing import Any

from hybridtune.errors import ConfigError
from hybridtune.serving.command import LORA_RANKS
from training.targets import Targets, head_meant

UNSERVED = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "target_parameters",
)
INITS = {"gaussian", "eva", "orthogonal", "mica", "lora_ga"}


def check_servable(lora: Mapping[str, Any]) -> None:
    """Refuse adapters that vLLM does not load."""
    check_rank(lora.get("r", 16), "r")
    for name, rank in (lora.get("rank_pattern") or {}).items():
        check_rank(rank, f"rank_pattern.{name}")
    for name in UNSERVED:
        if lora.get(name):
            raise ConfigError(
                "vLLM does not serve such adapters", where=f"training.lora.{name}", fix="remove it"
            )
    if lora.get("bias", "none") != "none":
        raise ConfigError("vLLM serves no biases", where="training.lora.bias", fix="write none")
    start = lora.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in INITS:
        raise ConfigError(
            f"vLLM serves no adapter that starts from {start!r}: it changes the base's weights",
            where="training.lora.init_lora_weights",
            fix=f"true, or one of {', '.join(sorted(INITS))}",
        )
    check_targets(lora.get("target_modules"), lora.get("exclude_modules"))


def check_targets(targets: Targets, exclude: Targets) -> None:
    """Refuse adapters on embeddings and head, by their usual names."""
    where = "training.lora.target_modules"
    try:
        head = head_meant(targets, exclude)
    except re.error as error:
        raise ConfigError(
            f"{targets!r} is no regular expression: {error}",
            where=where,
            fix="all-linear, a list of names, or a regular expression for whole names",
        ) from None
    if head:
        raise ConfigError(
            f"neither TRL trains nor vLLM serves an adapter on {head!r}",
            where=where,
            fix="leave it out; all-linear takes every layer but the head",
        )


def check_rank(rank: int, name: str) -> None:
    """Refuse a rank that vLLM holds no memory for: it would take that of the next one up."""
    if rank not in LORA_RANKS:
        larger = min((allowed for allowed in LORA_RANKS if allowed >= rank), default=LORA_RANKS[-1])
        raise ConfigError(
            f"vLLM allocates no rank {rank}, only {', '.join(map(str, LORA_RANKS))}",
            where=f"training.lora.{name}",
            fix=f"take {larger}",
        )
