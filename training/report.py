"""What a training was and what came of it: `training.json`, and the adapter's model card."""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerState

from hybridtune.config import Experiment
from hybridtune.domain import Domain
from training.data import Tally
from training.defaults import LORA, SFT
from training.layout import Layout
from training.trainer import CountingTrainer

PACKAGES = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "hybridtune",
    "peft",
    "torch",
    "transformers",
    "trl",
)


def describe(
    experiment: Experiment,
    variant: str,
    trainer: CountingTrainer,
    layout: Layout,
    data: Tally,
    held_out: Tally,
) -> dict[str, Any]:
    """Everything that the trainer knows, for people and for comparing variants."""
    settings = experiment.variants[variant]
    state, arguments = trainer.state, trainer.args
    epochs = state.epoch or 0.0
    rows = len(trainer.train_dataset)
    room = rows * experiment.training.max_length
    options = arguments.to_dict()
    gpu = torch.cuda.is_available() and not arguments.use_cpu
    chosen = arguments.load_best_model_at_end and state.best_model_checkpoint is not None
    best_step = state.best_global_step if chosen else state.global_step
    return {
        "variant": variant,
        "shares": settings.shares,
        "budget": settings.budget,
        "base_model": experiment.model.model_dump(mode="json"),
        "data": asdict(data),
        "held_out": asdict(held_out),
        "rows": rows,
        "fill": round(data.tokens / room, 4) if arguments.packing else None,
        "steps": state.global_step,
        "stopped_early": state.global_step < state.max_steps,
        "best_step": best_step,
        "best_by": "held-out loss" if chosen else "last step",
        "patience": experiment.training.patience,
        "epochs": epochs,
        "tokens_seen": trainer.tokens.seen,
        "tokens_trained": trainer.tokens.trained,
        "tokens_in_adapter": tokens_by(state, best_step, trainer.tokens.trained),
        "processes": arguments.world_size,
        "layout": {"kind": layout.kind, "zero_stage": layout.zero_stage},
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "seed": experiment.seed,
        "windows": {
            "max_length": experiment.training.max_length,
            "context_tokens": experiment.training.context_tokens,
        },
        "sft": {name: options[name] for name in {**SFT, **experiment.training.sft}},
        "lora": LORA | experiment.training.lora,
        "quantization": experiment.training.quantization,
        "base_in_training": base_in_training(experiment),
        "versions": versions(),
        "loss_curve": [
            {name: entry[name] for name in ("step", "tokens_trained", "loss")}
            for entry in state.log_history
            if "loss" in entry
        ],
        "held_out_curve": [
            {
                "step": entry["step"],
                "tokens_trained": entry["tokens_trained"],
                "loss": entry["eval_loss"],
            }
            for entry in state.log_history
            if "eval_loss" in entry
        ],
    }


def tokens_by(state: TrainerState, step: int, most: int) -> int:
    """The tokens that were trained up to a step; of all steps but the last, a loss tells."""
    told = [
        entry["tokens_trained"]
        for entry in state.log_history
        if entry["step"] == step and "tokens_trained" in entry
    ]
    return int(told[-1]) if told and step != state.global_step else most


def versions() -> dict[str, str]:
    """The libraries that decide what a training gives."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def base_name(experiment: Experiment) -> str:
    """The base model for readers elsewhere: a hub id, or the name of a folder without its path."""
    name = experiment.model.name
    return Path(name).resolve().name if Path(name).is_dir() else name


def model_card(
    report: dict[str, Any],
    experiment: Experiment,
    domain: Domain,
    further: Mapping[str, str],
    *,
    merged: bool = False,
) -> str:
    """The card of an adapter, or of the model that it was merged into, in the hub's format."""
    base, data = base_name(experiment), report["data"]
    on_hub = not Path(experiment.model.name).is_dir()
    revision = f" at revision `{experiment.model.revision}`" if experiment.model.revision else ""
    header = ["---", *([f"base_model: {base}"] if on_hub else [])]
    header += [f"library_name: {'transformers' if merged else 'peft'}"]
    header += ["pipeline_tag: text-generation", "tags:", "- lora", "- sft", "- trl", "---"]
    kind = "The base model with a LoRA adapter merged in," if merged else "A LoRA adapter"
    shares = ", ".join(f"{value:g} x {name}" for name, value in report["shares"].items())
    shares += "".join(f", {name} {value}" for name, value in report["budget"].items())
    turns = f"{data['counselor_turns']}, {data['untrained_turns']} of them context without loss"
    rows = {
        "base model": f"`{base}`{revision}, {experiment.model.dtype}",
        "sessions": f"{data['sessions']} ({shares})",
        "counselor turns": f"{turns}, {len(data['dropped_turns'])} too long and left out",
        "tokens seen / trained": f"{report['tokens_seen']:,} / {report['tokens_trained']:,}",
        "optimizer steps": f"{report['steps']} ({report['epochs']:g} epochs), of which the adapter "
        f"holds the first {report['best_step']}, by {report['best_by']}",
        "LoRA": ", ".join(f"{name} {value}" for name, value in report["lora"].items()),
        "base in training": quantised_words(report),
        "held-out loss": held_out_words(report),
        "adapter": f"sha256 `{report['hashes']['adapter']}`",
        "dataset": f"sha256 `{report['hashes']['dataset']}`",
        "versions": ", ".join(f"{name} {value}" for name, value in report["versions"].items()),
    }
    rows |= further
    return "\n".join(
        [
            *header,
            "",
            f"# {domain.settings.title}: {report['variant']}",
            "",
            f"{kind} trained on {domain.settings.counselor.lower()} turns alone, for",
            "research on whether synthetic sessions help. It is no therapist and must not act as",
            "one. The base model's licence applies, and so do the terms of the transcripts that it",
            "was trained on: what one model learned from people's words, it can repeat.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
        ]
    )


def base_in_training(experiment: Experiment) -> str:
    """What the adapter's base was while it was trained: its precision, or its quantisation."""
    options = experiment.training.quantization
    if not options:
        return experiment.model.dtype
    if not options.get("load_in_4bit"):
        return "8-bit"
    double = ", double quantisation" if options.get("bnb_4bit_use_double_quant") else ""
    return f"4-bit {options.get('bnb_4bit_quant_type', 'fp4')}{double}"


def quantised_words(report: dict[str, Any]) -> str:
    """The base in training; where it was quantised, what that means for serving."""
    words: str = report["base_in_training"]
    if report["quantization"] is None:
        return words
    return f"{words} (bitsandbytes). Serve it on a base quantised alike: it never saw another"


def held_out_words(report: dict[str, Any]) -> str:
    """The loss on held-out sessions, before and after."""
    if report["held_out_loss"]["after"] is None:
        return "not measured"
    before, after = report["held_out_loss"]["before"], report["held_out_loss"]["after"]
    return f"{before:.4f} before, {after:.4f} after ({report['held_out']['sessions']} sessions)"
