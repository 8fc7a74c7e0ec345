"""The experiment's configuration: frozen, strict, one small file per stage."""

from hybridtune.config.experiment import ROLES, Experiment
from hybridtune.config.load import load_experiment

__all__ = ["ROLES", "Experiment", "load_experiment"]
