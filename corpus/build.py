"""The corpus stage: transcripts as people have them to clean, safe sessions with known speakers.

Reads the paths of `experiment.corpus` and `corpus/reviews.jsonl`. Writes `corpus/real.jsonl`
(Session records with source "real", sorted by id, without a system message), `history.jsonl`,
`held.jsonl`, `report.json` and `DATA_CARD.md` beside it.
"""

from pathlib import Path

from rich.markup import escape

from corpus.asking import Attribute
from corpus.importing import import_transcripts
from corpus.outputs import Outputs
from corpus.recipe import recipe_of
from corpus.report import Report
from hybridtune.config import Experiment
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.progress import Reporter
from hybridtune.reviews import ReviewLog


def build_corpus(
    experiment: Experiment,
    outputs: Outputs,
    domain: Domain,
    reporter: Reporter,
    attribute: Attribute | None = None,
) -> Report:
    """Import an experiment's transcripts, for its training.

    Raises:
        DataError: a path leads to nothing, no session is ready, or files cannot be read and the
            experiment does not say that they may be skipped. What can be used is written all the
            same, so that a person can look at it.
    """
    report = import_all(
        experiment.corpus, outputs, domain, experiment.seed, reporter, attribute=attribute
    )
    if report.malformed and experiment.corpus.malformed == "stop":
        raise unreadable(report)
    check_ready(report, outputs, outputs.real.parent.parent)
    return report


def check_ready(report: Report, outputs: Outputs, place: Path) -> None:
    """There must be something to train on.

    Raises:
        DataError: all sessions wait for a person, or are quarantined.
    """
    if not report.counts["sessions"]:
        raise DataError(
            f"no session is ready: {report.counts['held']} wait for a person",
            where=str(outputs.held),
            fix=f"look and decide: hybridtune corpus review {place}",
        )


def import_all(
    settings: CorpusSettings,
    outputs: Outputs,
    domain: Domain,
    seed: int,
    reporter: Reporter,
    *,
    attribute: Attribute | None = None,
) -> Report:
    """Import transcripts and say how it went; errors as in `import_transcripts`."""
    decisions = ReviewLog(outputs.reviews).decisions()
    recipe = recipe_of(settings, domain, seed, decisions)
    report = import_transcripts(recipe, outputs, seed, reporter, attribute)
    reporter.say(f"  {escape(report.summary())}")
    return report


def unreadable(report: Report) -> DataError:
    """The first file that cannot be read, and how many more there are."""
    first, more = report.malformed[0], len(report.malformed) - 1
    others = f"; and {more} more files (all in report.json)" if more else ""
    advice = "or skip such files: --set corpus.malformed=skip"
    return DataError(
        first.what + others,
        where=first.where,
        fix=f"{first.fix}; {advice}" if first.fix else advice,
    )
