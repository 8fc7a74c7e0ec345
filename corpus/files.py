"""Paths to transcripts: files, folders and globs, in a fixed order, decoded by a fixed rule."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hybridtune.errors import DataError

SUFFIXES = {".vtt": "vtt", ".json": "whisperx", ".txt": "text", ".csv": "csv"}


@dataclass(frozen=True)
class Found:
    """A file to read; `name` is relative to the path that led to it, and goes into outputs."""

    path: Path
    name: str


@dataclass(frozen=True)
class Skipped:
    """A file in a folder that is no transcript, and why."""

    name: str
    reason: str


def find_files(paths: Sequence[str], kind: str = "auto") -> tuple[list[Found], list[Skipped]]:
    """Find the files that some paths mean, each once, sorted by name.

    A file that is named itself is always read; in folders and globs the suffix decides.

    Args:
        paths: files, folders or globs.
        kind: the format that is asked for, or "auto" for all.

    Raises:
        DataError: a path leads to nothing.
    """
    found: dict[Path, Found] = {}
    skipped: dict[Path, Skipped] = {}
    for given in paths:
        root, members = expand(given)
        for path in members:
            name = path.relative_to(root).as_posix()
            reason = "" if path.name == given.rpartition("/")[2] else reason_to_skip(name, kind)
            if reason:
                skipped.setdefault(path.resolve(), Skipped(name, reason))
            else:
                found.setdefault(path.resolve(), Found(path, name))
    left = [skip for path, skip in skipped.items() if path not in found]
    return (
        sorted(found.values(), key=lambda file: (file.name, str(file.path))),
        sorted(left, key=lambda skip: skip.name),
    )


def expand(given: str) -> tuple[Path, list[Path]]:
    """A path's files, and the folder that their names are relative to."""
    path = Path(given).expanduser()
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        root, members = path, sorted(each for each in path.rglob("*") if each.is_file())
    elif glob.has_magic(given):
        # The folder above the first part with a wildcard.
        root = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        matches = (Path(each) for each in glob.glob(str(path), recursive=True))
        members = sorted(each for each in matches if each.is_file())
    else:
        raise DataError("no such file or folder", where=given, fix="check the paths")
    if not members:
        raise DataError("no files here", where=given, fix="check the paths")
    return root, members


def reason_to_skip(name: str, kind: str) -> str:
    """Why a file of a folder is not read; empty if it is."""
    path = PurePosixPath(name)
    fits = SUFFIXES.get(path.suffix.lower())
    if any(part.startswith(".") for part in path.parts):
        return "hidden"
    if fits is None:
        return f"no transcript suffix ({', '.join(SUFFIXES)})"
    if kind not in {"auto", fits}:
        return f"not {kind}"
    return ""


def read_text(path: Path) -> str:
    """Decode a file: by its byte order mark, else as UTF-8, else as Windows-1252.

    Raises:
        DataError: it is empty, unreadable, or no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    text = decode(content, path).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError("the file is empty", where=f"{path}:1", fix="remove it")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError("not a text file", where=f"{path}:{line}", fix="remove it")
    return text


def decode(content: bytes, path: Path) -> str:
    """Bytes to text; guessing by statistics errs far more often than this rule."""
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if utf16 else ["utf-8-sig", "cp1252"]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            place = error.start
    line = content[:place].count(b"\n") + 1
    raise DataError(
        "neither UTF-8 nor Windows-1252 text", where=f"{path}:{line}", fix="save it as UTF-8"
    )
