"""What the import did, as `corpus/report.json` and as a small table.

Files read and skipped, sessions kept and left out with the reason, turns, words, what each
cleaning step changed, how the roles were told, and what a person should look at.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from corpus.files import Skipped
from hybridtune.records import Session


@dataclass(frozen=True)
class Omission:
    """A session that is left out."""

    session: str
    file: str
    reason: str


@dataclass
class Report:
    """Gathers while the stage runs; `sessions` is what is kept in the end."""

    files: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    left_out: list[Omission] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    def leave_out(self, session: Session, reason: str) -> None:
        """Count a session that was built and is not kept."""
        self.left_out.append(Omission(session.id, session.provenance["file"], reason))

    def warnings(self) -> list[str]:
        """What a person should look at, a line each."""
        lines = [
            f"{session.id}: roles are not certain (confidence"
            f" {session.provenance['roles']['confidence']}); check who the counselor is"
            for session in self.sessions
            if session.provenance["roles"]["confidence"] < 1
        ]
        return lines + [f"{file.name}: not read: {file.reason}" for file in self.skipped]

    def summary(self) -> str:
        """The one line that the stage says."""
        parts = [
            f"{len(self.sessions)} sessions of {len(self.files)} files",
            *(f"{n} left out: {why}" for why, n in tally(o.reason for o in self.left_out).items()),
            *([f"{len(self.warnings())} warnings in report.json"] if self.warnings() else []),
        ]
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The content of `corpus/report.json`."""
        return {
            "files": {
                "read": self.files,
                "skipped": [{"file": file.name, "reason": file.reason} for file in self.skipped],
            },
            "totals": self.totals(),
            "left_out": [vars(each) for each in self.left_out],
            "left_out_by_reason": tally(each.reason for each in self.left_out),
            "cleaning": self.cleaning(),
            "roles": tally(session.provenance["roles"]["method"] for session in self.sessions),
            "sessions": [describe(session) for session in self.sessions],
            "warnings": self.warnings(),
        }

    def totals(self) -> dict[str, int]:
        """The numbers that a reader looks for first."""
        counselor = [text for session in self.sessions for text in session.turns("assistant")]
        patient = [text for session in self.sessions for text in session.turns("user")]
        return {
            "files_read": len(self.files),
            "files_skipped": len(self.skipped),
            "sessions_kept": len(self.sessions),
            "sessions_left_out": len(self.left_out),
            "turns": len(counselor) + len(patient),
            "counselor_turns": len(counselor),
            "words": count_words(counselor) + count_words(patient),
            "counselor_words": count_words(counselor),
        }

    def cleaning(self) -> dict[str, int]:
        """What each cleaning step changed in the sessions that are kept."""
        total: Counter[str] = Counter()
        for session in self.sessions:
            total.update(session.provenance["steps"])
        return dict(sorted(total.items()))

    def table(self) -> Table:
        """Totals, omissions, cleaning and roles for the terminal."""
        table = Table(title="corpus", show_header=False)
        sections = [
            self.totals(),
            {f"left out: {why}": n for why, n in tally(o.reason for o in self.left_out).items()},
            {f"cleaning: {step}": count for step, count in self.cleaning().items()},
        ]
        for section in filter(None, sections):
            table.add_section()
            for name, count in section.items():
                table.add_row(escape(name.replace("_", " ")), f"{count:,}")
        return table


def describe(session: Session) -> dict[str, Any]:
    """One session's line of the report."""
    texts = [message.content for message in session.messages]
    return {
        "id": session.id,
        "file": session.provenance["file"],
        "turns": len(texts),
        "words": count_words(texts),
        "roles": session.provenance["roles"],
    }


def count_words(texts: Iterable[str]) -> int:
    """Words as spaces separate them."""
    return sum(len(text.split()) for text in texts)


def tally(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(Counter(values).items()))
