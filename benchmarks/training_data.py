"""A base model of any size with random weights, and sessions to train it on."""

import csv
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HOME = Path(__file__).parent.parent
ANNOMI = HOME.parent / "shared/data/AnnoMI-simple.csv"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
Talk = list[dict[str, str]]
# Widths and layers; the largest is that of Llama 3.1 8B.
SIZES: dict[str, dict[str, int]] = {
    "toy": {"hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 8192},
    "7m": {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6,
           "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 8192},
    "30m": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8,
            "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 8192},
    "80m": {"hidden_size": 768, "intermediate_size": 2112, "num_hidden_layers": 10,
            "num_attention_heads": 12, "num_key_value_heads": 4, "vocab_size": 8192},
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
           "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256},
}  # fmt: skip


def talks(count: int) -> tuple[str, list[Talk]]:
    """The first real transcripts where they lie beside the repository, else our written ones."""
    if ANNOMI.is_file():
        return "AnnoMI", read_talks([ANNOMI])[:count]
    written = read_talks(sorted((HOME / "examples/transcripts").glob("sessions_batch_*.csv")))
    return "examples/transcripts", (written * count)[:count]


def read_talks(paths: Iterable[Path]) -> list[Talk]:
    """The sessions of AnnoMI-like tables, turns of one speaker joined."""
    found: dict[str, Talk] = {}
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                talk = found.setdefault(row["transcript_id"], [])
                said = turn(row["interlocutor"], " ".join(row["utterance_text"].split()))
                if talk and talk[-1]["role"] == said["role"]:
                    talk[-1]["content"] += " " + said["content"]
                else:
                    talk.append(said)
    return list(found.values())


def turn(speaker: str, words: str) -> dict[str, str]:
    """One message."""
    return {"role": "assistant" if speaker == "therapist" else "user", "content": words}


def write_base(folder: Path, size: str, sessions: list[Talk], dtype: str, device: str) -> Path:
    """A Llama with random weights, and a byte-level BPE tokenizer of 8,192 words."""
    import torch  # noqa: PLC0415 - seconds
    from transformers import AutoModelForCausalLM, LlamaConfig  # noqa: PLC0415

    config = LlamaConfig(
        **SIZES[size], max_position_embeddings=8192, tie_word_embeddings=size != "8b",
        bos_token_id=None, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8192, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    texts = [each["content"] for talk in sessions for each in talk]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    micro = HOME / "examples/micro"
    settings: dict[str, Any] = json.loads((micro / "tokenizer_config.json").read_text())
    text = json.dumps(settings | {"model_max_length": 8192})
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    shutil.copy(micro / "chat_template.jinja", folder)
    return folder
