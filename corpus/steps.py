"""The corpus stage's one step."""

import glob
from pathlib import Path

from corpus.build import build_corpus
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.runs import Run
from hybridtune.steps import Step, part


def steps(run: Run, domain: Domain) -> list[Step]:
    """Real transcripts to sessions."""
    return [
        Step(
            "corpus",
            "corpus",
            lambda: fingerprint(
                part(run.experiment, "corpus"),
                [Path(path) for name in run.experiment.corpus.paths for path in expand(name)],
                ["corpus"],
                domain=domain.digest,
            ),
            (run.corpus / "real.jsonl", run.corpus / "report.json"),
            lambda reporter: build_corpus(run, domain, reporter),
        )
    ]


def expand(pattern: str) -> list[str]:
    """Files that a path or glob means, sorted."""
    return sorted(glob.glob(pattern, recursive=True)) or [pattern]
