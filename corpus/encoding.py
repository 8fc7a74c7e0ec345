"""Bytes to text by a fixed rule: byte order mark, else strict UTF-8, else Windows-1252; then ftfy.

Guessing by statistics errs far more often than this rule: charset-normalizer read 22 of 133
Windows-1252 transcripts rightly, the rule all of them. ftfy repairs what was decoded wrongly before
the file came to us. It is kept from everything that could touch a format's own marks: entities
stay, and quotes and full-width signs are not turned into the ASCII ones that end a JSON string.

Reads what a `Source` opens; writes nothing.
"""

import codecs
import functools
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from corpus.transcript import Source
from hybridtune.errors import DataError

MAX_BYTES, MAX_LINE = 256 * 2**20, 16 * 2**20
MOST_CONTROLS, FEW_NULS = 0.02, 3
MARKS = {  # UTF-32 first: its little-endian mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
# Nothing in it to repair; telling so first makes plain English ten times as fast.
SOUND = re.compile("[\t -~\u2018\u2019\u201c\u201d\u2013\u2014\u2026]*")
ODD_BREAKS = dict.fromkeys(map(ord, "\v\f\x85\u2028\u2029"), " ")  # str.splitlines() splits there
TO_UTF8 = "save it as UTF-8 text"


def read_text(source: Source) -> str:
    """Decode a whole file; its lines end in a plain newline.

    Raises:
        DataError: it is empty, too large, unreadable, or no text.
    """
    content = read_bytes(source)
    text = decode(content, source).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise source.error("the file is empty", 1, "remove it")
    if len(CONTROLS.findall(text)) > MOST_CONTROLS * len(text):
        raise source.error("not a text file", 1, f"remove it, or {TO_UTF8}")
    mend, lines = mender(), text.split("\n")
    if any(len(line) > MAX_LINE for line in lines):
        number = next(n for n, line in enumerate(lines, start=1) if len(line) > MAX_LINE)
        raise too_long(source, number)
    return "\n".join(map(mend, lines))


def stream_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Number and decode a file's lines one by one, without their ends, in constant memory.

    Each line is decoded by itself, so a file glued from two encodings reads rightly.

    Raises:
        DataError: the file is empty or unreadable, or a line is too long or no text.
    """
    mend, number, blank = mender(), 0, True
    try:
        with source.open() as file:
            for line in raw_lines(file, source):
                number += 1
                blank = blank and not line.strip()
                yield number, mend(line)
    except OSError as error:
        raise unreadable(source, error) from None
    if blank:
        raise source.error("the file is empty", 1, "remove it")


def read_bytes(source: Source, limit: int = MAX_BYTES) -> bytes:
    """A whole file, unless it is larger than `limit`; its stated size is not trusted."""
    try:
        if source.size <= limit:
            with source.open() as file:
                content = file.read(limit + 1)
            if len(content) <= limit:
                return content
    except OSError as error:
        raise unreadable(source, error) from None
    raise source.error(f"larger than {limit // 2**20} MiB", 1, "split it into several files")


def read_start(source: Source, size: int) -> str:
    """The first `size` bytes as text, whatever they are, to tell the format by."""
    return decode_start(read_head(source, size))


def read_head(source: Source, size: int) -> bytes:
    """The first `size` bytes."""
    try:
        with source.open() as file:
            return file.read(size)
    except OSError as error:
        raise unreadable(source, error) from None


def decode_start(start: bytes) -> str:
    """The beginning of a file as text, even where it is none."""
    mark, encoding = byte_order_mark(start)
    if encoding:
        return start[len(mark) :].decode(encoding, errors="replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(start)  # the last letter may be cut
    except UnicodeDecodeError:
        return start.decode("cp1252", errors="replace")


def unreadable(source: Source, error: OSError) -> DataError:
    """The error of a file that the system does not let us read."""
    return source.error(f"cannot be read: {error.strerror or error}", fix="check its permissions")


def byte_order_mark(start: bytes) -> tuple[bytes, str]:
    """The mark that some bytes begin with, and the encoding that it stands for."""
    found = (each for each in MARKS.items() if start.startswith(each[0]))
    return next(found, (b"", ""))


def decode(content: bytes, source: Source, first_line: int = 1) -> str:
    """Decode by mark, else by trying; a wrong byte is named by its line."""
    mark, marked = byte_order_mark(content)
    if not marked and b"\0" in content:
        raise no_text(content, source, first_line)
    places = []
    for encoding in [marked] if marked else ["utf-8", "cp1252"]:
        try:
            text = content[len(mark) :].decode(encoding)
        except UnicodeDecodeError as error:
            places.append(error.start + len(mark))
            continue
        if "\0" in text:
            line = first_line + text[: text.index("\0")].count("\n")
            raise source.error("not a text file (it holds a NUL)", line, f"remove it, or {TO_UTF8}")
        return text
    # The rule that came further is the one the file nearly keeps.
    line = first_line + content[: max(places)].count(b"\n")
    what = f"broken {marked.upper()} text" if marked else "neither UTF-8 nor Windows-1252 text"
    raise source.error(what, line, TO_UTF8)


def no_text(content: bytes, source: Source, first_line: int = 1) -> DataError:
    """The error of bytes with a NUL: Western UTF-16 has one in every second place."""
    head = content[:4096]
    line = first_line + content[: content.index(0)].count(b"\n")
    if max(head[::2].count(0), head[1::2].count(0)) > max(FEW_NULS, len(head) // 4):
        return source.error("UTF-16 text without a byte order mark", line, TO_UTF8)
    return source.error("not a text file (it holds a NUL)", line, f"remove it, or {TO_UTF8}")


def raw_lines(file: BinaryIO, source: Source) -> Iterator[str]:
    """A file's decoded lines; a bare carriage return ends one too."""
    start = file.read(4)
    mark, encoding = byte_order_mark(start)
    rest = io.BufferedReader(Prefixed(start[len(mark) :], file))
    if encoding not in {"", "utf-8"}:
        yield from wide_lines(rest, encoding, source)
        return
    number = 1
    while line := rest.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise too_long(source, number)
        text = decode(line, source, number).removesuffix("\n").removesuffix("\r")
        parts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from parts
        number += len(parts)


def wide_lines(file: "io.BufferedReader[Prefixed]", encoding: str, source: Source) -> Iterator[str]:
    """The lines of UTF-16 or UTF-32, where a newline is more than one byte."""
    number = 1
    with io.TextIOWrapper(file, encoding) as text:
        while line := next_line(text, encoding, source, number):
            if len(line) > MAX_LINE:
                raise too_long(source, number)
            if "\0" in line:
                raise source.error("not a text file (it holds a NUL)", number, TO_UTF8)
            yield line.removesuffix("\n")
            number += 1


def next_line(text: io.TextIOWrapper, encoding: str, source: Source, number: int) -> str:
    """One more line, or the error of its encoding."""
    try:
        return text.readline(MAX_LINE + 1)
    except UnicodeDecodeError:
        raise source.error(f"broken {encoding.upper()} text", number, TO_UTF8) from None


def too_long(source: Source, line: int) -> DataError:
    """The error of a line without an end: no transcript has one, and it may not fit in memory."""
    return source.error(f"a line longer than {MAX_LINE // 2**20} MiB", line, "break it into lines")


class Prefixed(io.RawIOBase):
    """A stream with some bytes put back before it; many streams cannot seek."""

    def __init__(self, prefix: bytes, file: BinaryIO) -> None:
        super().__init__()
        self.prefix, self.file = prefix, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self.prefix[: len(buffer)] or self.file.read(len(buffer))
        self.prefix = self.prefix[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


@functools.cache
def mender() -> Callable[[str], str]:
    """What repairs a line that was decoded wrongly before it came here."""
    import ftfy  # noqa: PLC0415

    options = ftfy.TextFixerConfig(
        unescape_html=False,
        uncurl_quotes=False,
        fix_character_width=False,
        fix_line_breaks=False,
    )

    def mend(line: str) -> str:
        if SOUND.fullmatch(line):
            return line
        return ftfy.fix_text(line, options).translate(ODD_BREAKS)

    return mend
