"""Progress: bars where somebody looks, one line a task elsewhere."""

import io

from rich.console import Console

from generation.bars import bars
from generation.coverage import Row
from generation.meter import Meter
from hybridtune.config.generation import GenerationSettings
from hybridtune.progress import Reporter


class Idle:
    description = {"kind": "scripted"}  # noqa: RUF012

    async def complete(self, _: object) -> None: ...


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    with bars(Reporter(console), GenerationSettings(sessions=4), Meter(Idle())) as found:  # type: ignore[arg-type]
        found.skip(Row(0, "brakes", {}, (5,)))
        for _ in range(2):
            for kind in ("persona", "scenario", "draft", "ranking"):
                found.heard(kind, "done")  # type: ignore[arg-type]
        found.heard("persona", "done")
        found.heard("scenario", "failed")
        found.heard("draft", "failed")
        found.heard("ranking", "spared")
    return out.getvalue()


def test_a_log_has_one_line_for_each_kind() -> None:
    lines = [line.split(" in ")[0].strip() for line in shown(terminal=False).splitlines()]
    assert lines == [
        "personas: 3 (1 before)",
        "scenarios: 3 (1 before), 1 failed",
        "sessions: 3 (1 before), 1 failed",
        "rankings: 2 (1 before)",
    ]


def test_a_terminal_has_a_bar_for_each_kind_with_rate_failures_and_time_left() -> None:
    text = shown(terminal=True)
    for part in ("personas", "scenarios", "sessions", "rankings", "4/4", "3/3", "/s", "1 failed"):
        assert part in text
    assert "tokens/s" in text
