"""A model's shape from its configuration alone: what memory and FLOPs are computed from.

Reads `config.json` of a model's folder, or of the hub's cache or the hub. Imports no torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError
from hybridtune.records import read_json
from training.targets import Targets, matches, takes_all

# Dense decoders with a gated MLP, whose layers have the seven projections below. Phi3 fuses some.
GATED = frozenset(
    {
        *("gemma", "gemma2", "gemma3_text", "glm4", "granite", "llama", "mistral"),
        *("olmo2", "olmo3", "phi3", "qwen2", "qwen3", "smollm3"),
    }
)
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Architecture:
    """A dense decoder: widths, layers and vocabulary."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """The projections of one layer: width of input and output."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes = [(self.hidden, query), (self.hidden, key), (self.hidden, key)]
        shapes += [(query, self.hidden), (self.hidden, self.intermediate)]
        shapes += [(self.hidden, self.intermediate), (self.intermediate, self.hidden)]
        return dict(zip((*ATTENTION, *MLP), shapes, strict=True))

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer's projections."""
        return sum(width * out for width, out in self.linears.values())

    @property
    def embedding_parameters(self) -> int:
        """Weights of the embedding; of the head too, where it has its own, and of the norms."""
        tables = 1 if self.tied else 2
        return tables * self.vocabulary * self.hidden + (2 * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        """All weights, but for the few of biases."""
        return self.layers * self.layer_parameters + self.embedding_parameters

    def adapted(self, targets: Targets, layer: int | None = None) -> dict[str, tuple[int, int]]:
        """The projections that an adapter sits on, in a layer or in any.

        PEFT knows default targets for None.
        """
        if takes_all(targets):
            return self.linears
        if targets is None:
            targets = ("q_proj", "v_proj")
        layers = range(self.layers) if layer is None else (layer,)
        return {
            name: shape
            for name, shape in self.linears.items()
            if any(matches(each, targets) for number in layers for each in places(name, number))
        }

    def adapter_parameters(self, rank: int, targets: Targets) -> int:
        """Weights of a LoRA adapter: rank x (input + output) for every projection it sits on."""
        return rank * sum(
            width + out
            for layer in range(self.layers)
            for width, out in self.adapted(targets, layer).values()
        )


def places(projection: str, layer: int) -> list[str]:
    """A projection's whole name: of a text model, or of one that sees as well."""
    block = "self_attn" if projection in ATTENTION else "mlp"
    rest = f"layers.{layer}.{block}.{projection}"
    return [f"model.{rest}", f"model.language_model.{rest}"]


def architecture_of(config: Mapping[str, Any]) -> Architecture | None:
    """The shape that a configuration describes; None for kinds that the formulas do not cover."""
    config = config.get("text_config") or config
    if config.get("model_type") not in GATED:
        return None
    heads = config["num_attention_heads"]
    return Architecture(
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", "gemma" in config["model_type"])),
    )


def read_architecture(
    model: str, revision: str | None = None, *, cached_only: bool = False
) -> Architecture | None:
    """The shape of a model; None where its configuration is not to be had, or not covered.

    Args:
        model: hub id or folder.
        revision: of the hub id.
        cached_only: ask the hub for nothing.
    """
    path = config_file(model, revision, cached_only=cached_only)
    if path is None:
        return None
    try:
        return architecture_of(read_json(path))
    except (DataError, KeyError, json.JSONDecodeError):
        return None


def config_file(model: str, revision: str | None, *, cached_only: bool) -> Path | None:
    """Where a model's `config.json` lies, if it does."""
    if Path(model).is_dir():
        path = Path(model) / "config.json"
        return path if path.is_file() else None
    return from_hub(model, revision, cached_only)


@cache
def from_hub(model: str, revision: str | None, cached_only: bool) -> Path | None:
    """A model's `config.json` in the hub's cache, where it is put if need be."""
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 - half a second

        return Path(
            hf_hub_download(model, "config.json", revision=revision, local_files_only=cached_only)
        )
    except (ImportError, OSError, ValueError):
        return None
