"""The corpus stage's one step."""

from corpus.asking import asking
from corpus.build import build_corpus
from corpus.files import input_files
from corpus.outputs import Outputs
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
        code = ["corpus", "hybridtune/reviews.py"]
        if role != "none":
            configuration |= {"role": role_part(experiment, role)}
            code += CALLING
        return fingerprint(configuration, files, code, domain=domain.digest)

    def work(reporter: Reporter) -> None:
        ask = None if role == "none" else asking(run, domain, role, reporter)
        build_corpus(experiment, outputs, domain, reporter, ask)

    written = (outputs.real, outputs.history, outputs.held, outputs.report, outputs.card)
    return [Step("corpus", "corpus", state, written, work)]
