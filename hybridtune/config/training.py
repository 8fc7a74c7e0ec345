"""The training stage: the base model, the variants, and what goes to TRL, PEFT and bitsandbytes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from hybridtune.config.base import Settings
from hybridtune.config.servers import Environment

BUDGETS = ("match", "trained_tokens", "steps")


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
    match: str | None = None
    """Another variant: as many trained tokens as its, in the proportions of the shares."""
    trained_tokens: int | None = Field(default=None, ge=1)
    """So many trained tokens over all epochs, in the proportions of the shares."""
    steps: int | None = Field(default=None, ge=1)
    """So many optimizer steps, instead of `training.sft.num_train_epochs`."""
    seed: int | None = Field(default=None, ge=0)
    """Draws and orders this variant's sessions; left out, the experiment's."""

    @property
    def trained(self) -> bool:
        """Whether this variant has an adapter."""
        return bool(self.real or self.synthetic)

    @property
    def shares(self) -> dict[str, float]:
        """The shares by source, those of 0 left out."""
        shares = {"real": self.real, "synthetic": self.synthetic}
        return {source: share for source, share in shares.items() if share}

    @property
    def budget(self) -> dict[str, str | int]:
        """The budget by its name, if there is one."""
        given = {name: getattr(self, name) for name in BUDGETS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def counts_tokens(self) -> bool:
        """Whether its mixture depends on how many tokens are trained."""
        return bool(self.budget) and self.steps is None

    @model_validator(mode="after")
    def one_budget(self) -> "VariantSettings":
        """Two budgets contradict each other, and the base model has nothing to spend one on."""
        given = list(self.budget)
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} are two budgets: keep one")
        if not self.trained and (given or self.seed is not None):
            raise ValueError(f"{(*given, 'seed')[0]} needs a share of real or synthetic sessions")
        return self


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
    env: Environment = Field(default_factory=dict)
    """Environment variables of the training process, beside those that it inherits."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Passed to `trl.SFTConfig` by its own names."""
    lora: dict[str, Any] = Field(default_factory=dict)
    """Passed to `peft.LoraConfig` by its own names."""
    quantization: dict[str, Any] | None = None
    """Passed to `transformers.BitsAndBytesConfig`; left out, no quantization."""

    @property
    def keeps_best(self) -> bool:
        """Whether the adapter is that of the lowest held-out loss, which is the default."""
        never = "no" in (self.sft.get("save_strategy"), self.sft.get("eval_strategy"))
        return bool(self.held_out and self.sft.get("load_best_model_at_end", not never))


def check_budgets(variants: Mapping[str, VariantSettings], training: TrainingSettings) -> None:
    """Refuse budgets that refer to what is not there, or that something else would overrule.

    Raises:
        ValueError: names the first of them.
    """
    sft = training.sft
    for name, variant in variants.items():
        budget = next(iter(variant.budget), None)
        if budget and sft.get("max_steps", -1) != -1:
            raise ValueError(
                f"variants.{name}.{budget}: training.sft.max_steps would overrule it: keep one"
            )
        if budget == "trained_tokens" and sft.get("num_train_epochs") == 0:
            raise ValueError(f"variants.{name}.{budget}: no epoch of training.sft to train them in")
        if budget and training.patience and training.keeps_best:
            raise ValueError(
                f"variants.{name}.{budget}: a held-out loss that rises would end it before:"
                " set training.patience: 0, and for the adapters of the last step"
                " training.sft.load_best_model_at_end: false"
            )
        if variant.match is None:
            continue
        others = [each for each, its in variants.items() if its.trained and not its.budget]
        if variant.match not in others:
            raise ValueError(
                f"variants.{name}.match: {variant.match!r} is no trained variant without a budget"
                f" of its own (there are: {', '.join(others) or 'none'})"
            )
