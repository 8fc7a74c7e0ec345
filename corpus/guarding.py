"""Nothing of the user's is overwritten: the places that an import may write to.

An output that lies in a folder that is imported is not read back, and a file that is no earlier
import is not replaced by one.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path

from corpus.files import input_files
from corpus.outputs import Outputs
from hybridtune.config.corpus import CorpusSettings
from hybridtune.errors import InputError


def check_places(settings: CorpusSettings, outputs: Outputs) -> frozenset[str]:
    """The real paths of the outputs, none of which may be read.

    Raises:
        InputError: an output is somebody's own file, or two outputs are one.
    """
    if outputs.real.is_dir():
        raise InputError(
            "is a folder", where=str(outputs.real), fix=f"name a file: {outputs.real}/real.jsonl"
        )
    ours = frozenset(os.path.realpath(path) for path in outputs.all())
    named = {os.path.realpath(path) for path in settings.paths}
    if named & ours:
        raise InputError("is to be read and written", where=min(named & ours), fix="name another")
    if not is_import(outputs.real):
        raise InputError(
            "is there already, and is no earlier import",
            where=str(outputs.real),
            fix="name another file, or remove it",
        )
    check_mapping(settings, ours)
    return ours


def check_mapping(settings: CorpusSettings, ours: Collection[str]) -> None:
    """The file of what was replaced must be neither an output nor an input."""
    if settings.deidentify.mapping is None:
        return
    mapping = os.path.realpath(Path(settings.deidentify.mapping).expanduser())
    inputs = {os.path.realpath(path) for path in input_files(settings.paths, settings.format)}
    if mapping in inputs | set(ours):
        raise InputError(
            "is an input or an output already",
            where=f"corpus.deidentify.mapping: {settings.deidentify.mapping}",
            fix="name another file",
        )


def is_import(path: Path) -> bool:
    """Whether a file may be replaced: it is not there, empty, or begins with a real session."""
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 24)
    except FileNotFoundError:
        return True
    try:
        return not line.strip() or json.loads(line).get("source") == "real"
    except (ValueError, AttributeError):
        return False
