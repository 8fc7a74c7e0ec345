"""Model folders without weights: a small tokenizer with any chat template."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

WORDS = ["user assistant system model what do you feel today I felt sad and tired since when"]


def tokenizer_of(
    specials: Sequence[str], *, bos: str, end: str, texts: Iterable[str] = WORDS, size: int = 500
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that has learned some texts."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(dict.fromkeys(["<pad>", bos, end, *specials])),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", bos_token=bos, eos_token=end
    )


def save_model(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    template: str,
    embeddings: int | None = None,
) -> str:
    """A folder with all that is read of a model before its weights."""
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    config = {"model_type": "llama", "vocab_size": embeddings or len(tokenizer)}
    (folder / "config.json").write_text(json.dumps(config))
    stops = {"eos_token_id": tokenizer.eos_token_id}
    (folder / "generation_config.json").write_text(json.dumps(stops))
    return str(folder)
