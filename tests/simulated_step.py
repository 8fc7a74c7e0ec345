"""Forward and backward of a model that is not there: what every tensor would take, counted.

Shapes are real (torch's fake tensors), so an 8-billion-parameter layer costs no memory and no time.
"""

import weakref
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, LlamaConfig


class Meter(TorchDispatchMode):
    """Counts the bytes of every storage that is alive, and the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self.seen:
            size = self.seen[storage] = storage.nbytes()
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.drop, size)

    def drop(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return out


class MaskedDropout(torch.nn.Dropout):
    """Dropout as CUDA does it: the mask is kept as one byte an element."""

    def forward(self, x):
        return torch.native_dropout(x, self.p, True)[0]


def peak_bytes(
    config: LlamaConfig, *, tokens: int, dtype: str, checkpointing: bool, dropout: float, rank: int
) -> int:
    """Weights, activations and adapter gradients of one step at its peak, head and loss aside."""
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
        lora = LoraConfig(
            r=rank, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        model = get_peft_model(base, lora)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.__class__ = MaskedDropout
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = model.to_empty(device="cpu").train()
        if checkpointing:
            model.gradient_checkpointing_enable()
            model.enable_input_require_grads()
        with Meter() as meter:
            for parameter in model.parameters():
                meter.add(parameter)
            ids = torch.zeros(1, tokens, dtype=torch.long)
            with torch.autocast("cpu", torch.bfloat16):
                decoder = model.get_base_model().model
                hidden = decoder(input_ids=ids, use_cache=False).last_hidden_state
            hidden.sum().backward()
    return meter.peak
