"""Rows on disk, dealt into files by number, so that tables larger than memory can be sorted.

Writes `<folder>/<bucket>`, raw numpy rows without a header; whoever opens a table removes it.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
BUFFER = 1 << 19
"""Rows that wait in memory before they are written: about 6 MB."""


class Buckets:
    """An append-only table in `count` files.

    Args:
        folder: made anew; what lies there goes.
        count: of files.
        kind: the rows' numpy type.
    """

    def __init__(self, folder: Path, count: int, kind: np.dtype[Any]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self.folder = folder
        self.count = count
        self.kind = kind
        self.waiting: list[tuple[Rows, Rows]] = []
        self.rows_waiting = 0

    def add(self, buckets: Rows, rows: Rows) -> None:
        """Append rows, each to the bucket whose number stands in the same place."""
        self.waiting.append((buckets, rows))
        self.rows_waiting += len(rows)
        if self.rows_waiting >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what waits, each file in one piece."""
        if not self.waiting:
            return
        buckets = np.concatenate([each for each, _ in self.waiting])
        rows = np.concatenate([each for _, each in self.waiting])
        self.waiting, self.rows_waiting = [], 0
        order = np.argsort(buckets, kind="stable")
        rows = rows[order]
        ends = np.cumsum(np.bincount(buckets, minlength=self.count))
        for bucket, end in enumerate(ends):
            start = ends[bucket - 1] if bucket else 0
            if end > start:
                with (self.folder / str(bucket)).open("ab") as file:
                    rows[start:end].tofile(file)

    def read(self, bucket: int) -> Rows:
        """All rows of a bucket, in the order in which they came."""
        self.flush()
        path = self.folder / str(bucket)
        return np.fromfile(path, self.kind) if path.exists() else np.empty(0, self.kind)

    def drop(self, bucket: int) -> None:
        """Forget a bucket's rows."""
        self.flush()
        (self.folder / str(bucket)).unlink(missing_ok=True)
