"""TRL's trainer that counts the tokens which it is really given, by step.

Multiplying a data set's tokens by epochs is wrong where steps end a training early, where the last
rows of an epoch make no whole step, and where several processes share an odd number of rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from trl import SFTTrainer

from training.template import IGNORED


@dataclass
class Tokens:
    """What all processes together were given, in all steps, those before a resume included.

    Attributes:
        seen: without padding.
        trained: those of them that carry loss.
        positions: with padding.
    """

    seen: int = 0
    trained: int = 0
    positions: int = 0

    @property
    def padding(self) -> float:
        """The share of what the model was given that is no token of a row."""
        return round(1 - self.seen / self.positions, 4) if self.positions else 0.0


class CountingTrainer(SFTTrainer):
    """`SFTTrainer` with a count that its log lines tell too."""

    def __init__(self, *arguments: Any, tokens: Tokens, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.tokens = tokens

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The batches of one optimizer step, counted across all processes.

        None where a training resumes behind its last step: transformers would take one more.
        """
        if self.state.global_step >= self.state.max_steps:
            self.control.should_epoch_stop = True
            return [], None
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        counts = torch.tensor([count(batch) for batch in batches] or [[0, 0, 0]], device=device)
        seen, trained, positions = self.accelerator.reduce(counts.sum(dim=0)).tolist()
        self.tokens.seen += seen
        self.tokens.trained += trained
        self.tokens.positions += positions
        return batches, items

    def _load_best_model(self) -> None:
        """As transformers does, but in the precision that the adapter was trained in.

        PEFT reads a saved adapter as 32-bit weights, also one that TRL trains in bfloat16.
        """
        weights = self.model.named_parameters()
        precisions = {name: weight.dtype for name, weight in weights if weight.requires_grad}
        super()._load_best_model()
        for name, weight in self.model.named_parameters():
            if name in precisions:
                weight.data = weight.data.to(precisions[name])

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with a loss, how many tokens were trained up to it."""
        if "loss" in logs or "eval_loss" in logs:
            logs["tokens_trained"] = self.tokens.trained
        super().log(logs, start_time)


def count(batch: dict[str, torch.Tensor]) -> list[int]:
    """The tokens of a batch without padding, those that carry loss, and all with padding."""
    mask = batch.get("attention_mask")
    positions = batch["input_ids"].numel()
    seen = positions if mask is None else int(mask.sum())
    return [seen, int((batch["labels"] != IGNORED).sum()), positions]
