"""How well a GPU is used: model FLOPs a token, and what the known GPUs can do. No torch."""

from collections.abc import Sequence

from training.architecture import Architecture

# Dense bfloat16 with 32-bit sums, in FLOP/s; from NVIDIA's datasheets, whose figures "with
# sparsity" are twice these, and AMD's. The first name that a device's name contains counts.
PEAK_FLOPS = {
    "B200": 2250e12,
    "GH200": 989.4e12,
    "H200": 989.4e12,
    "H100 NVL": 835.5e12,
    "H100 PCIe": 756e12,
    "H100": 989.4e12,
    "A100": 312e12,
    "A40": 149.7e12,
    "A30": 165e12,
    "A10G": 70e12,
    "A10": 125e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "RTX 6000 Ada": 364.2e12,
    "RTX A6000": 154.8e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
    "MI300X": 1307.4e12,
}


def peak_flops(device: str) -> float | None:
    """What a device can do at most; None for one that is not in the table."""
    return next((peak for name, peak in PEAK_FLOPS.items() if name in device), None)


def flops_per_token(
    shape: Architecture, *, rank: int, targets: str | Sequence[str] | None, context: float
) -> float:
    """Model FLOPs of a forward and backward pass for one token, LoRA on a frozen base.

    PaLM (arXiv 2204.02311, appendix B) counts 6 for each weight that is multiplied: 2 forward, 2
    for the gradient of its input, 2 for its own; and 12 x layers x heads x head width x context for
    attention. Frozen weights have no gradient of their own: 4. Recomputed activations do not count.

    Args:
        shape: the model's.
        rank: of the adapter.
        targets: the projections that it sits on.
        context: how many tokens attention sees, the whole length of a window as in PaLM.
    """
    frozen = shape.layers * shape.layer_parameters + shape.vocabulary * shape.hidden
    trained = shape.adapter_parameters(rank, targets)
    attention = 12 * shape.layers * shape.heads * shape.head_dim * context
    return 4 * frozen + 6 * trained + attention


def utilisation(flops: float, tokens_per_s: float, device: str, devices: int) -> float | None:
    """Model FLOP utilisation: the share of what the devices can do; None where that is unknown."""
    peak = peak_flops(device)
    return flops * tokens_per_s / (peak * devices) if peak else None
