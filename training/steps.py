"""The training stage's steps: one adapter each. Imports no torch."""

from functools import partial
from pathlib import Path

from hybridtune.domain import Domain
from hybridtune.manifest import digest, fingerprint
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.steps import Step, part
from hybridtune.weights import model_digest
from training.launch import train_variant
from training.launch_file import accelerate_config
from training.served import serving_template

HERE = Path(__file__).parent
# What only looks at sessions, or at an adapter that is there: changing it retrains nothing.
APART = {"hub", "merge", "merging", "preview", "steps"}


def code() -> list[str]:
    """The modules that an adapter depends on."""
    names = sorted(file.stem for file in HERE.glob("*.py"))
    return [f"training/{name}.py" for name in names if name not in APART]


def steps(run: Run, domain: Domain) -> list[Step]:
    """One step per trained variant."""
    return [step(run, domain, name) for name in run.experiment.trained_variants()]


def step(run: Run, domain: Domain, name: str) -> Step:
    """One adapter, in a process of its own."""
    experiment = run.experiment
    variant = experiment.variants[name]
    matched = experiment.variants[variant.match] if variant.match else variant
    configuration = part(experiment, "model", "training") | {
        "variant": variant.model_dump(),
        "matched": matched.model_dump(),
        "duplicates": experiment.corpus.filters.duplicate_containment,
    }
    # The held-out split is of real sessions in every variant, so these are always an input.
    inputs = [run.corpus / "real.jsonl"]
    inputs += [run.generation / "synthetic.jsonl"] if variant.synthetic or matched.synthetic else []

    def train(reporter: Reporter) -> None:
        train_variant(run, name, domain, reporter)

    return Step(
        f"training:{name}",
        "training",
        partial(
            fingerprint,
            configuration,
            inputs,
            [
                *code(),
                "hybridtune/duplicates.py",
            ],
            prompt=domain.system_prompt,
            opener=domain.settings.opener,
            accelerate=digest(accelerate_config(experiment.training.accelerate_config)),
            template=repr(serving_template(experiment)),
            base=model_digest(experiment.model.name, experiment.model.revision),
        ),
        (run.variant(name) / "adapter", run.variant(name) / "training.json"),
        train,
    )
