"""The run folder: where every stage finds its inputs and leaves its outputs.

`runs/<name>/` holds experiment.json, manifest.json, calls.sqlite, vectors.sqlite (where texts are
embedded), and the folders corpus/, generation/, variants/, eval/ and logs/. One process works in a
run folder at a time.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hybridtune.config import Experiment
from hybridtune.errors import RunError
from hybridtune.records import read_json, write_json


@dataclass(frozen=True)
class Run:
    """One run of one experiment: the paths, and what the experiment says."""

    path: Path
    experiment: Experiment

    @property
    def calls(self) -> Path:
        """The request cache."""
        return self.path / "calls.sqlite"

    @property
    def vectors(self) -> Path:
        """The cache of vectors, where there is an embedder."""
        return self.path / "vectors.sqlite"

    @property
    def corpus(self) -> Path:
        """Folder of the corpus stage: `real.jsonl` (Session), `report.json`."""
        return self.path / "corpus"

    @property
    def generation(self) -> Path:
        """Folder of the generation stage.

        `personas.jsonl` (Persona), `scenarios.jsonl` (Scenario), `drafts.jsonl` (Session),
        `rankings.jsonl` (Judgment), `reviews.jsonl`, `synthetic.jsonl` (Session), `report.json`;
        `evaluation.jsonl` (Scenario), where the teacher writes the evaluation scenarios.
        """
        return self.path / "generation"

    @property
    def eval(self) -> Path:
        """Folder of the eval stage.

        `scenarios.jsonl` (Scenario), `conversations.jsonl` (Session), `judgments.jsonl`
        (Judgment), `analysis.json`, `report.html`, `figures/`.
        """
        return self.path / "eval"

    @property
    def logs(self) -> Path:
        """Folder of server and training logs."""
        return self.path / "logs"

    def variant(self, name: str) -> Path:
        """Folder of a trained variant: `dataset.jsonl`, `adapter/`, `training.json`, card."""
        return self.path / "variants" / name


PREVIEWED = frozenset(
    {"manifest.json", "corpus", "logs", "calls.sqlite", "calls.sqlite-wal", "calls.sqlite-shm"}
)
"""What a preview leaves in a run folder: none of it holds a later configuration up."""


def open_run(path: Path, experiment: Experiment, *, update: bool = False, pin: bool = True) -> Run:
    """Make the run folder, or go on in one that was made with the same configuration.

    Args:
        path: the folder.
        experiment: the resolved configuration.
        update: take the changed configuration over instead of refusing it.
        pin: write the configuration down; False where nothing is made with it yet.

    Raises:
        RunError: the folder was made with another configuration (the keys are named), or holds
            something else.
    """
    refuse_foreign(path)
    file = path / "experiment.json"
    if file.exists():
        before = read_json(file)
        changed = changed_keys(before, experiment.model_dump(mode="json"))
        if changed and not update:
            raise RunError(
                f"was made with another configuration: {listed(changed)}",
                where=str(path),
                fix="--run NAME starts another run, --update goes on here with what changed",
            )
        if not changed:
            return Run(path, experiment)
    if pin:
        write_json(file, experiment.model_dump(mode="json"))
    return Run(path, experiment)


def refuse_foreign(path: Path) -> None:
    """Refuse a place that holds something else; our lock and unfinished files do not count."""
    if path.exists() and not path.is_dir():
        raise RunError("not a folder", where=str(path), fix="name another")
    if not path.exists() or (path / "experiment.json").exists():
        return
    if any(not file.name.startswith(".") for file in path.iterdir()) and not only_previewed(path):
        raise RunError("holds files, but is no run folder", where=str(path), fix="name another")


def only_previewed(path: Path) -> bool:
    """Whether previews were made here, and nothing else."""
    file = path / "manifest.json"
    names = {each.name for each in path.iterdir() if not each.name.startswith(".")}
    if not file.is_file() or names - PREVIEWED:
        return False
    told = read_json(file)
    return isinstance(told, dict) and "hybridtune" in told


def load_run(path: Path) -> Run:
    """Open a run folder that exists already.

    Raises:
        RunError: it is not a run folder, or of another version of hybridtune.
    """
    file = path / "experiment.json"
    if path.is_dir() and not file.is_file() and only_previewed(path):
        fix = f"`hybridtune generate CONFIG --run {path}` goes on here"
        raise RunError("holds previews only", where=str(path), fix=fix)
    if not file.is_file():
        raise RunError("not a run folder", where=str(path), fix="`hybridtune reproduce` makes one")
    try:
        return Run(path, Experiment.model_validate(read_json(file)))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RunError(
            f"{place}: {error.errors()[0]['msg']}", where=str(file), fix="start another run"
        ) from None


@contextmanager
def lock_run(path: Path) -> Iterator[None]:
    """Keep other processes out of a run folder; the lock goes with the process, however it ends.

    Raises:
        RunError: somebody works there, or it is no run folder.
    """
    refuse_foreign(path)
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(
                "another hybridtune works in this run folder",
                where=str(path),
                fix="wait for it or stop it",
            ) from None
        yield


def changed_keys(before: Any, after: Any, prefix: str = "") -> list[str]:
    """The keys in which two configurations differ, as `a.b: old -> new`."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted(before.keys() | after.keys())
            for line in changed_keys(before.get(key), after.get(key), f"{prefix}{key}.")
        ]
    if before == after:
        return []
    key = prefix.removesuffix(".")
    if ".env." in prefix:
        # Environment variables may hold tokens.
        return [f"{key}: changed"]
    return [f"{key}: {brief(before)} -> {brief(after)}"]


def listed(changed: list[str], most: int = 6) -> str:
    """The first changed keys, and how many more there are."""
    more = f"; and {len(changed) - most} more" if len(changed) > most else ""
    return "; ".join(changed[:most]) + more


def brief(value: Any) -> str:
    """A value as short JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
