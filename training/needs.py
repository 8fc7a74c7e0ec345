"""What an experiment's training needs, from its options: what memory depends on. No torch.

Reads the base model's `config.json` (see `training.architecture`).
"""

from hybridtune.config import Experiment
from training.architecture import Architecture, read_architecture
from training.defaults import LORA, SFT
from training.layout import Layout
from training.memory import Estimate, Setup, estimate


def setup_of(experiment: Experiment, *, gpu: bool, layout: Layout, processes: int) -> Setup:
    """The setup of one training process.

    Args:
        experiment: model, window, batch and everything else.
        gpu: whether it trains on one.
        layout: how processes share.
        processes: how many there are.
    """
    settings, base = experiment.training, experiment.model
    sft, lora = SFT | settings.sft, LORA | settings.lora
    loading = sft.get("model_init_kwargs") or {}
    quantization = settings.quantization or {}
    bits = 4 if quantization.get("load_in_4bit") else 8 if quantization else None
    mixed = base.dtype != "float32" or bool(sft.get("bf16") or sft.get("fp16"))
    return Setup(
        tokens=sft["per_device_train_batch_size"] * settings.max_length,
        batch=sft["per_device_train_batch_size"],
        rank=max([lora["r"], *(lora.get("rank_pattern") or {}).values()]),
        targets=lora["target_modules"],
        dropout=lora["lora_dropout"],
        dtype_bytes=4 if base.dtype == "float32" else 2,
        bits=bits,
        double_quantized=bool(quantization.get("bnb_4bit_use_double_quant")),
        checkpointing=sft.get("gradient_checkpointing", gpu),
        selective=bool((sft.get("gradient_checkpointing_kwargs") or {}).get("selective")),
        packed=sft["packing"],
        attention=loading.get("attn_implementation") or "sdpa",
        autocast=mixed,
        optimizer=str(sft.get("optim", "adamw_torch_fused")),
        shards=processes if layout.sharded else 1,
        replicas=1 if layout.sharded else processes,
        cpu=not gpu,
    )


def memory_of(
    experiment: Experiment,
    *,
    gpu: bool,
    layout: Layout,
    processes: int,
    cached_only: bool = False,
) -> tuple[Architecture, Setup, Estimate] | None:
    """The model's shape, the setup and its memory; None for a model that is not covered.

    With `cached_only` the hub is asked for nothing.
    """
    base = experiment.model
    shape = read_architecture(base.name, base.revision, cached_only=cached_only)
    if shape is None:
        return None
    setup = setup_of(experiment, gpu=gpu, layout=layout, processes=processes)
    return shape, setup, estimate(shape, setup)


def checkpoint_bytes(shape: Architecture, setup: Setup) -> int:
    """Of one checkpoint on disk: the adapter, two moments of it, and the tokenizer."""
    weights = shape.adapter_parameters(setup.rank, setup.targets) * setup.adapter_bytes
    return 3 * weights + 20_000_000
