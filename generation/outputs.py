"""The files of the dataset, streamed from the row store: one pass, one row in memory.

Writes, in `generation/` of the run folder, the JSONL files that `generation.stage` lists, all of
them or none, and then the report. Near-duplicates are marked here, where all rows are there and in
their order, so that the outcome does not depend on which draft was ready first; a duplicate has
therefore been ranked already.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from generation.checks import Standards
from generation.decisions import Decided, decide
from generation.likeness import LikenessIndex
from generation.meter import Spent
from generation.overlap import NEAR_DUPLICATE, text_grams
from generation.report import Report, said
from generation.rows import Outcome
from hybridtune.domain import Domain
from hybridtune.records import Record, Session, atomic_write, write_json
from hybridtune.runs import Run

FILES = ("personas", "scenarios", "drafts", "rankings", "reviews", "synthetic", "failures")


class Shelves:
    """The JSONL files, open side by side, put in place when all rows went well."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.files: dict[str, TextIO] = {}
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
        self.put("reviews", (each.review for each in decided))
        self.put("synthetic", (each.taken for each in decided))
        self.put("failures", outcome.all_failures())


def write_outputs(
    run: Run,
    domain: Domain,
    teacher: dict[str, Any],
    standards: Standards,
    outcomes: Iterable[Outcome],
) -> Report:
    """Write all files of the stage; the report comes last."""
    settings, folder = run.experiment.generation, run.generation
    report, spent = Report(standards.held_out), Spent()
    with ExitStack() as stack:
        index = stack.enter_context(LikenessIndex(folder / ".drafts.sqlite", NEAR_DUPLICATE))
        shelves, numbers = Shelves(folder, stack), count()

        def nearest(draft: Session) -> str | None:
            match = index.keep(next(numbers), draft.id, text_grams(said(draft), 5))
            return f"like {match.name} (similarity {match.similarity:.2f})" if match else None

        for outcome in outcomes:
            decided = [
                each for chain in outcome.chains for each in decide(chain, settings, nearest)
            ]
            shelves.put_row(outcome, decided)
            report.add(outcome, decided)
            spent.add(outcome.tokens)
    head = {
        "scripted": teacher.get("kind") == "scripted",
        "teacher": teacher,
        "domain": {"name": domain.name, "sha256": domain.digest},
        "seed": run.experiment.seed,
        "method": settings.method,
    }
    write_json(folder / "report.json", {**head, **report.content(), "tokens": spent.counts()})
    return report
