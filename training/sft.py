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
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import SFTTrainer

from hybridtune.config import Experiment
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import HybridtuneError
from hybridtune.records import Session, atomic_write, read_jsonl, write_json
from hybridtune.runs import Run, load_run
from hybridtune.weights import adapter_digest, model_digest
from training.adapters import publish_adapter
from training.callbacks import Marker, Teller
from training.checkpoints import drop_unusable, latest_checkpoint, step_of
from training.data import Tally, rows_of
from training.device import device_here, resident_bytes
from training.layout import running_layout
from training.measured import measured
from training.mixture import write_mixture
from training.options import check_training
from training.preflight import before_weights, refuse
from training.report import describe, model_card, versions
from training.settings import check_processes, lora_config, quantization_config, sft_config
from training.template import Chat, Row, load_chat


def main() -> int:
    """Train; a problem that the user can solve is one line."""
    parser = argparse.ArgumentParser(prog="training.sft", description="Train one variant.")
    parser.add_argument("--run", type=Path, required=True, help="run folder")
    parser.add_argument("--variant", required=True, help="which variant to train")
    parser.add_argument("--domain", help="folder of the domain pack, instead of the experiment's")
    parser.add_argument("--processes", type=int, help="refuse to train with any other number")
    options = parser.parse_args()
    try:
        run = load_run(options.run)
        domain = load_domain(options.domain or run.experiment.domain)
        train(run, options.variant, domain, options.processes)
    except HybridtuneError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def train(run: Run, variant: str, domain: Domain, processes: int | None) -> None:
    """Configuration, data, model, training, adapter, report."""
    began_s = time.monotonic()
    experiment, folder = run.experiment, run.variant(variant)
    checkpoints = folder / "checkpoints"
    check_training(experiment.training)
    arguments = sft_config(experiment, checkpoints)
    check_processes(arguments.world_size, processes)
    device = device_here(cpu=arguments.use_cpu)
    layout = running_layout(arguments.world_size, os.environ)
    found = before_weights(experiment, layout, device, arguments.world_size)
    for warning in refuse(found):
        if arguments.process_index == 0:
            sys.stdout.write(f"warning: {warning}\n")
    resident = resident_bytes()

    with arguments.main_process_first():
        # Launched by hand, there may be no mixture yet; one that is there, edited or not, is kept.
        if arguments.process_index == 0 and not (folder / "dataset.jsonl").exists():
            write_mixture(run, variant)

    chat = load_chat(experiment.model.name, experiment.model.revision, domain.system_prompt)
    rows, data = load_rows(folder / "dataset.jsonl", chat, experiment, domain)
    held_out_rows, held_out = load_rows(folder / "held_out.jsonl", chat, experiment, domain)
    arguments.eval_on_start = bool(held_out_rows)

    with arguments.main_process_first():
        hashes = input_hashes(folder, chat, experiment)
        plan = plan_digest(experiment, hashes, domain, arguments.world_size)
        if arguments.process_index == 0:
            (folder / "training.json").unlink(missing_ok=True)
            drop_unusable(checkpoints, plan, arguments.world_size)
    resumed = latest_checkpoint(checkpoints)

    teller = Teller(data.tokens)
    trainer = SFTTrainer(
        model=experiment.model.name,
        args=arguments,
        processing_class=chat.tokenizer,
        train_dataset=dataset_of(rows),
        eval_dataset=dataset_of(held_out_rows) if held_out_rows else None,
        peft_config=lora_config(experiment.training),
        quantization_config=quantization_config(experiment.training),
        callbacks=[Marker(plan), teller],
    )
    loaded_s = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    trained_s = time.monotonic()
    report = describe(experiment, variant, trainer, data, held_out)
    after = trainer.evaluate()["eval_loss"] if held_out_rows else None

    trainer.save_model(str(folder / ".adapter.saving"))
    if not trainer.is_world_process_zero():
        return
    publish_adapter(folder / ".adapter.saving", folder / "adapter", experiment.model)
    curve = report["held_out_curve"]
    report["held_out_loss"] = {"before": curve[0]["loss"] if curve else None, "after": after}
    report["hashes"] = {**hashes, "adapter": adapter_digest(folder / "adapter")}
    report["resumed_from_step"] = step_of(resumed) if resumed else None
    report["tokens_per_s"] = round(teller.tokens_per_s)
    report |= measured(experiment, layout, device, report, resident)
    report["seconds"] = {
        "prepare": round(loaded_s - began_s, 2),
        "train": round(trained_s - loaded_s, 2),
    }
    with atomic_write(folder / "MODEL_CARD.md") as card:
        card.write_text(model_card(report, experiment, domain), encoding="utf-8")
    write_json(folder / "training.json", report)
    shutil.rmtree(checkpoints, ignore_errors=True)


def load_rows(
    path: Path, chat: Chat, experiment: Experiment, domain: Domain
) -> tuple[list[Row], Tally]:
    """The sessions of a file as rows of tokens; says what was left out."""
    sessions = read_jsonl(path, Session)
    rows, tally = rows_of(sessions, chat, experiment.training, domain.settings.opener)
    for turn in tally.dropped_turns:
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


def input_hashes(folder: Path, chat: Chat, experiment: Experiment) -> dict[str, str]:
    """SHA-256 of everything that goes into a training."""
    texts = {
        "dataset": (folder / "dataset.jsonl").read_bytes(),
        "held_out": (folder / "held_out.jsonl").read_bytes(),
        "system_prompt": chat.system["content"].encode(),
        "chat_template": str(chat.tokenizer.chat_template).encode(),
    }
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    return hashes | {"base_model": model_digest(experiment.model.name, experiment.model.revision)}


def plan_digest(
    experiment: Experiment, hashes: dict[str, str], domain: Domain, processes: int
) -> str:
    """What must be the same for a checkpoint to be continued."""
    settings: dict[str, Any] = experiment.training.model_dump(mode="json")
    for name in ("accelerate_config", "accelerate_args", "env"):
        settings.pop(name)
    plan = [settings, experiment.model.model_dump(mode="json"), experiment.seed, hashes]
    plan += [domain.settings.opener, processes, versions()]
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
