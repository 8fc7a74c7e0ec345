"""The corpus stage's one step."""

from corpus.build import build_corpus
from corpus.files import find_files
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.runs import Run
from hybridtune.steps import Step, part


def steps(run: Run, domain: Domain) -> list[Step]:
    """Real transcripts to sessions."""
    settings = run.experiment.corpus

    def state() -> str:
        files = [file.path for file in find_files(settings.paths, settings.format)[0]]
        return fingerprint(part(run.experiment, "corpus"), files, ["corpus"], domain=domain.digest)

    return [
        Step(
            "corpus",
            "corpus",
            state,
            (run.corpus / "real.jsonl", run.corpus / "report.json"),
            lambda reporter: build_corpus(run, domain, reporter),
        )
    ]
