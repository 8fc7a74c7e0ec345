"""What can be known to fail before anything starts: better in a second than in an hour."""

import os
from pathlib import Path

from hybridtune.config import ROLES, Experiment
from hybridtune.config.servers import AttachedServer, ManagedServer
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, InputError
from training.options import check_training


def preflight(experiment: Experiment, domain: Domain) -> None:
    """Check paths, keys, rubrics, schemas, and the options of TRL, PEFT and bitsandbytes.

    Raises:
        InputError: the first thing that would fail later.
    """
    for pattern in experiment.corpus.paths:
        if not any(character in pattern for character in "*?[") and not Path(pattern).exists():
            raise InputError(
                "no such file or folder",
                where=f"corpus.paths: {pattern}",
                fix="relative paths count from the folder you are in",
            )
    for name in (experiment.evaluation.rubric, experiment.generation.rubric):
        domain.rubric(name)
    for name in ("persona", "scenario"):
        domain.schema(name)
    assert domain.system_prompt
    check_training(experiment.training)
    for role in ROLES:
        check_role(experiment, role)
    if experiment.evaluation.scenarios != "domain":
        path = Path(experiment.evaluation.scenarios)
        if not path.is_file():
            raise InputError("no such file", where=f"evaluation.scenarios: {path}")


def check_role(experiment: Experiment, role: str) -> None:
    """Keys must be in the environment; the base model must be served by a server of ours."""
    server = experiment.server_of(role)
    key = server.api_key_env if isinstance(server, AttachedServer) else None
    if key and not os.environ.get(key, "").strip():
        raise ConfigError(
            f"the environment variable {key} is not set",
            where=f"roles.{role}.api_key_env",
            fix=f"export {key}=...",
        )
    name = getattr(experiment.roles, role).server
    if role != "counselor" and isinstance(server, ManagedServer) and server.model is None:
        raise ConfigError(
            f"server {name!r} serves the variants under comparison",
            where=f"roles.{role}.server",
            fix="give that role a server with a model of its own",
        )
