"""What a training will see, before it: the tokens of chosen sessions, and a table of the dataset.

Reads what the variant is mixed of, or its `dataset.jsonl` and `held_out.jsonl` where somebody has
edited them, and the base model's tokenizer; loads no weights and writes nothing into the run.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import datasets
from trl import pack_dataset

from hybridtune.domain import Domain
from hybridtune.errors import DataError, InputError
from hybridtune.manifest import digest
from hybridtune.records import Session, read_json, read_jsonl
from hybridtune.runs import Run
from training.check import checked_rows
from training.data import Tally, trained_tokens
from training.mixture import Count, session_files, trained_variant, write_mixture
from training.sampling import rank
from training.template import IGNORED, Chat, Row, serving_chat

FILES = ("dataset.jsonl", "held_out.jsonl")
MIXED = "mixed in memory: nothing is written yet"
WRITTEN = "dataset.jsonl"
EDITED = "dataset.jsonl, edited by hand: training.sft alone trains it so, hybridtune mixes it anew"
STALE = "mixed in memory: dataset.jsonl is of another mixture, and is written anew for a training"


@dataclass(frozen=True)
class Set:
    """Sessions with their rows."""

    sessions: list[Session]
    rows: list[Row]
    tally: Tally


@dataclass(frozen=True)
class Preview:
    """A variant's data as a training gets it, and where its sessions are from."""

    chat: Chat
    origin: str
    training: Set
    held_out: Set


def preview_of(run: Run, variant: str, domain: Domain) -> Preview:
    """Tokenise a variant's sessions, with the check that a training makes.

    Raises:
        InputError: whatever a training would refuse.
    """
    settings, opener = run.experiment.training, domain.settings.opener
    chat = serving_chat(run.experiment, domain.system_prompt)
    count = partial(trained_tokens, chat=chat, settings=settings, opener=opener)
    sessions, held_out, origin = sessions_of(run, variant, count)

    def tokenised(part: list[Session]) -> Set:
        return Set(part, *checked_rows(part, chat, settings, opener))

    return Preview(chat, origin, tokenised(sessions), tokenised(held_out))


def sessions_of(run: Run, variant: str, count: Count) -> tuple[list[Session], list[Session], str]:
    """A variant's training and held-out sessions, and where they are from.

    They are mixed anew, as `hybridtune` does before it trains, except where a file was edited.

    Raises:
        DataError: there is nothing to mix.
    """
    trained_variant(run.experiment, variant)
    folder = run.variant(variant)
    there = (folder / "dataset.jsonl").is_file()
    missing = [path for path in session_files(run, variant) if not path.is_file()]
    if there and edited(folder):
        return *read_both(folder), EDITED
    if there and missing:
        return *read_both(folder), WRITTEN
    if missing:
        raise DataError(
            "no such file", where=str(missing[0]), fix="`hybridtune reproduce` or `train run`"
        )
    with tempfile.TemporaryDirectory() as name:
        elsewhere = Run(Path(name), run.experiment)
        for inputs in (run.corpus, run.generation):
            (elsewhere.path / inputs.name).symlink_to(inputs.resolve())
        write_mixture(elsewhere, variant, count)
        mixed = elsewhere.variant(variant)
        same = there and all(digest(folder / file) == digest(mixed / file) for file in FILES)
        return *read_both(mixed), WRITTEN if same else STALE if there else MIXED


def edited(folder: Path) -> bool:
    """Whether a data set is another than the one that its `mixture.json` tells of."""
    file = folder / "mixture.json"
    return not file.is_file() or read_json(file).get("dataset") != digest(folder / "dataset.jsonl")


def read_both(folder: Path) -> tuple[list[Session], list[Session]]:
    """The sessions in a variant's folder."""
    held_out = read_jsonl(folder / "held_out.jsonl", Session)
    return read_jsonl(folder / "dataset.jsonl", Session), held_out


def figures(run: Run, preview: Preview) -> dict[str, dict[str, Any]]:
    """The table of the dataset: what is trained, and what is held out."""
    sft: dict[str, Any] = {"packing": True, "packing_strategy": "bfd"}
    sft |= run.experiment.training.sft
    size = run.experiment.training.max_length
    both = {"training": (preview.training, sft["packing"]), "held_out": (preview.held_out, False)}
    return {
        name: asdict(part.tally)
        | longest_turn(part.sessions, preview.chat)
        | packed_rows(part.rows, size, sft["packing_strategy"] if packed else None)
        for name, (part, packed) in both.items()
    }


def packed_rows(rows: Sequence[Row], size: int, strategy: str | None) -> dict[str, Any]:
    """How many rows TRL packs them into, and how full these are."""
    if strategy is None or not rows:
        return {"rows": len(rows), "fill": None}
    datasets.disable_progress_bars()
    ids = [row.input_ids for row in rows]
    packed = pack_dataset(datasets.Dataset.from_dict({"input_ids": ids}), size, strategy)
    return {
        "rows": len(packed),
        "fill": round(sum(map(len, packed["input_ids"])) / (size * len(packed)), 4),
    }


def longest_turn(sessions: Sequence[Session], chat: Chat) -> dict[str, Any]:
    """The turn with the most tokens, whoever speaks."""
    turns = [
        (f"{session.id}: message {place}", message.content)
        for session in sessions
        for place, message in enumerate(session.messages)
    ]
    if not turns:
        return {"longest_turn": 0, "longest_turn_in": None}
    encoded = chat.tokenizer([words for _, words in turns], add_special_tokens=False)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    most = max(range(len(turns)), key=lengths.__getitem__)
    return {"longest_turn": lengths[most], "longest_turn_in": turns[most][0]}


def chosen(preview: Preview, names: Sequence[str], sample: int, seed: int) -> list[str]:
    """Ids of sessions to show: those named, by their start too, and a sample of the others.

    Raises:
        InputError: there is no such session, or several begin so.
    """
    known = [each.id for each in (*preview.training.sessions, *preview.held_out.sessions)]
    found = list(dict.fromkeys(one_session(name, known) for name in names))
    rest = [session.id for session in preview.training.sessions if session.id not in found]
    return found + sorted(rest, key=lambda name: rank(name, seed, "inspect"))[:sample]


def one_session(name: str, known: Sequence[str]) -> str:
    """The session that is called so, or the only one that begins so."""
    found = [name] if name in known else [each for each in known if each.startswith(name)]
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} sessions begin so" if found else "no such session"
    some = ", ".join((found or list(known))[:5])
    raise InputError(several, where=f"--session {name}", fix=f"for example {some}")


def shown(preview: Preview, session: str) -> dict[str, Any]:
    """A session's windows, each in runs of tokens that are all trained or all not."""
    rows = [*preview.training.rows, *preview.held_out.rows]
    windows = [pieces(row, preview.chat) for row in rows if row.session == session]
    return {"session": session, "windows": windows}


def pieces(row: Row, chat: Chat) -> list[dict[str, Any]]:
    """The runs of a row: text, number of tokens, and whether they are trained."""
    found = []
    tokens = zip(row.input_ids, row.labels, strict=True)
    for trained, run in groupby(tokens, key=lambda token: token[1] != IGNORED):
        ids = [token for token, _ in run]
        text = chat.tokenizer.decode(ids)
        found.append({"text": text, "trained": trained, "tokens": len(ids)})
    return found
