"""How far the stage is: a bar for personas, scenarios, sessions and rankings each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from generation.coverage import Row
from generation.meter import Meter
from generation.outcomes import End, Kind
from hybridtune.config.generation import GenerationSettings
from hybridtune.progress import Reporter, Task

NAMES: dict[Kind, str] = {
    "persona": "personas",
    "scenario": "scenarios",
    "draft": "sessions",
    "ranking": "rankings",
}


@dataclass(frozen=True)
class Bars:
    """The four bars; the sessions' shows how fast the server writes."""

    tasks: dict[Kind, Task]
    meter: Meter
    best_of: int

    def heard(self, kind: Kind, end: End) -> None:
        """One record more, or one fewer to wait for."""
        task = self.tasks[kind]
        if end == "spared":
            task.expect(-1)
        else:
            task.advance(failed=end == "failed", note=self.meter.speed if kind == "draft" else "")

    def skip(self, row: Row) -> None:
        """A row that was done before."""
        for kind, count in self.parts(row).items():
            self.tasks[kind].skip(count)

    def again(self, row: Row) -> None:
        """A row that is asked for once more."""
        for kind, count in self.parts(row).items():
            self.tasks[kind].expect(count)

    def parts(self, row: Row) -> dict[Kind, int]:
        """How many records of each kind a row stands for."""
        scenarios = len(row.exchanges)
        drafts = scenarios * self.best_of
        return {"persona": 1, "scenario": scenarios, "draft": drafts, "ranking": drafts}


@contextmanager
def bars(reporter: Reporter, settings: GenerationSettings, meter: Meter) -> Iterator[Bars]:
    """Show the bars while the block runs."""
    drafts = settings.sessions * settings.best_of
    totals: dict[Kind, int | None] = {
        "persona": -(-settings.sessions // settings.scenarios_per_persona),
        "scenario": settings.sessions,
        "draft": drafts,
        "ranking": drafts,
    }
    with reporter.tasks({NAMES[kind]: total for kind, total in totals.items()}) as tasks:
        yield Bars({kind: tasks[NAMES[kind]] for kind in totals}, meter, settings.best_of)
