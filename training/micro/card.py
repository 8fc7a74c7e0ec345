"""The model card of a micro model: what it is, its numbers, its limits."""

from transformers import LlamaForCausalLM

from training.micro.phrases import topics
from training.micro.train import MAX_TOKENS, Recipe

TITLE = "# Micro: a toy chat model"
CARD = """{title}

A Llama-architecture chat model of {millions:.1f} million parameters with its own byte-level BPE
tokenizer ({vocabulary} tokens) and the ordinary ChatML template. `python -m training.micro`
trained it from random weights on text that the same program composes from the phrase files in
`training/micro/`. It exists so that the whole pipeline (LoRA training, vLLM, evaluation) runs for
real on a small machine without any download.

**It is a toy. It is not a counselor, it does not understand what it is told, and nobody in need
should talk to it.** What it says recombines a few hundred sentences. Use it to see the machinery
work; no result obtained with it says anything about a method.

| | |
|---|---|
| parameters | {parameters:,} (embeddings shared with the output) |
| layers, width, heads | {layers}, {width}, {heads} of {head_size} |
| positions | {positions} in the configuration; trained on dialogues of up to {trained} tokens |
| training text | {tokens:,} tokens, every dialogue seen once |
| steps | {steps} of at most {batch_tokens} tokens, Muon and AdamW, seed {seed}, {precision} |
| loss | {loss:.2f} nats per assistant token, smoothed over the last steps, on unseen dialogues |
| weights | bfloat16, safetensors |

**Data.** Dialogues are made by chance from dialogue acts, {topics} topics, everyday chat, phrases
and slots, all written for this project, with and without system prompts. They hold no person's
words and no other data set. The seed decides everything.

**Limits.** English only. It takes up topics and often the very words of its partner, but it mixes
topics up, repeats itself, and knows no facts; words that it never met in training it mostly
ignores. It asks a person in danger to call for help only where the words resemble those it learned.

**Rebuild.** `python -m training.micro --out examples/micro`, minutes on two cores. The same seed,
versions, processor and thread count give the same bytes; elsewhere the weights differ, not their
kind.
"""


def model_card(model: LlamaForCausalLM, recipe: Recipe, tokens: int, loss: float) -> str:
    """Fill the card with what was measured."""
    config = model.config
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return CARD.format(
        title=TITLE,
        millions=parameters / 1e6,
        parameters=parameters,
        vocabulary=config.vocab_size,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        head_size=config.head_dim,
        positions=config.max_position_embeddings,
        trained=MAX_TOKENS,
        tokens=tokens,
        steps=recipe.steps,
        batch_tokens=recipe.batch_tokens,
        seed=recipe.seed,
        precision="computed in bfloat16" if recipe.bf16 else "computed in float32",
        loss=loss,
        topics=len(topics()),
    )
