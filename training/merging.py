"""Starts the merging of an adapter in a process of its own. No torch here.

Writes `logs/merge-<name>.log`, and through `training.merge` the folder of the merged model.
"""

import sys
from pathlib import Path
from typing import Any

from hybridtune import guard
from hybridtune.domain import Domain
from hybridtune.errors import DataError, StageError
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run
from hybridtune.serving.command import adapter_config, check_adapter_base
from training.launch import environment, failure
from training.mixture import trained_variant


def merge_variant(
    run: Run, variant: str, domain: Domain, out: Path, repository: str | None, reporter: Reporter
) -> dict[str, Any]:
    """Merge a variant's adapter into its base; returns what the folder's `merge.json` says.

    Raises:
        ConfigError: there is no such variant, or it is the untouched base model.
        DataError: it was not trained yet, or `out` is there already.
        StageError: merging or pushing failed; with the last useful lines of the log.
    """
    check_mergeable(run, variant, out)
    command = [sys.executable, "-m", "training.merge", "--run", str(run.path.resolve())]
    command += ["--variant", variant, "--domain", str(domain.path.resolve())]
    command += ["--out", str(out.resolve())]
    command += ["--push", repository] if repository else []
    log = run.logs / f"merge-{variant}.log"
    start = log.stat().st_size if log.exists() else 0
    process = guard.start(command, log=log, env=environment(run.experiment.training))
    try:
        with reporter.task(f"merging {variant}"):
            code = process.wait()
    finally:
        guard.stop(process)
    if code:
        raise StageError(failure(f"merging {variant}", code, log, start))
    found: dict[str, Any] = read_json(out / "merge.json")
    return found


def check_mergeable(run: Run, variant: str, out: Path) -> None:
    """Refuse, before a model is loaded, what cannot be merged."""
    trained_variant(run.experiment, variant, to="merge")
    if out.exists():
        raise DataError("there already", where=f"--out {out}", fix="name a new folder")
    adapter = run.variant(variant) / "adapter"
    adapter_config(adapter)
    check_adapter_base(adapter, run.experiment.model.name)
