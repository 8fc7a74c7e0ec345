"""How much memory a training will take, from the model's shape and the options. No torch.

Every formula counts tensors that the installed libraries keep: transformers' decoder layers, PEFT's
LoRA layers, TRL's fused head, torch's autocast. They were checked against simulated training steps
of an 8-billion-parameter model, and others' measurements: `docs/training.md`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from training.architecture import Architecture

GIB = 2**30
HEAD_TOKENS, HEAD_WORDS = 4096, 32768
"""Tiles of TRL 1.16's head: trl/kernels/chunked_logprob.py, trl/trainer/utils.py."""

# Bytes a parameter: two 32-bit moments (torch), two 8-bit ones (bitsandbytes), one, or none.
OPTIMIZERS = {"adamw": 8, "adam": 8, "adafactor": 0.1, "lion": 4, "rmsprop": 4, "sgd": 0}


@dataclass(frozen=True)
class Setup:
    """What decides the memory besides the model.

    Attributes:
        dtype_bytes: of a frozen weight, 2 or 4, where it is not quantised.
        bits: 4 or 8 where the base is quantised by bitsandbytes, else None.
        tokens: of one process at once, batch times window.
        batch: rows of it.
        packed: several sessions a row, which PyTorch's attention sees through a mask.
        attention: transformers' name of the implementation.
        autocast: computed in bfloat16 or float16 whatever the weights are.
        shards: processes that share the weights (FSDP, ZeRO-3), 1 for none.
        replicas: processes with a copy each (DDP).
        cpu: no GPU: torch's own kernels keep more.
    """

    tokens: int
    batch: int = 1
    rank: int = 16
    targets: str | Sequence[str] | None = "all-linear"
    dropout: float = 0.05
    dtype_bytes: int = 2
    bits: int | None = None
    double_quantized: bool = False
    checkpointing: bool = True
    selective: bool = False
    packed: bool = True
    attention: str = "sdpa"
    autocast: bool = True
    optimizer: str = "adamw_torch_fused"
    shards: int = 1
    replicas: int = 1
    cpu: bool = False

    @property
    def compute_bytes(self) -> int:
        """Of an activation."""
        return 2 if self.autocast else self.dtype_bytes

    @property
    def adapter_bytes(self) -> int:
        """Of an adapter weight: TRL casts those on a quantised base, PEFT keeps 32 bits else."""
        return 2 if self.bits else 4


@dataclass(frozen=True)
class Estimate:
    """Bytes of one process at the peak, by what they hold."""

    base: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    head: int
    overhead: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())


def estimate(shape: Architecture, setup: Setup) -> Estimate:
    """The peak memory of one process."""
    trained = shape.adapter_parameters(setup.rank, setup.targets) // setup.shards
    weights = trained * setup.adapter_bytes
    kept, peak = activations(shape, setup)
    head = head_bytes(shape, setup)
    # The head is at work when every layer's activations are kept, but no layer is at work.
    return Estimate(
        base=base_bytes(shape, setup),
        adapter=weights,
        gradients=weights * (2 if setup.replicas > 1 else 1),  # DDP sends them in buckets
        optimizer=round(trained * optimizer_bytes(setup)),
        activations=kept + max(peak - head, 0),
        head=head,
        overhead=GIB // 4,  # workspaces of cuBLAS and the like, rounding by the allocator
    )


def base_bytes(shape: Architecture, setup: Setup) -> int:
    """The frozen weights; bitsandbytes quantises the layers' projections, not embedding and head.

    4 bits come with a 32-bit scale for 64 weights; double quantisation makes that 8 bits, and 32
    for 256 of them (QLoRA, arXiv 2305.14314, section 3).
    """
    layers = shape.layers * shape.layer_parameters
    each: float = setup.dtype_bytes
    if setup.bits == 8:
        each = 1
    elif setup.bits == 4:
        each = 0.5 + (1 / 64 + 4 / (64 * 256) if setup.double_quantized else 4 / 64)
    total = layers * each + shape.embedding_parameters * setup.dtype_bytes
    if setup.shards == 1:
        return round(total)
    # FSDP gathers the layer at work and the next one, and holds embedding and head together.
    gathered = 2 * shape.layer_parameters + shape.embedding_parameters
    return round(total / setup.shards + gathered * setup.compute_bytes)


def optimizer_bytes(setup: Setup) -> float:
    """Of an adapter weight; moments have its precision unless bitsandbytes makes them 8 bits."""
    name = setup.optimizer
    if "8bit" in name:
        return 2
    known = next((size for start, size in OPTIMIZERS.items() if start in name), 8)
    return known * setup.adapter_bytes / 4


