"""The import: every source read, every transcript prepared, duplicates dropped, files written.

Takes memory for a few sessions at a time: what is ready lies on disk (`corpus.spill`) until it is
known which sessions stay, and is then written in the order of the ids, whole files at once. A file
that cannot be read costs its own sessions only; it is reported with its line.
"""

import itertools
import os
import pickle
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from corpus.asking import Attribute
from corpus.card import data_card
from corpus.duplicates import DuplicateIndex, choose
from corpus.files import Skipped, find_sources
from corpus.formats import read_source
from corpus.guarding import check_places
from corpus.history import Held, History, as_imported
from corpus.marks import Attempt
from corpus.outputs import Outputs
from corpus.pool import map_in_order
from corpus.prepare import QUARANTINE, Prepared, prepare_attributed, prepare_safely
from corpus.pseudonyms import MappingFile
from corpus.recipe import Recipe
from corpus.report import Report
from corpus.selection import Entry, draw, name_apart, resembling
from corpus.spill import Place, Spill, spill_folder
from corpus.transcript import Hints, Source, Transcript
from hybridtune.errors import DataError
from hybridtune.progress import Reporter, Task
from hybridtune.records import Session, write_json, write_jsonl

READY = 1 << 40
"""Words that outweigh any session's."""


def import_transcripts(
    recipe: Recipe,
    outputs: Outputs,
    seed: int,
    reporter: Reporter,
    attribute: Attribute | None = None,
) -> Report:
    """Read, clean, check and write all transcripts.

    Args:
        recipe: what to do with each.
        outputs: where the sessions, their history, what is held, report and card go.
        seed: of the lottery behind `limit`.
        reporter: told how far it is.
        attribute: asks a model about transcripts without speakers, where that is configured.

    Raises:
        DataError: a path leads to nothing, or no session remains; nothing is written then.
        InputError: an output would overwrite a file of the user's.
    """
    ours = check_places(recipe.settings, outputs)
    with ExitStack() as stack:
        folder = stack.enter_context(spill_folder(outputs.real.parent))
        work = Work(recipe, folder, stack, ask=attribute is not None)
        with reporter.task("transcripts") as task:
            transcripts = work.read_all(ours, task)
            for prepared in map_in_order(partial(prepare_safely, recipe=recipe), transcripts):
                work.take(prepared)
        if attribute and work.waiting:
            with reporter.task("speakers by model", total=work.waiting) as task:
                work.attribute(attribute, task)
        kept = work.select(seed)
        if not kept and not work.quarantined:
            raise work.report.nothing_left()
        work.write(kept, outputs)
    return work.report


