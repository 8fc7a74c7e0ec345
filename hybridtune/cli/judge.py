"""`hybridtune judge`: calibrate against ratings, audit and probe on a run."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from eval.audit import audit_run
from eval.calibrate import INDICATORS, Plan, calibrate
from eval.calibration_page import markdown
from eval.probes import probe_run
from eval.ratings import read_ratings
from hybridtune.cli.reproduce import find_run
from hybridtune.config import Experiment, load_experiment
from hybridtune.config.experiment import PANEL
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError, InputError
from hybridtune.places import check_models, check_run_places
from hybridtune.progress import Reporter
from hybridtune.records import atomic_write, write_json
from hybridtune.runs import Run, load_run, lock_run

SCRIPTED = "scripted"
PROBED = ("sympathy", "padding", "markdown", "twice", "parrot", "other", "empty")


def calibrate_command(
    files: Sequence[Path],
    config: Path | None,
    judges: Sequence[str] | None,
    *,
    rubric: str | None,
    domain: str,
    out: Path,
    limit: int | None,
    resamples: int,
    permutations: int,
    overrides: Sequence[str],
) -> None:
    """Calibrate, write both files, and print the page.

    Raises:
        HybridtuneError: input that does not fit, or a judge that cannot be used.
    """
    if config is None and overrides:
        raise ConfigError("there is no experiment to override", where="--set", fix="add --config")
    experiment = load_experiment(config, overrides) if config else stand_in(domain, files)
    if rubric is not None:
        settings = experiment.evaluation.model_copy(update={"rubric": rubric})
        experiment = experiment.model_copy(update={"evaluation": settings})
    pack = load_domain(experiment.domain)
    pack.rubric(experiment.evaluation.rubric)
    asked = chosen(judges, experiment, config)
    roles = tuple(name for name in asked if name != INDICATORS)
    check_models(experiment, roles)
    ratings = read_ratings(files, pack.settings)
    refuse_finished(out)
    reporter = Reporter()
    plan = Plan(roles, INDICATORS in asked, resamples, permutations, limit)
    with lock_run(out):
        write_json(out / "experiment.json", experiment.model_dump(mode="json"))
        run = Run(out, experiment)
        result = asyncio.run(calibrate(run, pack, ratings, files, plan, reporter))
        page = markdown(result)
        with atomic_write(out / "calibration.md") as temporary:
            temporary.write_text(page, encoding="utf-8")
    console = Console()
    console.print(Markdown(page))
    console.print(f"figures: {out / 'calibration.json'}", soft_wrap=True, highlight=False)


def stand_in(domain: str, files: Sequence[Path]) -> Experiment:
    """An experiment with nothing but the scripted judge."""
    role = {"server": SCRIPTED, "sampling": {"temperature": 0}}
    return Experiment.model_validate(
        {
            "name": "calibration",
            "domain": domain,
            "model": {"name": SCRIPTED},
            "servers": {SCRIPTED: {"kind": SCRIPTED}},
            "roles": dict.fromkeys(("teacher", "patient", "counselor", "judge"), role),
            "corpus": {"paths": [str(path) for path in files]},
            "variants": {"base": {}},
        }
    )


def chosen(judges: Sequence[str] | None, experiment: Experiment, config: Path | None) -> list[str]:
    """The roles to calibrate, and `indicators` where they are asked for."""
    roles = {role.removeprefix(PANEL): role for role in experiment.judges()}
    known = {SCRIPTED: "judge"} if config is None else roles
    known = {**known, INDICATORS: INDICATORS}
    for name in judges or []:
        if name not in known:
            fix = f"known: {', '.join(known)}"
            if config is None:
                fix += "; other judges need --config"
            raise InputError(f"no judge {name!r}", where="--judge", fix=fix)
    return list(dict.fromkeys(known[name] for name in judges or known))


def refuse_finished(out: Path) -> None:
    """Figures that are there stay there; a run's folder is no place for others."""
    for name in ("calibration.json", "manifest.json"):
        if (out / name).exists():
            raise InputError(f"holds {name} already", where=str(out), fix="give another --out")


def audit_command(folder: Path, conversations: int, samples: int) -> None:
    """Audit a run's judges, and print what was found."""
    run = opened(folder)
    reporter = Reporter()
    domain = load_domain(run.experiment.domain)
    with lock_run(run.path):
        result = asyncio.run(audit_run(run, domain, reporter, count=conversations, samples=samples))
    console = Console()
    for name, told in result["judges"].items():
        console.print(repeatability_table(name, told))
        for line in [
            *(told["findings"] or ["No fault was found."]),
            *told["notes"],
            *unmeasured(told),
        ]:
            console.print(f"  * {escape(line)}", soft_wrap=True, highlight=False)
    console.print(f"figures: {run.eval / 'audit.json'}", soft_wrap=True, highlight=False)


def unmeasured(told: dict[str, Any]) -> list[str]:
    """What the audit could not look at."""
    own = told.get("self_preference", {})
    return [] if own.get("measured", True) else [f"Self-preference: not measured, {own['why']}."]


def repeatability_table(name: str, told: dict[str, Any]) -> Table:
    """Agreement of repeated readings by dimension, order and length below."""
    position, length = told["position"], told["verbosity"]
    table = Table(title=f"{name} ({told['model']['kind']}): the same conversation read again")
    table.caption = (
        f"order decides {position['flips']} of {position['n']} pairs; padding moves the score by"
        f" {shown(length['shift']['mean'])} (n = {length['shift']['n']}) and wins"
        f" {length['longer']} to {length['shorter']}, {length['tie']} tied"
    )
    for heading in ("dimension", "n", "levels", "ICC(1,1)", "ICC(2,1)", "alpha"):
        table.add_column(heading, justify="left" if heading == "dimension" else "right")
    for dimension, one in told["repeatability"].items():
        cells = [with_limits(one[key]) for key in ("icc_1_1", "icc_2_1", "alpha")]
        table.add_row(dimension, str(one["n"]), str(one["levels"]), *cells)
    return table


def with_limits(one: dict[str, float | None]) -> str:
    """A value with its interval."""
    return f"{shown(one['value'])} [{shown(one['low'])}, {shown(one['high'])}]"


def shown(value: float | None) -> str:
    """Two digits, or a dash."""
    return "-" if value is None else f"{value:.2f}"


def probe_command(folder: Path, conversations: int) -> None:
    """Probe a run's judges, and print what happened to the scores."""
    run = opened(folder)
    reporter = Reporter()
    domain = load_domain(run.experiment.domain)
    with lock_run(run.path):
        result = asyncio.run(probe_run(run, domain, conversations, reporter))
    console = Console()
    for name, told in result["judges"].items():
        table = Table(title=f"probes of {name} ({told['model']['kind']})")
        for heading in ("probe", "score must", "n", "shift, mean of dimensions", "outcome"):
            table.add_column(heading)
        for probe in PROBED:
            one = told["probes"][probe]
            shift = {"value": one["shift"], "low": one["low"], "high": one["high"]}
            must = {"no rise": "not rise", "same": "not move", "falls": "fall"}[one["rule"]]
            table.add_row(probe, must, str(one["n"]), with_limits(shift), one["outcome"])
        console.print(table)
    console.print(f"figures: {run.eval / 'probes.json'}", soft_wrap=True, highlight=False)


def opened(folder: Path) -> Run:
    """A run by path or name, its judges' models where they belong."""
    run = load_run(find_run(folder))
    check_run_places(run, run.experiment.judges())
    return run
