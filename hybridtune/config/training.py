"""The training stage: the base model, the variants, and what goes to TRL, PEFT and bitsandbytes."""

from typing import Any, Literal

from pydantic import Field

from hybridtune.config.base import Settings


class BaseModelSettings(Settings):
    """The one open model that all variants start from."""

    name: str
    """Hub id, or a folder (relative ones count from the working folder)."""
    revision: str | None = None
    """Hub revision; pin it for a run that others shall repeat."""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """Of the frozen weights, in training and serving alike."""


class VariantSettings(Settings):
    """What one variant is trained on; all shares 0 is the untouched base model."""

    real: float = Field(default=0.0, ge=0)
    """Share of the real sessions: 1 is each once, 2 each twice."""
    synthetic: float = Field(default=0.0, ge=0)
    """Share of the synthetic sessions."""

    @property
    def trained(self) -> bool:
        """Whether this variant has an adapter."""
        return bool(self.real or self.synthetic)


class TrainingSettings(Settings):
    """How adapters are trained."""

    max_length: int = Field(default=4096, ge=128)
    """Longest row in tokens; longer sessions are cut into windows at turn boundaries."""
    context_tokens: int = Field(default=1024, ge=0)
    """Earlier turns repeated, with their loss masked, at the start of a window."""
    held_out: float = Field(default=0.1, ge=0, lt=1)
    """Share of the sessions held out to measure the loss on."""
    patience: int = Field(default=3, ge=0)
    """Held-out losses in a row without a new lowest before a training ends; 0: it never does."""
    accelerate_config: str = "accelerate_config.yaml"
    """Passed to `accelerate launch --config_file`."""
    accelerate_args: tuple[str, ...] = ()
    """Further arguments of `accelerate launch`."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the training process."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Passed to `trl.SFTConfig` by its own names."""
    lora: dict[str, Any] = Field(default_factory=dict)
    """Passed to `peft.LoraConfig` by its own names."""
    quantization: dict[str, Any] | None = None
    """Passed to `transformers.BitsAndBytesConfig`; left out, no quantization."""
