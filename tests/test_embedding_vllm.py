"""Embeddings by the real vLLM: a small BERT with random weights, started as a server of ours.

Random weights mean nothing, but its vectors are known: transformers computes the same.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import make_experiment

from hybridtune.chat.client import Client
from hybridtune.config import Experiment
from hybridtune.domain import load_domain
from hybridtune.embedding.embedder import Embedded, open_embedder
from hybridtune.errors import ServerError
from hybridtune.progress import silent
from hybridtune.runs import Run

pytestmark = [pytest.mark.slow, pytest.mark.vllm]

MOST_TOKENS = 64
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
TEXTS = [
    "i feel sad and tired since the exam",
    "what do you feel today",
    "the dog is gone",
    " ".join(ALPHABET[at % 26] for at in range(100)),
]


def save_encoder(folder: Path) -> str:
    """A BERT of two layers that takes 64 tokens, and a tokenizer of letters and a few words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    pieces.train_from_iterator([*TEXTS, *ALPHABET], trainer)
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    named: dict[str, Any] = dict(zip(names, special, strict=True))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_max_length=MOST_TOKENS, **named
    )
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, max_position_embeddings=MOST_TOKENS, initializer_range=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)


def by_transformers(folder: str, texts: list[str]) -> Any:
    """The last hidden state at the first token, of length 1: what vLLM takes of a BERT."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.no_grad():
        states = [model(**tokenizer(text, return_tensors="pt")) for text in texts]
    rows = np.array([state.last_hidden_state[0, 0].numpy() for state in states])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run_with(folder: Path, server: dict[str, Any]) -> Run:
    values = make_experiment().model_dump()
    values["servers"]["encoder"] = server
    values["roles"]["embedder"] = {"server": "encoder", "batch_size": 2}
    return Run(folder, Experiment.model_validate(values))


@dataclass(frozen=True)
class Made:
    """What the server answered, and what it said to a chat model's request."""

    folder: str
    managed: Embedded
    description: dict[str, Any]
    attached: Embedded
    known: Embedded
    chat: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One vLLM for everything."""
    return asyncio.run(make(tmp_path_factory.mktemp("encoder")))


async def make(folder: Path) -> Made:
    model, domain = save_encoder(folder / "model"), load_domain("therapy")
    server = {
        "kind": "managed",
        "model": model,
        "vllm": {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 8},
        "env": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
        "start_timeout_s": 240,
    }
    ours = run_with(folder / "managed", server)
    async with open_embedder(ours, domain, stage="eval", reporter=silent()) as embedder:
        managed = await embedder.embed(TEXTS)
        url = embedder.client.endpoint.base_url
        theirs = run_with(folder / "attached", {"kind": "attached", "base_url": url})
        async with open_embedder(theirs, domain, stage="eval", reporter=silent()) as other:
            attached = await other.embed(TEXTS)
        chat = await refused(embedder.client)
        known = await embedder.embed(TEXTS[::-1])
        return Made(model, managed, embedder.description, attached, known, chat)


async def refused(client: Client) -> str:
    """What comes of asking it to write."""
    body = b'{"model": "m", "messages": [{"role": "user", "content": "Hello."}]}'
    with pytest.raises(ServerError) as caught:
        await client.send("chat/completions", body, str)
    return str(caught.value)


def test_a_server_of_ours_embeds_as_transformers_does(made: Made) -> None:
    expected = by_transformers(made.folder, TEXTS[:3])
    assert made.managed.rows.shape == (4, 64)
    assert made.managed.rows[:3] == pytest.approx(expected, abs=1e-4)
    assert made.description["kind"] == "managed"
    assert made.description["identity"]["model"]


def test_what_the_model_cannot_take_whole_is_halved_and_counted(made: Made) -> None:
    assert made.managed.counts == {"texts": 4, "in_parts": 0, "halved": 1}
    words = TEXTS[3].split()
    halves = by_transformers(made.folder, [" ".join(words[:50]), " ".join(words[50:])])
    mean = halves.mean(axis=0)
    expected = mean / np.linalg.norm(mean)
    assert made.managed.rows[3] == pytest.approx(expected, abs=1e-4)


def test_an_attached_one_answers_alike_and_known_texts_stay_as_they_are(made: Made) -> None:
    assert made.attached.rows == pytest.approx(made.managed.rows, abs=1e-4)
    assert made.attached.counts == made.managed.counts
    assert (made.known.rows[::-1] == made.managed.rows).all()


def test_it_does_not_write(made: Made) -> None:
    assert "chat/completions answered 404" in made.chat
