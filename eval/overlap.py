"""How near training sessions come to the evaluation scenarios, by shared runs of words.

Reads `variants/<name>/dataset.jsonl` of every trained variant and `generation/synthetic.jsonl`. One
that comes as near as the generation stage lets none come is an error: the scenario has leaked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError
from hybridtune.overlap import HELD_OUT_SHARED, HeldOut
from hybridtune.records import Scenario, Session, iter_jsonl
from hybridtune.runs import Run


@dataclass
class Nearness:
    """What was found over the training sessions of one source, `real` or `synthetic`."""

    sessions: int = 0
    sharing: int = 0
    most: int = 0
    nearest: dict[str, str] | None = None
    scenarios: Counter[str] = field(default_factory=Counter)

    def add(self, session: Session, shared: Counter[int], ids: Sequence[str]) -> None:
        """Count one session."""
        self.sessions += 1
        self.sharing += bool(shared)
        self.scenarios.update(ids[number] for number in shared)
        for number, count in shared.most_common(1):
            if count > self.most:
                self.most = count
                self.nearest = {"session": session.id, "scenario": ids[number]}

    def content(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {
            "sessions": self.sessions,
            "sharing": self.sharing,
            "share": self.sharing / self.sessions if self.sessions else None,
            "scenarios_touched": len(self.scenarios),
            "most_shared": self.most,
            "nearest": self.nearest,
        }


def training_files(run: Run) -> list[Path]:
    """Where training sessions are: what variants were trained on, and what was written for it."""
    names = run.experiment.trained_variants()
    return [run.variant(name) / "dataset.jsonl" for name in names] + [
        run.generation / "synthetic.jsonl"
    ]


def training_sessions(run: Run) -> Iterator[tuple[Path, Session]]:
    """Every session that is there, each once: copies for a larger share of it are left out."""
    seen: set[int] = set()
    for path in training_files(run):
        for session in iter_jsonl(path, Session) if path.exists() else ():
            words = hash((session.messages, str(session.scenario), str(session.persona)))
            if words not in seen:
                seen.add(words)
                yield path, session


def overlap(run: Run, scenarios: list[Scenario]) -> dict[str, Any]:
    """How many training sessions share runs of eight words with evaluation scenarios, by source.

    Raises:
        DataError: one shares too many; names the session and the scenario.
    """
    held_out = HeldOut(scenarios)
    found: dict[str, Nearness] = {}
    for path, session in training_sessions(run):
        told = [session.scenario, session.persona]
        said = [message.content for message in session.messages if message.role != "system"]
        for parts in (told, said):
            if leaked := held_out.too_close(*parts):
                raise DataError(
                    f"session {session.id} comes too near to evaluation scenario {leaked}",
                    where=str(path),
                    fix="remove the session and train again, or evaluate on other scenarios",
                )
        shared = held_out.shared([*told, *said])
        found.setdefault(session.source, Nearness()).add(session, shared, held_out.ids)
    return {
        "run_of_words": 8,
        "limit_shared": HELD_OUT_SHARED,
        "scenarios": len(scenarios),
        "sources": {source: found[source].content() for source in sorted(found)},
    }
