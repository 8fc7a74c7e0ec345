"""Progress on the terminal: one line a task, quiet where nobody looks.

On a terminal rich draws bars; elsewhere (a log file, CI) a task is one line when it ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@dataclass
class Task:
    """One running task; stages call `advance` after every finished row."""

    total: int | None
    done: int = 0
    failed: int = 0
    note: str = ""
    bars: Progress | None = field(default=None, repr=False)
    bar: int = 0

    def advance(self, *, failed: bool = False, note: str = "") -> None:
        """Count one row, and show a short note such as tokens per second."""
        self.done += 1
        self.failed += failed
        self.note = note or self.note
        if self.bars is not None:
            text = f"{self.failed} failed  {self.note}" if self.failed else self.note
            self.bars.update(self.bar, completed=self.done, note=text)  # type: ignore[arg-type]


class Reporter:
    """Where stages tell people how far they are."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Task]:
        """Show a task while the block runs; `total` is in rows, None where it is not known."""
        started = time.monotonic()
        task = Task(total)
        if self.console.is_terminal:
            with self._bars() as bars:
                task.bars, task.bar = bars, bars.add_task(description, total=total, note="")
                yield task
        else:
            yield task
        if not self.console.is_terminal:
            seconds = time.monotonic() - started
            failed = f", {task.failed} failed" if task.failed else ""
            count = f" {task.done}" if task.done else ""
            note = f"  {task.note}" if task.note else ""
            self.console.print(f"  {description}:{count}{failed} in {seconds:.1f} s{note}")

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(text)

    def _bars(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=False,
        )


def silent() -> Reporter:
    """A reporter that shows nothing, for tests and for use as a library."""
    return Reporter(Console(quiet=True))