class Work:
    """One import while it runs."""

    def __init__(self, recipe: Recipe, folder: Path, stack: ExitStack, *, ask: bool) -> None:
        self.recipe, self.folder = recipe, folder
        self.ask = ask
        self.report = Report(recipe)
        self.spill = Spill(folder / "sessions")
        stack.callback(self.spill.file.close)
        self.pending: BinaryIO = stack.enter_context((folder / "pending").open("w+b"))
        self.index = stack.enter_context(DuplicateIndex(folder / "index"))
        self.mapping = MappingFile(recipe.settings.deidentify.mapping, folder)
        stack.callback(self.mapping.close)
        self.entries: list[Entry] = []
        self.quarantined: list[Place] = []
        self.waiting = 0

    def read_all(self, ours: Collection[str], task: Task) -> Iterator[Transcript]:
        """Every transcript of every source but our outputs; what cannot be read is reported."""
        settings = self.recipe.settings
        hints = Hints(frozenset(self.recipe.known), settings.table)
        for source in find_sources(settings.paths, settings.format):
            if isinstance(source, Skipped):
                self.report.skipped.append(source)
                continue
            if os.path.realpath(source.where) in ours:
                self.report.skipped.append(Skipped(source.name, "written by an import"))
                continue
            task.advance()
            self.report.sources += 1
            transcripts = lazily(source, hints, settings.format)
            while transcript := self.next_of(transcripts, source):
                self.report.formats[transcript.format] += 1
                yield transcript

    def next_of(self, transcripts: Iterator[Transcript], source: Source) -> Transcript | None:
        """The next transcript of a source; None at its end, and where it cannot be read on."""
        try:
            return next(transcripts, None)
        except DataError as error:
            # A copy: the error itself holds the whole file, by way of its traceback.
            told = DataError(error.what, where=error.where, fix=error.fix)
        except Exception as error:
            told = source.error(f"cannot be read: an error of hybridtune ({type(error).__name__})")
        self.report.malformed.append(told)
        return None

    def take(self, prepared: Prepared) -> None:
        """Count what became of a transcript, and put it where it belongs."""
        self.report.note(prepared)
        self.mapping.add(prepared)
        self.place(prepared)

    def place(self, prepared: Prepared) -> None:
        """Drop it, keep it, put it to a model, or quarantine it."""
        if prepared.dropped:
            reasons = prepared.dropped
            self.report.leave_out(prepared.id, prepared.file, "; ".join(reasons), reasons[0])
        elif prepared.session is not None:
            self.keep(prepared, prepared.session)
        elif self.ask:
            pickle.dump(replace(prepared, mapping={}), self.pending)
            self.waiting += 1
        else:
            self.quarantined.append(self.spill.add(prepared.as_held()))

    def keep(self, prepared: Prepared, session: Session) -> None:
        """Write a session to the spill and its word sequences to the index."""
        assert prepared.history is not None
        assert prepared.hashes is not None
        assert prepared.measured is not None
        self.index.add(len(self.entries), prepared.hashes)
        self.entries.append(
            Entry(
                session.id,
                prepared.file,
                as_imported(session),
                prepared.measured.words,
                self.spill.add(session),
                self.spill.add(prepared.history),
                prepared.held,
                decided="review" in session.provenance,
            )
        )

    def attribute(self, attribute: Attribute, task: Task) -> None:
        """Ask a model who speaks in the transcripts without speakers; a person then approves."""
        self.pending.seek(0)
        waiting = (pickle.load(self.pending) for _ in range(self.waiting))

        def take(prepared: Prepared, answer: Attempt | str) -> None:
            task.advance(failed=isinstance(answer, str))
            trial = prepared.trial if isinstance(answer, str) else answer
            if trial is not None:
                self.place(prepare_attributed(prepared, trial, self.recipe))
            else:
                prepared.held = {QUARANTINE: str(answer)}
                self.quarantined.append(self.spill.add(prepared.as_held()))

        attribute(waiting, take)

    def select(self, seed: int) -> list[Entry]:
        """The sessions that stay, in the order of their ids."""
        entries = name_apart(self.entries)
        threshold = self.recipe.settings.filters.duplicate_containment
        pairs = list(self.index.pairs(threshold / 2))
        # A session that nobody need decide about is better than a longer one that waits.
        sizes = [entry.words + (0 if entry.held else READY) for entry in entries]
        dropped = choose(pairs, sizes, threshold)
        for number, drop in dropped.items():
            why = f"says the same as {entries[drop.of].id}"
            self.report.leave_out(entries[number].id, entries[number].file, why, "near-duplicate")
        hold = "duplicate" in self.recipe.settings.review.hold
        for pair in pairs:
            if not {pair.first, pair.second} & dropped.keys():
                why = f"shares {pair.containment:.0%} with {entries[pair.first].id}"
                entries[pair.second] = resembling(entries[pair.second], why, hold=hold)
        left = [entry for number, entry in enumerate(entries) if number not in dropped]
        drawn = draw(left, self.recipe.settings.limit, seed)
        for entry in left:
            if entry.id not in drawn:
                self.report.leave_out(entry.id, entry.file, "beyond the limit")
        return sorted((each for each in left if each.id in drawn), key=lambda entry: entry.id)

    def write(self, kept: list[Entry], outputs: Outputs) -> None:
        """Write all files, and put them in their places together, the sessions last.

        So nothing is half written, and where the new sessions are, the rest is.
        """
        drafts = Outputs.in_folder(self.folder / "outputs")
        write_jsonl(drafts.history, map(self.history_of, kept))
        write_jsonl(drafts.held, self.all_held([entry for entry in kept if entry.held]))
        write_jsonl(drafts.real, self.all_ready([entry for entry in kept if not entry.held]))
        write_json(drafts.report, self.report.as_json())
        drafts.card.write_text(data_card(self.report), encoding="utf-8")
        self.mapping.publish()
        for name in ("history", "held", "report", "card", "real"):
            getattr(drafts, name).replace(getattr(outputs, name))

    def all_held(self, entries: Iterable[Entry]) -> Iterator[Held]:
        """What waits for a person, and what is quarantined."""
        found = (
            Held(id=e.id, reasons=e.held, session=self.session_of(e), digest=e.digest)
            for e in entries
        )
        quarantined = (Held.model_validate_json(self.spill.read(at)) for at in self.quarantined)
        for held in itertools.chain(found, quarantined):
            self.report.hold(held)
            yield held

    def all_ready(self, entries: Iterable[Entry]) -> Iterator[Session]:
        """The sessions that are ready, each counted."""
        for entry in entries:
            session = self.session_of(entry)
            self.report.keep(session, self.history_of(entry))
            yield session

    def session_of(self, entry: Entry) -> Session:
        """A session, with what became known after it was made."""
        session = self.spill.session(entry.session)
        if entry.near:
            session.provenance["flags"]["duplicate"] = entry.near
        return session.model_copy(update={"id": entry.id})

    def history_of(self, entry: Entry) -> History:
        """A session's history."""
        return self.spill.history(entry.history).model_copy(update={"id": entry.id})


def lazily(source: Source, hints: Hints, kind: str) -> Iterator[Transcript]:
    """A source's transcripts; nothing of it is looked at before the first is asked for."""
    yield from read_source(source, hints, kind)
