"""What `training.lora` and `training.sft` take where the experiment says nothing. No torch.

For LoRA on a few hundred sessions; the sources are in `docs/training.md`.
"""

from typing import Any

LORA: dict[str, Any] = {
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "target_modules": "all-linear",
}
SFT: dict[str, Any] = {
    "num_train_epochs": 3,
    "learning_rate": 2e-4,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.05,
    # Rows are packed to the full length: more of them at once only costs memory, and attention
    # without FlashAttention grows with the square of what is flattened into one.
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "packing": True,
    "eval_packing": False,
    "logging_steps": 1,
    "save_strategy": "steps",
    "save_steps": 0.1,
    "save_total_limit": 2,
    # Where a loss on held-out sessions is measured, the adapter is that of its lowest value.
    "load_best_model_at_end": True,
    "metric_for_best_model": "eval_loss",
    "greater_is_better": False,
    # How long it has not fallen is part of a checkpoint, or resuming would not be exact.
    "restore_callback_states_from_checkpoint": True,
    "report_to": "none",
    "disable_tqdm": True,
}
