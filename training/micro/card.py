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

**Limits.** English only, and weak at it: replies are sentences that end, but they repeat,
sometimes garble, and often miss the topic. With seed 0 and 560 steps, greedy replies took up the
topic of 9 of 10 plain lines ("Lately I sleep really badly."), but of only 6 of 19 client lines
written in free words and held out (8 of 19 at temperature 0.7), by a count of topic words. Over
many turns it drifts. It points a person in danger to help only where the words resemble those it
learned.

**Rebuild.** `python -m training.micro --out examples/micro` computes 4,000 to 6,000 tokens a second
on two free cores, so it takes about seven to ten minutes there, more on a busy machine. A two-step
build repeated on the same machine gives the same bytes (a test does so); the full build was not
repeated. Another processor or thread count gives other weights.
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