def activations(shape: Architecture, setup: Setup) -> tuple[int, int]:
    """Bytes kept for the backward pass between layers, and what one layer at work adds."""
    layer = layer_bytes(shape, setup) * setup.tokens + mask_bytes(shape, setup)
    copies = weight_copies(shape, setup)
    work = transient_bytes(shape, setup) * setup.tokens
    if setup.bits:
        work += max(width * out for width, out in shape.linears.values()) * setup.compute_bytes
    # The last norm and its output, the first layer's input, cosines and sines.
    ends = 7 * shape.hidden * setup.tokens
    if not setup.checkpointing:
        return round(ends + shape.layers * (layer + copies)), round(work)
    stream = 2 if setup.autocast and setup.dtype_bytes == 2 else 4
    checkpoint = shape.hidden * stream * setup.tokens
    if setup.selective:  # attention's output is kept as well
        checkpoint += shape.heads * shape.head_dim * setup.compute_bytes * setup.tokens
    return round(ends + shape.layers * checkpoint), round(layer + copies + work)


def layer_bytes(shape: Architecture, setup: Setup) -> int:
    """What a layer keeps of each token for its backward pass (transformers' modeling_llama.py).

    Frozen weights need no input for a gradient of their own, but LoRA's do: PEFT casts the input to
    the adapter's precision and autocast back, so that each projection has a copy, and a mask where
    there is dropout.
    """
    size = setup.compute_bytes
    norms = 2 * 4 * shape.hidden
    query = shape.heads * shape.head_dim
    # PyTorch's attention repeats keys and values for all heads where there is a mask.
    repeated = setup.packed and setup.attention in {"sdpa", "eager"}
    key = query if repeated else shape.kv_heads * shape.head_dim
    attention = (2 * query + 2 * key) * size
    mlp = 3 * shape.intermediate * size
    return norms + attention + mlp + lora_bytes(shape, setup)


def lora_bytes(shape: Architecture, setup: Setup) -> int:
    """Inputs of the adapter's projections, for each token of a layer."""
    adapted = shape.adapted(setup.targets)
    size = setup.compute_bytes
    if setup.dropout:
        mask = 4 if setup.cpu else 1
        return sum(width for width, _ in adapted.values()) * (size + mask)
    own_copies = setup.autocast and not setup.bits
    if own_copies:
        return sum(width for width, _ in adapted.values()) * size
    shared = {("q", "k", "v"): shape.hidden, ("o",): shape.heads * shape.head_dim}
    shared |= {("gate", "up"): shape.hidden, ("down",): shape.intermediate}
    used = {name.partition("_")[0] for name in adapted}
    return sum(width for group, width in shared.items() if used & set(group)) * size


def mask_bytes(shape: Architecture, setup: Setup) -> int:
    """What attention takes that grows with the square of a row."""
    if setup.attention == "eager":  # scores and probabilities of every head
        return shape.heads * setup.tokens**2 * (4 + setup.compute_bytes)
    return setup.tokens**2 * 3 if setup.packed and setup.attention == "sdpa" else 0


def weight_copies(shape: Architecture, setup: Setup) -> int:
    """Autocast keeps a copy of a layer's 32-bit weights until its backward pass is done."""
    copied = setup.autocast and setup.dtype_bytes == 4 and not setup.bits
    return 2 * shape.layer_parameters if copied else 0


def transient_bytes(shape: Architecture, setup: Setup) -> int:
    """For each token, what the widest projection has at once: input, its 32-bit copy, dropout."""
    size = setup.compute_bytes if setup.bits or not setup.autocast else 4
    return shape.intermediate * size * (3 if setup.dropout else 2)


def head_bytes(shape: Architecture, setup: Setup) -> int:
    """TRL's fused head and loss: tiles of the logits, never all of them, and the gradient."""
    words = min(shape.vocabulary, HEAD_WORDS)
    tile = min(setup.tokens, HEAD_TOKENS) * words
    hidden = setup.tokens * shape.hidden * (4 + setup.compute_bytes)
    cast = words * shape.hidden * (2 if setup.dtype_bytes == 4 and setup.autocast else 0)
    # Where there is no Triton, the tile goes through some 32-bit copies.
    return hidden + cast + tile * (30 if setup.cpu else setup.compute_bytes)


def smaller(setup: Setup) -> list[tuple[str, Setup]]:
    """What to change for less memory, the mildest first; each holds what stands before it."""
    steps: list[tuple[str, Setup]] = []
    if setup.batch > 1:
        setup = replace(setup, tokens=setup.tokens // setup.batch, batch=1)
        steps.append(("training.sft.per_device_train_batch_size: 1", setup))
    if not setup.checkpointing:
        setup = replace(setup, checkpointing=True)
        steps.append(("training.sft.gradient_checkpointing: true", setup))
    if setup.dtype_bytes == 4 and not setup.bits:
        setup = replace(setup, dtype_bytes=2, autocast=True)
        steps.append(("model.dtype: bfloat16", setup))
    if not setup.bits:
        setup = replace(setup, bits=4, double_quantized=True)
        steps.append(("training.quantization: {load_in_4bit: true, ...}", setup))
    half = setup.tokens // 2
    return [*steps, (f"training.max_length: {half}", replace(setup, tokens=half))]
