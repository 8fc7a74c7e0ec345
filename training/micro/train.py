"""Train the micro Llama from scratch, mostly on what the assistant says."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.micro.text import dialogues
from training.micro.tokenizer import END, MAX_POSITIONS, START
from training.micro.writer import Message

MAX_TOKENS = 1536
POOL = 400
# The client is learned a little too, to teach which words belong to a topic.
CLIENT_WEIGHT = 0.3
Example = tuple[list[int], list[bool]]


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on, apart from the phrase files."""

    seed: int = 0
    steps: int = 560
    batch_tokens: int = 5120
    matrix_learning_rate: float = 0.03
    other_learning_rate: float = 0.01
    threads: int = 2
    bf16: bool = True


def new_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A small Llama with random weights; vLLM's CPU attention serves heads of 64."""
    torch.manual_seed(seed)
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    ends["pad_token_id"] = tokenizer.pad_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=64,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        **ends,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(**ends)
    return model


def encode(tokenizer: PreTrainedTokenizerFast, messages: list[Message]) -> Example:
    """Token ids, and which of them the assistant says, its end of turn included."""
    ids: list[int] = []
    spoken: list[bool] = []
    for message in messages:
        header = tokenizer.encode(f"{START}{message['role']}\n")
        body = tokenizer.encode(f"{message['content']}{END}")
        newline = tokenizer.encode("\n")
        ids += header + body + newline
        spoken += [False] * len(header) + [message["role"] == "assistant"] * len(body)
        spoken += [False] * len(newline)
    return ids[:MAX_TOKENS], spoken[:MAX_TOKENS]


def batches(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Iterator[list[Example]]:
    """Endless batches of fresh dialogues; alike in length, so that little is padding."""
    rng = random.Random(recipe.seed)
    source = dialogues(recipe.seed)
    while True:
        pool = [encode(tokenizer, messages) for messages in islice(source, POOL)]
        ready: list[list[Example]] = [[]]
        for example in sorted(pool, key=lambda example: len(example[0])):
            if len(example[0]) * (len(ready[-1]) + 1) > recipe.batch_tokens:
                ready.append([])
            ready[-1].append(example)
        rng.shuffle(ready)
        yield from ready


def losses_of(model: LlamaForCausalLM, batch: list[Example], pad_id: int) -> list[torch.Tensor]:
    """Mean loss of the next token where the assistant speaks, and everywhere else."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([row + [pad_id] * (width - len(row)) for row, _ in batch])
    spoken = torch.tensor([row + [False] * (width - len(row)) for _, row in batch])[:, 1:]
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    real = ids[:, 1:] != pad_id
    logits = model.lm_head(hidden[real]).float()
    losses = cross_entropy(logits, ids[:, 1:][real], reduction="none")
    return [losses[spoken[real]].mean(), losses[~spoken[real]].mean()]


def optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings and norms."""
    named = list(model.named_parameters())
    matrices = [p for name, p in named if p.ndim == 2 and "layers" in name]
    rest = [p for name, p in named if p.ndim != 2 or "layers" not in name]
    rate = recipe.other_learning_rate
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_learning_rate, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def share_of_rate(step: int, steps: int) -> float:
    """Warm up for 3 % of the steps, stay, then fall in a line to nothing over the last 40 %."""
    warm, cool = max(1, steps * 0.03), max(1, steps * 0.4)
    return min(1.0, (step + 1) / warm, (steps - step) / cool)


def train(
    tokenizer: PreTrainedTokenizerFast, recipe: Recipe, on_step: Callable[[float, int], None]
) -> LlamaForCausalLM:
    """Train from scratch; calls on_step(smoothed assistant loss, tokens) after each step."""
    torch.set_num_threads(recipe.threads)
    model = new_model(tokenizer, recipe.seed).train()
    opts = optimizers(model, recipe)
    peaks = [opt.param_groups[0]["lr"] for opt in opts]
    smoothed = 0.0
    for step, batch in enumerate(islice(batches(tokenizer, recipe), recipe.steps)):
        for opt, peak in zip(opts, peaks, strict=True):
            opt.param_groups[0]["lr"] = peak * share_of_rate(step, recipe.steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            loss, other = losses_of(model, batch, tokenizer.pad_token_id)
        (loss + CLIENT_WEIGHT * other).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad()
        smoothed = 0.95 * smoothed + 0.05 * loss.item() if step else loss.item()
        on_step(smoothed, sum(len(ids) for ids, _ in batch))
    return model.eval()
