"""`hybridtune train check`: every check of a training, with remedies, before a weight is loaded."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import typer
from rich.console import Console

from hybridtune.cli.reproduce import find_run, run_folder
from hybridtune.config import load_experiment
from hybridtune.doctor import Check, exit_code, render
from hybridtune.domain import load_domain
from hybridtune.errors import InputError
from hybridtune.runs import Run, load_run
from training.mixture import session_files, trained_variant


def check(
    place: Path, variant: str | None, overrides: Sequence[str], *, gpu_memory: float | None
) -> None:
    """Print the checks as they are done.

    Raises:
        InputError: there is no such experiment, run or variant.
        Exit: with 1 if a check failed, else 0.
    """
    # It tells, while it is imported, that a kernel for CPUs is missing, which no training needs.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from training.device import Device, device_here  # noqa: PLC0415 - brings torch
    from training.hub import asked_once  # noqa: PLC0415
    from training.layout import leaves_gpu  # noqa: PLC0415
    from training.preflight import checks  # noqa: PLC0415

    run = planned(place, overrides)
    variants = [variant] if variant else list(run.experiment.trained_variants())
    console = Console()
    found = [check_sessions(run, name) for name in variants]
    device = device_here(cpu=leaves_gpu(run.experiment.training))
    if gpu_memory is not None:
        device = Device("a GPU", round(gpu_memory * 2**30), 1, bfloat16=True)
    for line in render(found):
        console.print(line, soft_wrap=True)
    on_hub = not Path(run.experiment.model.name).is_dir()
    with asked_once() if on_hub else nullcontext():
        for each in checks(run.experiment, load_domain(run.experiment.domain), run.path, device):
            found.append(each)
            console.print(render([each])[0], soft_wrap=True)
    raise typer.Exit(exit_code(found))


def planned(place: Path, overrides: Sequence[str]) -> Run:
    """The run of an experiment's file, or the run in a folder."""
    if not place.is_file():
        if overrides:
            raise InputError("a run's configuration is fixed", where="--set", fix="give CONFIG")
        return load_run(find_run(place))
    experiment = load_experiment(place, overrides)
    return Run(run_folder(experiment, overrides, None), experiment)


def check_sessions(run: Run, variant: str) -> Check:
    """Are the sessions there that the variant is mixed from?"""
    trained_variant(run.experiment, variant)
    files = session_files(run, variant)
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        detail = f"not there yet: {', '.join(missing)}"
        return Check(f"sessions of {variant}", "warn", detail, "hybridtune reproduce writes them")
    return Check(f"sessions of {variant}", "ok", ", ".join(str(path) for path in files))
