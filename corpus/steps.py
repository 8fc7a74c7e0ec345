"""The corpus stage's one step."""

import hashlib

from corpus.asking import asking
from corpus.build import build_corpus
from corpus.files import input_files
from corpus.outputs import Outputs
from corpus.recipe import salt_of
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.steps import CALLING, Step, part, role_part


def steps(run: Run, domain: Domain) -> list[Step]:
    """Real transcripts to sessions."""
    experiment = run.experiment
    settings, outputs = experiment.corpus, Outputs.in_folder(run.corpus)
    role = settings.review.attribution

    def state() -> str:
        files = [*input_files(settings.paths, settings.format), outputs.reviews]
        configuration = part(experiment, "corpus")
        code = ["corpus", "hybridtune/duplicates.py", "hybridtune/reviews.py"]
        if role != "none":
            configuration |= {"role": role_part(experiment, role)}
            code += CALLING
        salt = hashlib.sha256(salt_of(settings, experiment.seed)).hexdigest()
        return fingerprint(configuration, files, code, domain=domain.digest, salt=salt)

    def work(reporter: Reporter) -> None:
        ask = None if role == "none" else asking(run, domain, role, reporter)
        build_corpus(experiment, outputs, domain, reporter, ask)

    written = (outputs.real, outputs.history, outputs.held, outputs.report, outputs.card)
    return [Step("corpus", "corpus", state, written, work)]
