"""Trains one variant's LoRA adapter.

    accelerate launch --config_file accelerate_config.yaml -m training.sft \
        --run runs/demo --variant real

Reads `experiment.json` and the variant's `dataset.jsonl` and `held_out.jsonl` in the run folder,
which it mixes where they are missing; writes its `adapter/`, `MODEL_CARD.md` and, last of all,
`training.json`. While it trains, its `checkpoints/` are there: killed and started again, it
resumes and ends with the same adapter.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import EarlyStoppingCallback
from trl import SFTConfig

from hybridtune.config import Experiment
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import HybridtuneError
from hybridtune.records import Session, atomic_write, read_json, read_jsonl, write_json
from hybridtune.runs import Run, load_run
from hybridtune.weights import adapter_digest, model_digest
from training.adapters import publish_adapter
from training.callbacks import Marker, Teller
from training.card import rights
from training.check import checked_rows
from training.checkpoints import drop_unusable, latest_checkpoint, step_of, tokens_until
from training.data import Tally, trained_tokens
from training.device import device_here, resident_bytes
from training.layout import Layout, running_layout
from training.measured import measured
from training.mixture import trained_variant, write_mixture
from training.options import check_training
from training.preflight import before_weights, refuse
from training.report import describe, model_card, versions
from training.settings import check_processes, lora_config, quantization_config, sft_config
from training.stopping import GOES_ON, Stopped, Stopper
from training.template import DATED, Chat, Row, serving_chat
from training.trackers import places
from training.trainer import CountingTrainer, Tokens


def main() -> int:
    """Train; a problem that the user can solve is one line."""
    parser = argparse.ArgumentParser(prog="training.sft", description="Train one variant.")
    parser.add_argument("--run", type=Path, required=True, help="run folder")
    parser.add_argument("--variant", required=True, help="which variant to train")
    parser.add_argument("--domain", help="folder of the domain pack, instead of the experiment's")
    parser.add_argument("--processes", type=int, help="refuse to train with any other number")
    options = parser.parse_args()
    stopper = Stopper()
    stopper.listen()
    try:
        run = load_run(options.run)
        domain = load_domain(options.domain or run.experiment.domain)
        train(run, options.variant, domain, options.processes, stopper)
    except KeyboardInterrupt:
        sys.stderr.write(f"error: stopped; what its last checkpoint holds is kept, {GOES_ON}\n")
        return Stopped.exit_code
    except HybridtuneError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def train(run: Run, variant: str, domain: Domain, processes: int | None, stopper: Stopper) -> None:
    """Configuration, data, model, training, adapter, report."""
    began_s = time.monotonic()
    experiment, folder = run.experiment, run.variant(variant)
    checkpoints = folder / "checkpoints"
    check_training(experiment.training)
    steps = trained_variant(experiment, variant).steps
    arguments = sft_config(experiment, checkpoints, steps)
    name_tracked_run(run, variant, arguments)
    check_processes(arguments.world_size, processes)
    device = device_here(cpu=arguments.use_cpu)
    layout = running_layout(arguments.world_size, os.environ)
    found = before_weights(experiment, layout, device, arguments.world_size)
    for warning in refuse(found):
        if arguments.process_index == 0:
            sys.stdout.write(f"warning: {warning}\n")
    resident = resident_bytes()

    chat = serving_chat(experiment, domain.system_prompt)
    if chat.dated and arguments.process_index == 0:
        sys.stdout.write(f"warning: {DATED.format(chat.model)}\n")
    with arguments.main_process_first():
        # Launched by hand, there may be no mixture yet; one that is there, edited or not, is kept.
        if arguments.process_index == 0 and not (folder / "dataset.jsonl").exists():
            opener = domain.settings.opener
            count = partial(trained_tokens, chat=chat, settings=experiment.training, opener=opener)
            write_mixture(run, variant, count)

    first = arguments.process_index == 0
    rows, data = load_rows(folder / "dataset.jsonl", chat, experiment, domain, tell=first)
    held_out_rows, held_out = load_rows(
        folder / "held_out.jsonl", chat, experiment, domain, tell=first
    )
    if not held_out_rows:
        arguments.eval_strategy, arguments.load_best_model_at_end = "no", False

    with arguments.main_process_first():
        hashes = input_hashes(folder, chat, experiment)
        plan = plan_digest(experiment, hashes, domain, arguments.world_size, layout, steps)
        if arguments.process_index == 0:
            (folder / "training.json").unlink(missing_ok=True)
            drop_unusable(checkpoints, plan, arguments.world_size)
    resumed = latest_checkpoint(checkpoints)
    arguments.eval_on_start = bool(held_out_rows) and resumed is None

    tokens = Tokens(**tokens_until(resumed))
    teller = Teller(tokens)
    callbacks = [Marker(plan, tokens), teller, stopper]
    if arguments.load_best_model_at_end and experiment.training.patience:
        callbacks.append(EarlyStoppingCallback(experiment.training.patience))
    trainer = CountingTrainer(
        tokens=tokens,
        model=experiment.model.name,
        args=arguments,
        processing_class=chat.tokenizer,
        train_dataset=dataset_of(rows),
        eval_dataset=dataset_of(held_out_rows) if held_out_rows else None,
        peft_config=lora_config(experiment.training),
        quantization_config=quantization_config(experiment.training),
        callbacks=callbacks,
    )
    loaded_s = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    trained_s = time.monotonic()
    report = describe(experiment, variant, trainer, layout, data, held_out)
    after = trainer.evaluate()["eval_loss"] if held_out_rows else None

    trainer.save_model(str(folder / ".adapter.saving"))
    if not trainer.is_world_process_zero():
        return
    publish_adapter(folder / ".adapter.saving", folder / "adapter", experiment.model)
    curve = report["held_out_curve"]
    report["held_out_loss"] = {"before": curve[0]["loss"] if curve else None, "after": after}
    report |= mixture_story(folder, hashes["dataset"])
    report["hashes"] = {**hashes, "adapter": adapter_digest(folder / "adapter")}
    report["resumed_from_step"] = step_of(resumed) if resumed else None
    report["padding"] = tokens.padding
    report["tokens_per_s"] = round(teller.tokens_per_s)
    report |= measured(experiment, layout, device, report, resident)
    report["seconds"] = {
        "prepare": round(loaded_s - began_s, 2),
        "train": round(trained_s - loaded_s, 2),
        "finish": round(time.monotonic() - trained_s, 2),
    }
    rows_of_card = {"rights of the sessions": rights(run, variant)}
    with atomic_write(folder / "MODEL_CARD.md") as card:
        card.write_text(model_card(report, experiment, domain, rows_of_card), encoding="utf-8")
    write_json(folder / "training.json", report)
    shutil.rmtree(checkpoints, ignore_errors=True)


def name_tracked_run(run: Run, variant: str, arguments: SFTConfig) -> None:
    """Give trackers a name for this training and a place in the run folder, where none is set."""
    for name, place in places(arguments.report_to, run.logs.resolve(), variant).items():
        os.environ.setdefault(name, place)
    arguments.run_name = arguments.run_name or f"{run.experiment.name}-{variant}"


def load_rows(
    path: Path, chat: Chat, experiment: Experiment, domain: Domain, *, tell: bool
) -> tuple[list[Row], Tally]:
    """The sessions of a file as rows of tokens; one process tells what was left out."""
    sessions = read_jsonl(path, Session)
    rows, tally = checked_rows(sessions, chat, experiment.training, domain.settings.opener)
    for turn in tally.dropped_turns if tell else ():
        sys.stdout.write(f"warning: {turn} is longer than training.max_length and left out\n")
    return rows, tally


def dataset_of(rows: list[Row]) -> Dataset:
    """Rows as TRL takes them: tokenised, with labels, nothing left to prepare but packing."""
    return Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels for row in rows],
        }
    )


def mixture_story(folder: Path, dataset: str) -> dict[str, Any]:
    """How the data set came about; unknown where somebody has edited it since."""
    file = folder / "mixture.json"
    story = read_json(file) if file.is_file() else {}
    known = story.get("dataset") == dataset
    removed = story["removed_near_duplicates"] if known else None
    mixture = {name: story[name] for name in ("shares", "seed", "budget")} if known else None
    return {"mixture": mixture, "removed_near_duplicates": removed}


def input_hashes(folder: Path, chat: Chat, experiment: Experiment) -> dict[str, str]:
    """SHA-256 of everything that goes into a training."""
    texts = {
        "dataset": (folder / "dataset.jsonl").read_bytes(),
        "held_out": (folder / "held_out.jsonl").read_bytes(),
        "system_prompt": chat.system["content"].encode(),
        "chat_template": template_of(chat).encode(),
    }
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    return hashes | {"base_model": model_digest(experiment.model.name, experiment.model.revision)}


def template_of(chat: Chat) -> str:
    """The serving template, and what it is rendered with, if anything."""
    arguments = json.dumps(chat.arguments, sort_keys=True) if chat.arguments else ""
    return f"{chat.tokenizer.chat_template}{arguments}"


def plan_digest(
    experiment: Experiment,
    hashes: dict[str, str],
    domain: Domain,
    processes: int,
    layout: Layout,
    steps: int | None,
) -> str:
    """What must be the same for a checkpoint to be continued."""
    settings: dict[str, Any] = experiment.training.model_dump(mode="json")
    for name in ("accelerate_config", "accelerate_args", "env"):
        settings.pop(name)
    plan = [settings, experiment.model.model_dump(mode="json"), experiment.seed, hashes]
    # Processes that share in another way write the same files with other parts of the state.
    plan += [domain.settings.opener, processes, layout.kind, layout.zero_stage, steps, versions()]
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
