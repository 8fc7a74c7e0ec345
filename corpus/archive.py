"""Transcripts inside a zip archive, read in place: nothing is ever extracted to disk.

An archive is somebody else's data: names that point out of it, links, passwords, bombs and archives
in archives are refused, each with one error, and the other members are read. The directory's
numbers are not trusted: what really comes out is counted while it is read.
"""

import functools
import io
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

from corpus.transcript import Source, printable
from hybridtune.errors import DataError

MOST_MEMBERS = 100_000
MOST_BYTES, MOST_BYTES_TOGETHER = 2 * 2**30, 8 * 2**30
# Text shrinks to a third or a tenth, captions to a thirtieth; deflate cannot do better than 1032.
MOST_RATIO, LEAST_BOMB = 200, 2**20
READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
ENCRYPTED = 0x1
LOCAL_HEADER = struct.Struct("<4s22xHH")
DRIVE = re.compile(r"[A-Za-z]:")


def members(path: Path) -> list[zipfile.ZipInfo]:
    """An archive's members in the order of their names, without its folders.

    Raises:
        DataError: it is no whole archive, or refused as such.
    """
    where = printable(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"not a whole zip archive: {error}", where=where, fix="pack or download it again"
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=where) from None
    if not infos:
        raise DataError("an archive without files", where=where, fix="remove it")
    if len(infos) > MOST_MEMBERS:
        what = f"{len(infos):,} files in one archive, at most {MOST_MEMBERS:,}"
        raise DataError(what, where=where, fix="split it")
    if sum(info.file_size for info in infos) > MOST_BYTES_TOGETHER:
        what = f"more than {MOST_BYTES_TOGETHER // 2**30} GiB of content in one archive"
        raise DataError(what, where=where, fix="split it")
    return sorted(infos, key=lambda info: info.filename)


def member_source(path: Path, info: zipfile.ZipInfo, name: str) -> Source:
    """A member as a source; a refused one raises its error when it is opened."""
    label = printable(f"{path}:{info.filename}")
    if reason := refusal(info):
        return refused(name, DataError(reason, where=label, fix="leave it out, or unpack it"))
    return Source(name, label, info.file_size, functools.partial(open_member, path, label, info))


def refused(name: str, error: DataError) -> Source:
    """A source that cannot be read: its error stays its own, so that the others are read."""
    return Source(name, error.where, 0, functools.partial(fail, error))


def fail(error: DataError) -> NoReturn:
    """Raise an error that was found earlier; a new one, for each has its own traceback."""
    raise DataError(error.what, where=error.where, fix=error.fix)


def is_unsafe(info: zipfile.ZipInfo) -> bool:
    """Whether a member's name could lead out of the folder it were unpacked to."""
    name = info.orig_filename
    parts = PurePosixPath(name).parts
    return (
        "\\" in name or "\0" in name or name[:1] == "/" or ".." in parts or bool(DRIVE.match(name))
    )


def refusal(info: zipfile.ZipInfo) -> str:
    """Why a member is not opened; empty if it is."""
    if is_unsafe(info):
        return "a path that leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file"
    if info.flag_bits & ENCRYPTED:
        return "protected by a password"
    if info.compress_type not in READABLE:
        return f"packed by method {info.compress_type}, which is not read here"
    if info.file_size > most_bytes(info):
        return "unpacks to far more than it holds: a zip bomb"
    return ""


def most_bytes(info: zipfile.ZipInfo) -> int:
    """How much may come out of a member, by what really is in it."""
    return min(MOST_BYTES, max(LEAST_BOMB, MOST_RATIO * info.compress_size))


def open_member(path: Path, where: str, info: zipfile.ZipInfo) -> BinaryIO:
    """Open one member for reading, without the archive's directory: there may be thousands.

    Raises:
        DataError: it does not stand where the directory says.
    """
    # Not by `with`: the stream that goes out keeps it open.
    file = path.open("rb")
    try:
        file.seek(info.header_offset)
        mark, name_bytes, extra_bytes = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if mark != b"PK\3\4":
            raise struct.error
        file.seek(name_bytes + extra_bytes, io.SEEK_CUR)
    except (struct.error, OSError):
        file.close()
        raise corrupt(where) from None
    content = zipfile.ZipExtFile(file, "r", info, close_fileobj=True)
    return io.BufferedReader(Counted(content, where, most_bytes(info)))


def corrupt(where: str) -> DataError:
    """The error of a member that cannot be unpacked."""
    return DataError("corrupt or cut off in the archive", where=where, fix="pack it again")


class Counted(io.RawIOBase):
    """A member's bytes, as many as may come; what goes wrong in unpacking is the user's to mend."""

    def __init__(self, content: zipfile.ZipExtFile, where: str, most: int) -> None:
        super().__init__()
        self.content, self.where, self.left = content, where, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            chunk = self.content.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            raise corrupt(self.where) from None
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError("unpacks to far more than it holds: a zip bomb", where=self.where)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self.content.close()
        super().close()
