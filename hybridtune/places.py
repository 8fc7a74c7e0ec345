"""What an experiment names by a path, which counts from the working folder: is it there?

A model that is not found as a folder is taken for a hub id. Told here, before it is downloaded,
and before a finished run looks stale because it is used from another folder.
"""

from collections.abc import Iterable
from pathlib import Path

from hybridtune.config import Experiment
from hybridtune.config.servers import ManagedServer
from hybridtune.errors import ConfigError
from hybridtune.runs import Run

HOME = Path(__file__).parent.parent
FROM_HERE = "relative paths count from the folder you are in"
FROM_THERE = "run from the folder that you made the run from"


def check_run_places(run: Run, roles: Iterable[str]) -> None:
    """Refuse to use a run from a folder where the models behind these roles are not found.

    Raises:
        ConfigError: names the first model that is not there.
    """
    # Runs are made as runs/<name>, so that the folder above is the one they were made from.
    made_from = run.path.resolve().parent.parent
    check_models(run.experiment, roles, (HOME, made_from), FROM_THERE)


def check_models(
    experiment: Experiment,
    roles: Iterable[str],
    homes: Iterable[Path] = (HOME,),
    fix: str = FROM_HERE,
) -> None:
    """Check the base model, and the models of the servers of ours that these roles use.

    Raises:
        ConfigError: names the first folder that is not there.
    """
    models = {"model.name": experiment.model.name}
    for role in roles:
        server = experiment.server_of(role)
        if isinstance(server, ManagedServer) and server.model:
            name = experiment.answering(role).server
            models[f"servers.{name}.model"] = server.model
    for where, model in models.items():
        if not Path(model).is_dir() and is_folder_name(model, homes):
            raise ConfigError("no such folder here", where=f"{where}: {model}", fix=fix)


def is_folder_name(model: str, homes: Iterable[Path]) -> bool:
    """Whether a name cannot be a hub id: by its form, or by what lies here or in `homes`."""
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        return True
    first, slash, _ = model.partition("/")
    return bool(slash and Path(first).is_dir()) or any((home / model).is_dir() for home in homes)
