"""Paths to transcripts: files, folders, globs and zip archives, in a fixed order, each file once.

Reads folders and the directories of archives, no contents: what is found is a list of names, and
a `Source` opens its file when it is read. Writes nothing.
"""

import functools
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from corpus.archive import is_unsafe, member_source, members, refused
from corpus.transcript import Source, printable
from hybridtune.errors import DataError

# The formats that a suffix may stand for, the likeliest first.
SUFFIXES: dict[str, tuple[str, ...]] = {
    ".vtt": ("captions",),
    ".srt": ("captions",),
    ".json3": ("json3",),
    ".json": ("whisper", "json3", "esconv", "chat"),
    ".jsonl": ("chat",),
    ".ndjson": ("chat",),
    ".txt": ("text",),
    ".docx": ("docx",),
    ".pdf": ("pdf",),
    ".csv": ("table", "qa"),
    ".tsv": ("table", "qa"),
    ".parquet": ("table", "qa"),
}
ARCHIVE = ".zip"
REASONS = {
    ".doc": "old Word format: save it as .docx",
    ".rtf": "rich text: save it as .docx or .txt",
    ".odt": "OpenDocument: save it as .docx or .txt",
    ".xlsx": "a spreadsheet: save it as .csv",
    ".rttm": "speaker times without words: align them with WhisperX first",
}


@dataclass(frozen=True)
class Skipped:
    """A file in a folder or archive that is no transcript, and why; the name is `printable`."""

    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """A file on disk; `named` if the user gave its own path, so that its suffix does not matter."""

    path: Path
    name: str
    named: bool

    @property
    def is_archive(self) -> bool:
        """Whether it is opened for the files in it."""
        return self.path.suffix.lower() == ARCHIVE


def find_sources(paths: Sequence[str], kind: str = "auto") -> Iterator[Source | Skipped]:
    """Find what some paths mean, each file once, sorted by name, archives at their place.

    A file that is named itself is always read; in folders, globs and archives the suffix decides.
    A source that cannot be read (a member that is refused, a broken archive) raises its error when
    it is opened, so that the others are still read.

    Args:
        paths: files, folders, globs or zip archives.
        kind: the format that is asked for, or "auto" for all.

    Raises:
        DataError: a path leads to nothing.
    """
    for found in find_on_disk(paths):
        reason = reason_to_skip(found, kind)
        if reason:
            yield Skipped(printable(found.name), reason)
        elif found.is_archive:
            yield from find_in_archive(found, kind)
        else:
            yield file_source(found)


def input_files(paths: Sequence[str], kind: str = "auto") -> list[Path]:
    """The files on disk that would be read, archives as themselves; errors as in `find_sources`."""
    return [found.path for found in find_on_disk(paths) if not reason_to_skip(found, kind)]


def find_on_disk(paths: Sequence[str]) -> list[Found]:
    """All files that some paths lead to, once each, whatever they are."""
    found: dict[str, Found] = {}
    for given in paths:
        for each in expand(given):
            place = os.path.realpath(each.path)
            found[place] = min(each, found.get(place, each), key=preference)
    return sorted(found.values(), key=lambda each: (each.name, str(each.path)))


def preference(found: Found) -> tuple[bool, int, str, str]:
    """Which way to a file gives its name, the least first, in whatever order they are found.

    A path of its own, else the one that tells most folders.
    """
    return not found.named, -found.name.count("/"), found.name, str(found.path)


def expand(given: str) -> list[Found]:
    """One path's files, with names that are relative to it."""
    path = Path(os.path.expanduser(given))
    if path.is_file():
        return [Found(path, path.name, named=True)]
    if path.is_dir():
        root, matches = path, list(walk(path))
    elif glob.has_magic(given):
        # The folder above the first part with a wildcard.
        root = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        globbed = (Path(each) for each in glob.glob(str(path), recursive=True))
        matches = [each for each in globbed if each.is_file()]
    else:
        raise DataError("no such file or folder", where=printable(given), fix="check the paths")
    if not matches:
        raise DataError("no files here", where=printable(given), fix="check the paths")
    return [Found(each, each.relative_to(root).as_posix(), named=False) for each in matches]


def walk(root: Path) -> Iterator[Path]:
    """The files of a folder and of those in it; of hidden folders only the folder itself."""
    for folder, below, files in os.walk(root):
        here = Path(folder)
        yield from (here / name for name in files)
        yield from (here / name for name in below if name.startswith("."))
        below[:] = [name for name in below if not name.startswith(".")]


def file_source(found: Found) -> Source:
    """A file on disk as a source; one that is gone since has no size, and tells when opened."""
    try:
        size = found.path.stat().st_size
    except OSError:
        size = 0
    name, where = printable(found.name), printable(str(found.path))
    return Source(name, where, size, functools.partial(open_file, found.path))


def open_file(path: Path) -> BinaryIO:
    """Open a file on disk."""
    return path.open("rb")


def find_in_archive(found: Found, kind: str) -> Iterator[Source | Skipped]:
    """An archive's members, or its own error as a source that cannot be opened."""
    try:
        infos = members(found.path)
    except DataError as error:
        yield refused(printable(found.name), error)
        return
    for info in infos:
        name = printable(f"{found.name}/{info.filename}")
        reason = "" if is_unsafe(info) else reason_by_name(info.filename, kind)
        if reason:
            yield Skipped(name, reason)
        else:
            yield member_source(found.path, info, name)


def reason_to_skip(found: Found, kind: str) -> str:
    """Why a file on disk is not read; empty if it is."""
    if found.named or (found.is_archive and not is_hidden(found.name)):
        return ""
    return reason_by_name(found.name, kind)


def reason_by_name(name: str, kind: str) -> str:
    """Why a file of such a name is not read where the suffix decides; empty if it is."""
    suffix = PurePosixPath(name).suffix.lower()
    if is_hidden(name):
        return "hidden"
    if suffix == ARCHIVE:
        return "an archive in an archive: unpack it first"
    if suffix not in SUFFIXES:
        return REASONS.get(suffix, f"no transcript suffix ({', '.join(SUFFIXES)})")
    if kind not in {"auto", *SUFFIXES[suffix]}:
        return f"not {kind}"
    return ""


def is_hidden(name: str) -> bool:
    """Whether a file or a folder above it is hidden, or one of the copies that macOS packs."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)
