"""Progress on the terminal: one line a task, quiet where nobody looks.

On a terminal rich draws bars; elsewhere (a log file, CI) a task is one line when it ends.
"""

import time
from collections.abc import Iterator, Mapping
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
    skipped: int = 0
    note: str = ""
    bars: Progress | None = field(default=None, repr=False)
    bar: int = 0
    started: float = field(default_factory=time.monotonic, repr=False)

    def advance(self, *, failed: bool = False, note: str = "") -> None:
        """Count one row, and show a short note such as tokens per second."""
        self.done += 1
        self.failed += failed
        self.note = note or self.note
        self.draw()

    def skip(self, count: int) -> None:
        """Count rows that were done before; they say nothing of how fast it goes."""
        self.skipped += count
        self.draw()

    def expect(self, more: int) -> None:
        """Raise or, with a negative number, lower the total."""
        self.total = None if self.total is None else self.total + more
        self.draw()

    @property
    def summary(self) -> str:
        """Rows a second, what failed, and the note, as far as there is anything to say."""
        seconds = time.monotonic() - self.started
        rate = f"{self.done / seconds:.1f}/s" if self.done and seconds > 0 else ""
        failed = f"{self.failed} failed" if self.failed else ""
        return "  ".join(filter(None, (rate, failed, self.note)))

    def draw(self) -> None:
        """Show how far it is, on a terminal."""
        if self.bars is not None:
            self.bars.update(
                self.bar,  # type: ignore[arg-type]
                total=self.total,
                completed=self.done + self.skipped,
                note=self.summary,
            )


class Reporter:
    """Where stages tell people how far they are."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Task]:
        """Show a task while the block runs; `total` is in rows, None where it is not known."""
        with self.tasks({description: total}) as tasks:
            yield tasks[description]

    @contextmanager
    def tasks(self, totals: Mapping[str, int | None]) -> Iterator[dict[str, Task]]:
        """Show several tasks that run at once, each with its total; they come by description."""
        tasks = {description: Task(total) for description, total in totals.items()}
        if self.console.is_terminal:
            with self._bars() as bars:
                for description, task in tasks.items():
                    task.bars = bars
                    task.bar = bars.add_task(description, total=task.total, note="")
                yield tasks
        else:
            yield tasks
            for description, task in tasks.items():
                self._say_done(description, task)

    def _say_done(self, description: str, task: Task) -> None:
        seconds = time.monotonic() - task.started
        failed = f", {task.failed} failed" if task.failed else ""
        count = f" {task.done}" if task.done else ""
        before = f" ({task.skipped} before)" if task.skipped else ""
        note = f"  {task.note}" if task.note else ""
        self.console.print(f"  {description}:{count}{before}{failed} in {seconds:.1f} s{note}")

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
