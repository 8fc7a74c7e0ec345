"""`hybridtune config`: check an experiment file, print it whole, or print the schema."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
import yaml

from hybridtune.config import load_experiment
from hybridtune.config.descriptions import described_schema
from hybridtune.domain import load_domain
from hybridtune.errors import InputError


def config(file: Path | None, overrides: Sequence[str], *, schema: bool) -> None:
    """Print the schema, or the experiment with every default filled in."""
    if schema:
        typer.echo(json.dumps(described_schema(), indent=2))
        return
    if file is None:
        raise InputError("name an experiment file", fix="or give --schema")
    experiment = load_experiment(file, overrides)
    load_domain(experiment.domain)
    typer.echo(yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False), nl=False)
