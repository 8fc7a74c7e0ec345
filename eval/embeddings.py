"""What an embedding model sees: training data near to scenarios, and replies that fit anybody.

Reads `eval/scenarios.jsonl`, `eval/conversations.jsonl` and `variants/*/dataset.jsonl`. Writes
`eval/embeddings.json`, where the experiment has `roles.embedder`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.cells import check, failure_of, scenario_of
from eval.judge_quality import conversations_digest
from eval.mismatch import answered, mismatch
from eval.nearness import Named, Played, Sessions, nearness
from eval.statistics.arrays import Array
from hybridtune.embedding.embedder import Embedder
from hybridtune.overlap import told_by
from hybridtune.records import Scenario, Session, iter_jsonl, read_json, read_jsonl, write_json
from hybridtune.runs import Run
from hybridtune.seeds import derive

UNCONFIGURED = "no embedder configured"
NOT_YET = "the step eval:embeddings has not run on these conversations"
Told = tuple[str, str]
"""Of a session or a scenario: its id, and a text."""


def said_in(session: Session) -> str:
    """All that the client says."""
    return "\n".join(session.turns("user"))


@dataclass(frozen=True)
class Texts:
    """All that is embedded: scenarios, conversations, and the training sessions by variant."""

    scenarios: list[Told]
    conversations: list[Session]
    trained: dict[str, tuple[list[Told], list[Told]]]

    def each_once(self) -> list[str]:
        """Every text, in a fixed order."""
        texts = [text for _, text in self.scenarios]
        texts += [text for sides in self.trained.values() for side in sides for _, text in side]
        texts += [said_in(one) for one in self.conversations]
        turns = [turn for one in self.conversations for turn in answered(one)]
        texts += [text for turn in turns for text in (turn.heard, turn.reply)]
        return list(dict.fromkeys(texts))


def read_texts(run: Run) -> Texts:
    """The texts of a run; conversations that failed are left out."""
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    place = run.eval / "conversations.jsonl"
    conversations = read_jsonl(place, Session)
    known = {one.id for one in scenarios}
    for one in conversations:
        check(scenario_of(one), known, "scenario", one.id, str(place))
    return Texts(
        [(one.id, told_by(one)) for one in scenarios],
        [one for one in conversations if not failure_of(one)],
        {name: training_texts(run, name) for name in run.experiment.trained_variants()},
    )


async def embed_run(run: Run, embedder: Embedder) -> None:
    """Embed the texts of a run, compare them, and write `eval/embeddings.json`.

    Raises:
        CallError: a text could not be embedded.
        ServerError: the server cannot be reached.
        ConfigError: it cuts long texts in silence.
        DataError: a record cannot be read, or belongs to another run.
    """
    texts = read_texts(run)
    words = texts.each_once()
    found = await embedder.embed(words)
    vectors: dict[str, Array] = dict(zip(words, found.rows, strict=True))
    drawn = np.random.default_rng(derive(run.experiment.seed, "eval", "embeddings"))
    content = {
        "sha256": conversations_digest(run),
        "model": embedder.description,
        "dimensions": embedder.dimensions,
        "max_words": embedder.settings.max_words,
        "counts": found.counts,
        "nearness": compared(texts, vectors, embedder.settings.near_duplicate, drawn),
        "mismatch": mismatch(texts.conversations, vectors),
    }
    write_json(run.eval / "embeddings.json", content)


def compared(
    texts: Texts, vectors: dict[str, Array], threshold: float, rng: np.random.Generator
) -> dict[str, Any]:
    """See `eval.nearness.nearness`; what has no words is compared with nothing."""
    scenarios = named(texts.scenarios, vectors)
    ids = frozenset(scenarios.ids)
    talks = [(scenario_of(one), said_in(one)) for one in texts.conversations]
    spoken = named([talk for talk in talks if talk[0] in ids], vectors)
    played = Played(spoken.rows, spoken.ids)
    variants = {
        name: Sessions(len(said), named(told, vectors), named(said, vectors))
        for name, (told, said) in texts.trained.items()
    }
    return nearness(scenarios, played, variants, threshold, rng)


def training_texts(run: Run, variant: str) -> tuple[list[Told], list[Told]]:
    """What a variant's sessions were written from, and what clients say in them, each text once."""
    told: dict[str, str] = {}
    said: dict[str, str] = {}
    path = run.variant(variant) / "dataset.jsonl"
    for session in iter_jsonl(path, Session) if path.exists() else ():
        for texts, text in ((told, told_by(session)), (said, said_in(session))):
            if text.strip():
                texts.setdefault(text, session.id)
    return [(name, text) for text, name in told.items()], [(n, text) for text, n in said.items()]


def named(texts: Iterable[Told], vectors: dict[str, Array]) -> Named:
    """The vectors of some texts; those without words have none."""
    found = [(name, vectors[text]) for name, text in texts if vectors[text].any()]
    return Named([name for name, _ in found], stacked([row for _, row in found]))


def stacked(rows: list[Array]) -> Array:
    """Rows as a matrix, also where there is none."""
    return np.array(rows) if rows else np.zeros((0, 1))


def embeddings_of(run: Run) -> dict[str, Any]:
    """What `eval/embeddings.json` says; `measured` is false, with the reason, where it cannot."""
    path = run.eval / "embeddings.json"
    if run.experiment.roles.embedder is None:
        return {"measured": False, "why": UNCONFIGURED}
    told: dict[str, Any] = read_json(path) if path.is_file() else {}
    if told.get("sha256") != conversations_digest(run):
        return {"measured": False, "why": NOT_YET}
    return {"measured": True, **told}


def nearness_of(found: dict[str, Any]) -> dict[str, Any]:
    """The part of it that the analysis shows of the training data."""
    if not found["measured"]:
        return found
    model = found["model"]
    return {
        "measured": True,
        "model": {"kind": model["kind"], "name": model["name"]},
        "dimensions": found["dimensions"],
        "counts": found["counts"],
        **found["nearness"],
    }
