"""The sampled sessions' vectors by an embedding model, where the experiment has `roles.embedder`.

Reads `generation/synthetic.jsonl` and, where there is one, `corpus/real.jsonl`; the vectors come
from `vectors.sqlite` or the model. `generation.comparison` measures likeness, spread and topics by
them.
"""

from dataclasses import dataclass
from typing import Any

from generation.sample import read_side
from generation.vectors import Array
from hybridtune.embedding.embedder import Embedder
from hybridtune.runs import Run


@dataclass(frozen=True)
class Sentences:
    """A row of length 1 for each sampled session, the synthetic ones first; 0 without words.

    Attributes:
        model: what the report says of the model: its kind, name, dimensions, and `counts` of texts.
    """

    rows: Array
    model: dict[str, Any]


async def embed_samples(run: Run, embedder: Embedder) -> Sentences:
    """Embed the sessions that the report samples; each is the mean of its parts by their words.

    Raises:
        CallError, ServerError: the model cannot be asked.
        DataError: a line is not a Session record.
    """
    seed = run.experiment.seed
    synthetic = read_side(run.generation / "synthetic.jsonl", "synthetic", seed, with_texts=True)
    real = read_side(run.corpus / "real.jsonl", "real", seed, with_texts=True)
    found = await embedder.embed([*synthetic.texts, *real.texts])
    told = embedder.description
    model = {
        "kind": told["kind"],
        "name": told["name"],
        "dimensions": embedder.dimensions,
        "counts": found.counts,
    }
    return Sentences(found.rows, model)
