"""All steps of an experiment, in order: the one place that knows the four stage packages."""

from importlib import import_module

from hybridtune.domain import Domain
from hybridtune.runs import Run
from hybridtune.steps import STAGES, Step


def steps_of(run: Run, domain: Domain) -> list[Step]:
    """The steps of corpus, generation, training and eval."""
    return [step for stage in STAGES for step in import_module(f"{stage}.steps").steps(run, domain)]
