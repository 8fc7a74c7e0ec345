"""The files of the dataset, row by row as rows are done: one row in memory.

Writes, in `generation/` of the run folder, the JSONL files that `generation.stage` lists, all of
them or none, and then the report. Near-duplicates are marked here, where all rows are there and in
their order, so that the outcome does not depend on which draft was ready first; a duplicate has
therefore been ranked already. Real sessions, of `corpus/real.jsonl`, come before all drafts.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from generation.checks import Standards
from generation.coverage import Coverage
from generation.decisions import Decided, decide
from generation.likeness import LikenessIndex
from generation.meter import Spent
from generation.outcomes import Outcome
from generation.people import People
from generation.report import Likeness, Report, said
from generation.split import split_of
from hybridtune.domain import Domain
from hybridtune.manifest import digest
from hybridtune.overlap import NEAR_DUPLICATE, text_grams
from hybridtune.records import Record, Session, atomic_write, iter_jsonl, write_json
from hybridtune.reviews import ReviewLog
from hybridtune.runs import Run

REAL = "real session "
PAGES = ("report.html", "DATASET_CARD.md", "timing.json")
FILES = ("personas", "scenarios", "drafts", "rankings", "decisions", "synthetic", "failures")


class Shelves:
    """The JSONL files, open side by side, put in place when all rows went well."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.files: dict[str, TextIO] = {}
        for stale in folder.glob(".*.jsonl.*.tmp"):  # of a process that was killed
            stale.unlink()
        for name in FILES:
            temporary = stack.enter_context(atomic_write(folder / f"{name}.jsonl"))
            file = temporary.open("w", encoding="utf-8")
            self.files[name] = stack.enter_context(file)

    def put(self, name: str, records: Iterable[Record | None]) -> None:
        """Append the records that there are."""
        for record in records:
            if record is not None:
                self.files[name].write(record.line() + "\n")

    def put_row(self, outcome: Outcome, decided: list[Decided]) -> None:
        """Append everything of a row."""
        self.put("personas", [outcome.persona])
        self.put("scenarios", (chain.scenario for chain in outcome.chains))
        self.put("drafts", (each.take.draft for each in decided))
        self.put("rankings", (each.take.ranking for each in decided))
        self.put("decisions", (each.review for each in decided))
        self.put("synthetic", (each.taken for each in decided))
        self.put("failures", outcome.all_failures())


class Outputs:
    """The files of a run, filled row by row in the order of the rows; a context manager.

    All files are put in place when the block ends well, the report last; otherwise none is.

    Attributes:
        next: the row that comes next.
        report: what became of the rows so far.
    """

    def __init__(
        self,
        run: Run,
        domain: Domain,
        standards: Standards,
        head: dict[str, Any],
        embeddings: Mapping[str, Any] | None = None,
    ) -> None:
        self.run, self.head = run, head
        log = run.generation / "reviews.jsonl"
        # Before it is read: a decision in between makes the stage stale, and is not lost.
        self.head |= {"reviews_sha256": digest(log)}
        self.people = People(ReviewLog(log), standards)
        settings = run.experiment.generation
        coverage = Coverage(domain, settings, run.corpus / "real.jsonl")
        split = split_of(run, domain)
        likeness = Likeness(standards.held_out, embeddings)
        self.report = Report(likeness, split, coverage, settings.best_of)
        self.spent = Spent()
        self.stack = ExitStack()
        self.next, self.drafts = 0, count()

    def __enter__(self) -> Self:
        folder = self.run.generation
        with ExitStack() as stack:
            likeness = LikenessIndex(folder / ".drafts.sqlite", NEAR_DUPLICATE)
            self.index = stack.enter_context(likeness)
            self.keep_real()
            self.shelves = Shelves(folder, stack)
            self.stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stack.__exit__(kind, error, trace)
        if kind is None:
            content = {**self.head, **self.report.content(), "tokens": self.spent.counts()}
            for name in PAGES:  # of other rows; the step that draws them sees that they are gone
                (self.run.generation / name).unlink(missing_ok=True)
            write_json(self.run.generation / "report.json", content)

    def add(self, outcome: Outcome) -> None:
        """Decide on a row's drafts and write all of it."""
        settings = self.run.experiment.generation
        decided = [
            each
            for chain in outcome.chains
            for each in decide(chain, settings, self.nearest, self.people.said)
        ]
        self.shelves.put_row(outcome, decided)
        self.report.add(outcome, decided)
        self.spent.add(outcome.tokens)
        self.next += 1

    def keep_real(self) -> None:
        """The real sessions that there are come first: no draft may be like one of them."""
        real = self.run.corpus / "real.jsonl"
        for session in iter_jsonl(real, Session) if real.is_file() else ():
            self.index.keep(next(self.drafts), REAL + session.id, text_grams(said(session), 5))

    def nearest(self, draft: Session) -> tuple[str, str] | None:
        """The earlier session that a draft is like; where there is none, it counts from now on."""
        match = self.index.keep(next(self.drafts), draft.id, text_grams(said(draft), 5))
        if match is None:
            return None
        name = match.name.removeprefix(REAL)
        reason = "near_duplicate" if name == match.name else "near_real"
        return reason, f"like {name} (similarity {match.similarity:.2f})"


def head_of(run: Run, domain: Domain, teacher: dict[str, Any]) -> dict[str, Any]:
    """What the report says of the run before all counts."""
    return {
        "scripted": teacher.get("kind") == "scripted",
        "teacher": teacher,
        "domain": {"name": domain.name, "sha256": domain.digest},
        "seed": run.experiment.seed,
        "method": run.experiment.generation.method,
    }
