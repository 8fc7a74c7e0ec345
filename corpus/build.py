"""The corpus stage: transcripts as people have them to clean sessions with two known speakers.

Reads the paths of `experiment.corpus`. Writes `corpus/real.jsonl` (Session records with source
"real", sorted by id, without a system message) and `corpus/report.json`.
"""

import hashlib
from collections import Counter

from rich.markup import escape

from corpus.files import find_files, read_text
from corpus.formats import read_document
from corpus.report import Omission, Report
from corpus.sessions import build_session, session_id
from corpus.speakers import LeftOut, known_labels
from corpus.transcript import Document
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.progress import Reporter
from hybridtune.records import Session, write_json, write_jsonl
from hybridtune.runs import Run


def build_corpus(run: Run, domain: Domain, reporter: Reporter) -> None:
    """Import the experiment's transcripts into the run folder.

    Raises:
        DataError: a path leads to nothing, a file is malformed, or no session remains.
    """
    report = import_transcripts(run.experiment.corpus, domain, run.experiment.seed, reporter)
    write_jsonl(run.corpus / "real.jsonl", report.sessions)
    write_json(run.corpus / "report.json", report.as_json())


def import_transcripts(
    settings: CorpusSettings, domain: Domain, seed: int, reporter: Reporter
) -> Report:
    """Read, clean and check all transcripts; writes nothing. Errors as in `build_corpus`."""
    found, skipped = find_files(settings.paths, settings.format)
    known = known_labels(settings, domain)
    report = Report(skipped=skipped)
    built: list[Session] = []
    unusable: list[DataError] = []
    with reporter.task("transcripts", total=len(found)) as task:
        for file in found:
            document = Document(file.path, file.name, read_text(file.path), frozenset(known))
            for transcript in read_document(document, settings.format):
                try:
                    built.append(build_session(transcript, known, settings, domain.name))
                except LeftOut as error:
                    omission = Omission(session_id(transcript), file.name, error.what)
                    report.left_out.append(omission)
                    unusable.append(DataError(error.what, where=str(file.path), fix=error.fix))
            report.files.append(file.name)
            task.advance()
    if not built:
        raise nothing_left(unusable, settings)
    report.sessions = draw(distinct(drop_copies(built, report)), settings.limit, seed, report)
    reporter.say(f"  {escape(report.summary())}")
    return report


def nothing_left(unusable: list[DataError], settings: CorpusSettings) -> DataError:
    """The error of a corpus without a session: the first one's reason, and how many more."""
    if not unusable:
        return DataError("no transcripts here", where=", ".join(settings.paths))
    first, more = unusable[0], len(unusable) - 1
    what = first.what + (f"; and {more} more sessions cannot be used" if more else "")
    return DataError(what, where=first.where, fix=first.fix)


def drop_copies(sessions: list[Session], report: Report) -> list[Session]:
    """Leave sessions out that say the same as an earlier one: they would count twice."""
    first: dict[str, Session] = {}
    for session in sessions:
        if first.setdefault(digest(session), session) is not session:
            report.leave_out(session, "a copy of another session")
    return list(first.values())


def distinct(sessions: list[Session]) -> list[Session]:
    """Give sessions whose files are named alike ids that differ, and sort by id."""
    times = Counter(session.id for session in sessions)
    renamed = [
        session.model_copy(update={"id": f"{session.id}-{digest(session)[:8]}"})
        if times[session.id] > 1
        else session
        for session in sessions
    ]
    return sorted(renamed, key=lambda session: session.id)


def draw(sessions: list[Session], limit: int | None, seed: int, report: Report) -> list[Session]:
    """Keep at most `limit` sessions, by a lottery in which each id has its own fixed number.

    So a smaller limit keeps a part of what a larger one keeps, whatever files are added.
    """
    if limit is None or limit >= len(sessions):
        return sessions
    tickets = {s.id: hashlib.sha256(f"{seed}:corpus:{s.id}".encode()).digest() for s in sessions}
    winners = set(sorted(tickets, key=tickets.__getitem__)[:limit])
    for session in sessions:
        if session.id not in winners:
            report.leave_out(session, "beyond the limit")
    return [session for session in sessions if session.id in winners]


def digest(session: Session) -> str:
    """SHA-256 of what is said, and by whom."""
    said = "\n".join(f"{message.role}\t{message.content}" for message in session.messages)
    return hashlib.sha256(said.encode()).hexdigest()
