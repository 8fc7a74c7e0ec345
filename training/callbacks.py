"""What happens beside the optimiser steps: progress lines, and marks on whole checkpoints.

Writes `variants/<name>/checkpoints/checkpoint-<step>/complete.json` and standard output.
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.checkpoints import mark_complete
from training.progress import Progress
from training.trainer import Tokens


class Marker(TrainerCallback):
    """Marks a checkpoint as complete after its last file is written."""

    def __init__(self, plan: str, tokens: Tokens) -> None:
        self.plan, self.tokens = plan, tokens

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Note the files with their sizes, the tokens so far, and which training it is of.

        Not where the training ends early: who resumed there would take one step too many.
        """
        ends_early = control.should_training_stop and state.global_step < state.max_steps
        if state.is_world_process_zero and not ends_early:
            checkpoint = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            mark_complete(checkpoint, self.plan, asdict(self.tokens))


class Teller(TrainerCallback):
    """Writes a line of progress with every logged loss."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.first_tokens = tokens.seen
        self.started_s = 0.0
        self.first_step = 0
        self.tokens_per_s = 0.0

    def on_train_begin(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Tell where a training starts or resumes."""
        self.first_step = state.global_step
        self.tell(state, Progress(state.global_step, state.max_steps))

    def on_step_begin(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Take the time from the first step on, after the held-out sessions' first evaluation."""
        if state.global_step == self.first_step:
            self.started_s = time.monotonic()

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Tell the loss and the speed since this process began to train."""
        if not logs or "loss" not in logs or state.global_step == self.first_step:
            return
        spent_s = max(time.monotonic() - self.started_s, 1e-9)
        self.tokens_per_s = (self.tokens.seen - self.first_tokens) / spent_s
        step_s = spent_s / (state.global_step - self.first_step)
        left_s = step_s * (state.max_steps - state.global_step)
        self.tell(
            state,
            Progress(state.global_step, state.max_steps, logs["loss"], self.tokens_per_s, left_s),
        )

    def tell(self, state: TrainerState, progress: Progress) -> None:
        """One process of several speaks."""
        if state.is_world_process_zero:
            sys.stdout.write(progress.line() + "\n")
            sys.stdout.flush()
