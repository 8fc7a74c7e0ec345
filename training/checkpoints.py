"""Checkpoints that a training may resume from: whole ones, of the very same training.

Reads and writes `variants/<name>/checkpoints/checkpoint-<step>/complete.json`.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from hybridtune.errors import DataError
from hybridtune.records import read_json, write_json

MARK = "complete.json"


def mark_complete(checkpoint: Path, plan: str, tokens: Mapping[str, int]) -> None:
    """Say that the last file of a checkpoint is written, and which training it belongs to."""
    mark = {"plan": plan, "tokens": tokens, "files": sizes(checkpoint)}
    write_json(checkpoint / MARK, mark)


def tokens_until(checkpoint: Path | None) -> dict[str, int]:
    """The tokens that went into a checkpoint."""
    tokens: dict[str, int] = read_json(checkpoint / MARK)["tokens"] if checkpoint else {}
    return tokens


def drop_unusable(folder: Path, plan: str, processes: int) -> int:
    """Delete checkpoints that were cut off, or that another configuration or dataset wrote."""
    unusable = [path for path in folder.glob("checkpoint-*") if not usable(path, plan, processes)]
    for checkpoint in unusable:
        shutil.rmtree(checkpoint)
    return len(unusable)


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the most steps, once `drop_unusable` has run."""
    return max(folder.glob("checkpoint-*"), key=step_of, default=None)


def usable(checkpoint: Path, plan: str, processes: int) -> bool:
    """Whether resuming from a checkpoint continues this training exactly."""
    try:
        mark = read_json(checkpoint / MARK)
    except DataError:
        return False
    now = sizes(checkpoint)
    whole = all(now.get(name) == size for name, size in mark["files"].items())
    states = len(list(checkpoint.glob("rng_state*.pth")))
    return whole and "tokens" in mark and mark["plan"] == plan and states == processes


def sizes(folder: Path) -> dict[str, int]:
    """The files of a checkpoint, but not those that other processes may still be writing."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MARK and not path.name.startswith("rng_state_")
    }


def step_of(checkpoint: Path) -> int:
    """The optimiser step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])
