"""Parquet tables, read batch by batch; needs the extra `parquet`."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import time, timedelta
from typing import Any, BinaryIO

from corpus.encoding import mender
from corpus.transcript import Source

BATCH, IN_MEMORY = 1024, 64 * 2**20
Rows = Callable[[Sequence[int]], Iterator[tuple[int, list[str]]]]


def open_parquet(source: Source) -> tuple[tuple[str, ...], int, Rows]:
    """A parquet file's column names, a line for them, and its rows; they count from 1.

    Raises:
        DataError: it is broken, or pyarrow is not installed.
    """
    with open_file(source) as file:
        names = tuple(file.schema_arrow.names)

    def rows(places: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        number = 0
        with open_file(source) as file:
            wanted = [names[place] for place in places]
            check_types(source, file.schema_arrow, wanted)
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for row in zip(*map(batch.column, wanted), strict=True):
                    number += 1
                    yield number, [cell(source, scalar, number) for scalar in row]

    return names, 1, rows


@contextmanager
def open_file(source: Source) -> Iterator[Any]:
    """The file as pyarrow sees it; its errors become ours."""
    try:
        import pyarrow  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        fix = "uv pip install -e '.[parquet]'"
        raise source.error("parquet files need the package pyarrow", fix=fix) from None
    try:
        with seekable(source) as file, parquet.ParquetFile(file) as opened:
            yield opened
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise source.error(
            f"no parquet file that can be read: {reason}", fix="write it anew"
        ) from None


@contextmanager
def seekable(source: Source) -> Iterator[BinaryIO]:
    """The source itself if it is a file; a copy if it is packed, where going back is slow."""
    with source.open() as file:
        try:
            file.fileno()
        except OSError:
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                yield copy  # type: ignore[misc]
        else:
            yield file


def check_types(source: Source, schema: Any, wanted: Sequence[str]) -> None:
    """Columns of lists or of records hold no words."""
    from pyarrow import types  # noqa: PLC0415

    for name in wanted:
        kind = schema.field(name).type
        if types.is_nested(kind):
            what = f"the column {name!r} holds {kind}, not text"
            raise source.error(" ".join(what.split())[:200], fix="write one utterance a row")


def cell(source: Source, scalar: Any, number: int) -> str:
    """A cell as text; ids that pandas made 3.0 of are 3 again, and its NaN is nothing."""
    try:
        value = scalar.as_py()
    except (ValueError, OverflowError, LookupError):
        what = f"a value of the type {scalar.type} that cannot be read"
        raise source.error(what, number, "write it as text") from None
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise source.error("a cell is neither text nor a number", number) from None
    if isinstance(value, str):
        return mender()(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return value.isoformat() if isinstance(value, time) else str(value)
