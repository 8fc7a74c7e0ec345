"""Build the micro base model: text, tokenizer, training, one folder.

Reads the phrase files beside it; writes model, tokenizer, template and model card to --out.

Run: python -m training.micro --out examples/micro
"""

import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from transformers.utils import logging

from hybridtune.errors import HybridtuneError, InputError
from hybridtune.progress import Reporter
from training.micro.card import TITLE, model_card
from training.micro.text import dialogues
from training.micro.tokenizer import train_tokenizer
from training.micro.train import Recipe, train

TOKENIZER_DIALOGUES = 4000
NATIVE_BF16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that is neither absent, nor empty, nor an earlier micro model."""
    if not folder.exists():
        return
    card = folder / "README.md"
    is_micro = card.is_file() and card.read_text(encoding="utf-8").startswith(TITLE)
    if not folder.is_dir() or (any(folder.iterdir()) and not is_micro):
        fix = "choose another --out or pass --force"
        raise InputError("holds something else than a micro model", where=str(folder), fix=fix)


def build(out: Path, recipe: Recipe, console: Console) -> None:
    """Train and write everything."""
    started = time.monotonic()
    sample = islice(dialogues(recipe.seed), TOKENIZER_DIALOGUES)
    tokenizer = train_tokenizer(turn["content"] for messages in sample for turn in messages)
    tokens, loss = 0, 0.0
    with Reporter(console).task("Training", total=recipe.steps) as task:

        def on_step(smoothed: float, seen: int) -> None:
            nonlocal tokens, loss
            tokens, loss = tokens + seen, smoothed
            task.advance(note=f"loss {loss:.2f}")

        model = train(tokenizer, recipe, on_step)
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "README.md").write_text(model_card(model, recipe, tokens, loss), encoding="utf-8")
    (out / "model.safetensors").chmod(0o644)
    took = time.monotonic() - started
    console.print(f"Wrote {out}: loss {loss:.2f} after {tokens:,} tokens in {took:.0f} s")


def main(
    out: Annotated[Path, typer.Option(help="Folder to write the model to.")],
    seed: Annotated[int, typer.Option(help="Decides the text and the first weights.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = Recipe.steps,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = Recipe.threads,
    bf16: Annotated[
        bool, typer.Option(help="Compute in bfloat16; the default where the CPU has it.")
    ] = NATIVE_BF16,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds something else.")
    ] = False,
) -> None:
    """Train a toy chat model from scratch on text of our own, in minutes on two cores."""
    console = Console(stderr=True)
    logging.disable_progress_bar()
    try:
        if not force:
            check_replaceable(out)
        build(out, Recipe(seed=seed, steps=steps, threads=threads, bf16=bf16), console)
    except HybridtuneError as error:
        console.print(str(error), style="red", highlight=False)
        raise typer.Exit(error.exit_code) from error


if __name__ == "__main__":
    typer.run(main)
