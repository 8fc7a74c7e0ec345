"""SIGTERM and Ctrl-C: the step is finished, a checkpoint saved, and the process ends with one line.

All processes of a training agree on the step, whichever of them heard the signal.
"""

import ctypes
import os
import signal
import sys
from typing import Any

import torch
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hybridtune.errors import HybridtuneError

GOES_ON = "the same command goes on from there"


class Stopped(HybridtuneError):
    """A signal ended the training, which can go on; the exit code is a shell's for SIGTERM."""

    exit_code = 128 + signal.SIGTERM


class Stopper(TrainerCallback):
    """Saves a checkpoint and ends the training after the step in which a signal came."""

    def __init__(self) -> None:
        self.training = False
        self.heard = ""
        self.stopping = False

    def listen(self) -> None:
        """Take SIGTERM and SIGINT, and SIGTERM too when accelerate's launcher dies of it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.hear)
        if "ACCELERATE_MIXED_PRECISION" in os.environ:  # its launcher sets it, nobody else
            set_parent_death_signal = 1  # prctl(2)
            ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)

    def hear(self, number: int, _frame: object) -> None:
        """Remember the signal while a step runs; where there is nothing to save, end at once."""
        again = number == signal.SIGINT and self.heard
        if again or not self.training:
            raise KeyboardInterrupt
        if not self.heard:
            sys.stdout.write("stopping: a checkpoint is saved after this step\n")
            sys.stdout.flush()
        self.heard = signal.Signals(number).name

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """From here on there is something to save."""
        self.training = True

    def on_step_end(
        self, args: TrainingArguments, _state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ask for a checkpoint if any process has heard a signal."""
        heard = torch.tensor(float(bool(self.heard)), device=args.device)
        if reduce(heard, "sum").item():
            control.should_save = self.stopping = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """End here, once every process has written its part.

        Raises:
            Stopped: names the step, and how to go on.
        """
        if self.stopping:
            args.distributed_state.wait_for_everyone()
            raise Stopped(
                f"stopped by {self.heard or 'a signal'} after step {state.global_step} of "
                f"{state.max_steps}; a checkpoint is saved, {GOES_ON}"
            )

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """What is left takes seconds, and is done again from the last checkpoint."""
        self.training = False
